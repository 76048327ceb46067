//! Whose time it is: the machine's, or a bubble's.

use std::sync::Arc;
use std::time::Duration;

use super::bubble::{self, Bubble};
use super::m::M;
use super::timers::{Fire, Timer, Timers};
use super::{Inside, SCHED, is_started, p};
use crate::sys::clock;

/// A clock, with the timers that go by it.
#[derive(Clone)]
pub(crate) struct Clock(Option<Arc<Bubble>>);

impl Clock {
    /// The caller's clock.
    ///
    /// # Panics
    /// If no [`run`](crate::run) has begun, when nobody would fire timers.
    pub(crate) fn current() -> Clock {
        assert!(is_started(), "gort: no runtime: timers can be started once gort::run has begun");
        Clock(bubble::current_bubble().cloned())
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.0.as_ref().map_or_else(clock::monotonic_ns, |bubble| bubble.now_ns())
    }

    /// Whether it is the caller's clock.
    pub(crate) fn is_current(&self) -> bool {
        self.0.as_ref().map(|bubble| bubble.id()) == bubble::current()
    }

    /// Sees to it that a bubble's timer is used in that bubble only.
    ///
    /// # Panics
    /// If the caller is not in the clock's bubble.
    pub(crate) fn check(&self, what: &str) {
        if let Some(bubble) = &self.0 {
            bubble::check_same(bubble.id(), what);
        }
    }

    /// The bubble, for the extras of goroutines that belong to it.
    pub(crate) fn bubble(&self) -> Option<Arc<Bubble>> {
        self.0.clone()
    }

    /// Starts a timer that calls its owner at `when_ns`, with this turn.
    ///
    /// # Safety
    /// As for [`Timers::keep`].
    pub(crate) unsafe fn keep(
        &self,
        rt: &Inside,
        timer: &Timer,
        when_ns: u64,
        owner: Arc<dyn Fire>,
        turn: u64,
    ) {
        match &self.0 {
            // SAFETY: by the caller's promise.
            Some(bubble) => unsafe { bubble.keep_timer(rt, timer, when_ns, owner, turn) },
            None => {
                // SAFETY: as above.
                unsafe { home(rt).keep(timer, when_ns, owner, turn) };
                SCHED.idle.timer_added(when_ns);
            }
        }
    }
}

/// Now, by the caller's clock.
#[inline]
pub(crate) fn now_ns() -> u64 {
    match bubble::current_bubble() {
        None => clock::monotonic_ns(),
        Some(bubble) => bubble.now_ns(),
    }
}

/// The moment `timeout` from now by the caller's clock; `None`: beyond its range, never.
pub(crate) fn deadline_ns(timeout: Duration) -> Option<u64> {
    let timeout_ns = u64::try_from(timeout.as_nanos()).ok()?;
    now_ns().checked_add(timeout_ns)
}

/// Where the caller's timers go that belong to no bubble. A thread without a processor (a plain
/// one, or one that blocks for its goroutine) gives them to the first processor, which never
/// retires.
pub(super) fn home(rt: &Inside) -> &'static Timers {
    let p = rt.m().and_then(M::p).or_else(|| p::get(0)).expect("there are processors");
    &p.shared.timers
}
