//! Timers that send the time on a channel, once or again and again.
//!
//! The channel holds one value but looks as if without a buffer, as Go's since 1.23: what the timer
//! has sent and nobody received is taken back when it is stopped or started anew. Sending happens
//! under the timer's lock, after a look whether it is still wanted, and so does the taking back; so
//! nothing of before a stop is received after it.
//!
//! Locks, in this order: the timer's, the channel's, a heap's.

use std::mem::MaybeUninit;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::{Instant, moment_ns};
use crate::chan::core::{Core, Unreceived};
use crate::chan::head::Attempt;
use crate::chan::{self, Receiver};
use crate::sched::Inside;
use crate::sched::clock::Clock;
use crate::sched::sudog::Woken;
use crate::sched::timer_state::Arming;
use crate::sched::timers::{Fire, Timer};

/// See the module documentation.
pub(super) struct ChanTimer {
    timer: Timer,
    clock: Clock,
    channel: Arc<Core<Instant>>,
    state: Mutex<State>,
}

/// Under the timer's lock, which is held inside only, for a few instructions.
struct State {
    arming: Arming,
    when_ns: u64,
    /// 0: it fires once.
    period_ns: u64,
}

impl ChanTimer {
    /// A timer that fires after `duration`, and then after each `period`, if there is one.
    pub(super) fn start(
        duration: Duration,
        period: Option<Duration>,
    ) -> (Arc<ChanTimer>, Receiver<Instant>) {
        let state = State { arming: Arming::default(), when_ns: 0, period_ns: 0 };
        let clock = Clock::current();
        let timer = Arc::new_cyclic(|this: &Weak<ChanTimer>| ChanTimer {
            timer: Timer::call(),
            clock,
            channel: Arc::new(Core::of_timer(Weak::<ChanTimer>::clone(this))),
            state: Mutex::new(state),
        });
        let receiver = chan::receiver_of(Arc::clone(&timer.channel));
        timer.restart(duration, period);
        (timer, receiver)
    }

    /// Stops the timer. Returns whether that prevented its firing, or took a value back that
    /// nobody had received.
    pub(super) fn stop(&self) -> bool {
        self.clock.check("stop of a timer");
        self.stop_unchecked()
    }

    fn stop_unchecked(&self) -> bool {
        let rt = Inside::enter();
        let mut state = self.state.lock();
        let stopped = self.stop_locked(&mut state);
        drop(state);
        drop(rt);
        stopped
    }

    /// Under the lock. The heap's share of the timer goes, but the caller has another.
    fn stop_locked(&self, state: &mut State) -> bool {
        let prevented = state.arming.disarm();
        drop(self.timer.withdraw());
        self.take_back() || prevented
    }

    /// Starts the timer anew; returns what a stop would have.
    pub(super) fn reset(self: &Arc<Self>, duration: Duration, period: Option<Duration>) -> bool {
        self.clock.check("reset of a timer");
        self.restart(duration, period)
    }

    fn restart(self: &Arc<Self>, duration: Duration, period: Option<Duration>) -> bool {
        let rt = Inside::enter();
        let mut state = self.state.lock();
        let stopped = self.stop_locked(&mut state);
        let now_ns = self.clock.now_ns();
        state.when_ns = moment_ns(now_ns, duration);
        state.period_ns = period.map_or(0, |period| moment_ns(0, period));
        let turn = state.arming.arm();
        // What is due at once is there at once.
        let at_once = state.when_ns <= now_ns && self.clock.is_current();
        let woken = match at_once {
            true => self.fire_locked(&rt, &mut state, turn),
            false => {
                self.keep(&rt, &state, turn);
                Woken::Nobody
            }
        };
        drop(state);
        // SAFETY: popped once, and no lock is held.
        unsafe { woken.wake_and_leave(rt) };
        stopped
    }

    /// Under the lock: puts the timer into its heap.
    fn keep(self: &Arc<Self>, rt: &Inside, state: &State, turn: u64) {
        let owner: Arc<ChanTimer> = Arc::clone(self);
        // SAFETY: the timer is its owner's and in no heap; the lock sees to one caller.
        unsafe { self.clock.keep(rt, &self.timer, state.when_ns, owner, turn) };
    }

    /// Under the lock: fires, if this turn is still wanted. Returns whom to wake.
    fn fire_locked(self: &Arc<Self>, rt: &Inside, state: &mut State, turn: u64) -> Woken {
        if !state.arming.claim(turn) {
            return Woken::Nobody;
        }
        let now_ns = self.clock.now_ns();
        let late_ns = now_ns.saturating_sub(state.when_ns);
        if let Some(missed) = late_ns.checked_div(state.period_ns) {
            // Ticks that were missed are left out.
            let next_ns = state.period_ns.saturating_mul(missed + 1);
            state.when_ns = state.when_ns.saturating_add(next_ns).min(u64::MAX - 1);
            let turn = state.arming.arm();
            self.keep(rt, state, turn);
        }
        let mut value = Instant::from_ns(now_ns);
        let head = &self.channel.head;
        head.lock();
        // SAFETY: locked just now. A value that is not taken needs no drop.
        let attempt = unsafe { self.channel.send_locked(&raw mut value) };
        // SAFETY: locked above.
        unsafe { head.unlock() };
        match attempt {
            Attempt::Done(woken) => woken,
            // A tick that nobody received is there still; or nobody will receive any more.
            Attempt::Wait | Attempt::Closed => Woken::Nobody,
        }
    }

    /// Takes back what nobody has received.
    fn take_back(&self) -> bool {
        let mut value = MaybeUninit::<Instant>::uninit();
        let head = &self.channel.head;
        head.lock();
        // SAFETY: locked just now.
        let attempt = unsafe { self.channel.recv_locked(value.as_mut_ptr()) };
        // SAFETY: locked above.
        unsafe { head.unlock() };
        // There are no senders to wake.
        matches!(attempt, Attempt::Done(_))
    }
}

impl Fire for ChanTimer {
    fn fire(self: Arc<Self>, rt: &Inside, turn: u64) {
        let mut state = self.state.lock();
        let woken = self.fire_locked(rt, &mut state, turn);
        drop(state);
        // SAFETY: popped once, and no lock is held.
        unsafe { woken.wake_inside(rt) };
    }
}

impl Unreceived for ChanTimer {
    fn unreceived(&self) {
        self.stop_unchecked();
    }
}
