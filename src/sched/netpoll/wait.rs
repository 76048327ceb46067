//! Waiting for a socket: by a goroutine, a plain thread, or a future.

use std::task::{Context, Poll};
use std::time::Duration;

use super::Registration;
use super::descriptor::{Descriptor, Side};
use crate::sched::deadline::{Commit, settle};
use crate::sched::lock::RawLock;
use crate::sched::park::Wait;
use crate::sched::sudog::{Outcome, Parker, Sudog, Waiter};
use crate::sched::ticket::Ticket;
use crate::sched::timers::{NEVER, Timer};
use crate::sched::{Inside, clock, is_started};
use crate::sys::socket;
use crate::wire::reason::WaitReason;

/// How often a plain thread looks up before there is a runtime.
const UNSTARTED: Duration = Duration::from_millis(10);

/// Why a call must not go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// The socket has been closed.
    Closed,
    /// The deadline has passed.
    TimedOut,
}

/// What one call knows of its waiting.
#[derive(Default)]
pub(crate) struct Waiting {
    /// Its own deadline, from the first wait on.
    deadline_ns: Option<u64>,
    /// It has waited, so others may wait behind it.
    pub(crate) has_waited: bool,
}

impl Registration {
    /// Whether a call may be tried.
    #[inline]
    pub(crate) fn check(&self, side: Side) -> Result<(), Refusal> {
        if self.is_closed() {
            return Err(Refusal::Closed);
        }
        let deadline_ns = self.deadline_ns(side);
        if deadline_ns != NEVER && deadline_ns <= clock::now_ns() {
            return Err(Refusal::TimedOut);
        }
        Ok(())
    }

    /// Waits until a call may find something, or the deadline has been moved.
    pub(crate) fn wait(&self, side: Side, waiting: &mut Waiting) -> Result<(), Refusal> {
        waiting.has_waited = true;
        let own_ns = *waiting.deadline_ns.get_or_insert_with(|| match self.timeout_ns(side) {
            0 => NEVER,
            timeout_ns => clock::now_ns().saturating_add(timeout_ns),
        });
        let rt = Inside::enter_to_block();
        if rt.m().is_none() && !is_started() {
            return self.wait_alone(rt, side, own_ns);
        }
        self.lock.lock();
        let deadline_ns = own_ns.min(self.deadline_ns(side));
        let verdict = self.verdict(side, deadline_ns);
        if verdict.is_some() {
            // SAFETY: locked above.
            unsafe { self.lock.unlock() };
        }
        match verdict {
            Some(verdict) => verdict,
            None if deadline_ns == NEVER => {
                // SAFETY: locked above.
                unsafe { self.block(rt, side) };
                Ok(())
            }
            // SAFETY: locked above.
            None => unsafe { self.block_until(rt, side, deadline_ns) },
        }
    }

    /// What there is to say without waiting. Under the lock.
    fn verdict(&self, side: Side, deadline_ns: u64) -> Option<Result<(), Refusal>> {
        if self.is_closed() {
            Some(Err(Refusal::Closed))
        } else if self.look_if_ready(side).is_some() {
            Some(Ok(()))
        } else if deadline_ns != NEVER && deadline_ns <= clock::now_ns() {
            Some(Err(Refusal::TimedOut))
        } else {
            None
        }
    }

    /// Without a runtime nobody polls: the thread looks after its socket itself.
    #[cold]
    fn wait_alone(&self, rt: Inside, side: Side, own_ns: u64) -> Result<(), Refusal> {
        drop(rt);
        let deadline_ns = own_ns.min(self.deadline_ns(side));
        let left_ns = deadline_ns.saturating_sub(clock::now_ns());
        if left_ns == 0 {
            return Err(Refusal::TimedOut);
        }
        let timeout = UNSTARTED.min(Duration::from_nanos(left_ns));
        socket::wait_for_one(self.fd, side == Side::Write, timeout);
        self.assume_ready(&Inside::enter(), side);
        Ok(())
    }

    /// Waits for a future. The last one that asked is told.
    pub(crate) fn poll_ready(&self, side: Side, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        let is_over = || {
            let is_ready = self.look_if_ready(side).is_some();
            if self.is_closed() { Some(Err(Refusal::Closed)) } else { is_ready.then_some(Ok(())) }
        };
        if let Some(result) = is_over() {
            return Poll::Ready(result);
        }
        assert!(is_started(), "gort: no runtime: futures can wait once gort::run has begun");
        let waker = cx.waker().clone();
        let rt = Inside::enter();
        let (result, unused) = self.locked(&rt, |state| match is_over() {
            Some(result) => (Poll::Ready(result), Some(waker)),
            None => (Poll::Pending, self.keep_waker(state, side, waker)),
        });
        drop(rt);
        drop(unused);
        result
    }
}

impl Descriptor {
    /// Waits in the queue. The frame is small: while it waits, it is what has to come back into the
    /// cache.
    ///
    /// # Safety
    /// The caller has locked the descriptor.
    #[inline(never)]
    unsafe fn block(&self, rt: Inside, side: Side) {
        let parker = Parker::new();
        let waiter = rt.waiter(&parker);
        let mut sudog = Sudog::new(waiter, std::ptr::null_mut(), std::ptr::null());
        // SAFETY: the lock is ours; the sudog is out of the queue when the wait is over.
        unsafe { self.line_up(side, &raw mut sudog) };
        let argument = std::ptr::from_ref(&self.lock).cast_mut().cast();
        let wait = Wait { reason: WaitReason::Network, commit: RawLock::commit, argument };
        // SAFETY: the lock and the sudog stay until the wait is over.
        drop(unsafe { rt.block(waiter, wait, None) });
    }

    /// As [`Descriptor::block`], but at most until the deadline.
    ///
    /// # Safety
    /// As for [`Descriptor::block`].
    #[inline(never)]
    unsafe fn block_until(&self, rt: Inside, side: Side, deadline_ns: u64) -> Result<(), Refusal> {
        let parker = Parker::new();
        let waiter = rt.waiter(&parker);
        let ticket = Ticket::new();
        let timer = match waiter {
            Waiter::Goroutine(g) => Some(Timer::expire(deadline_ns, g, &ticket)),
            Waiter::Thread(_) => None,
        };
        let mut sudog = Sudog::new(waiter, std::ptr::null_mut(), &ticket);
        let sudog = &raw mut sudog;
        // SAFETY: the lock is ours; the sudog leaves the queue before this function returns.
        unsafe { self.line_up(side, sudog) };
        let commit = Commit { lock: &self.lock, timer: timer.as_ref() };
        let argument = std::ptr::from_ref(&commit).cast_mut().cast();
        let wait = Wait { reason: WaitReason::Network, commit: Commit::run, argument };
        // SAFETY: all of it lies on this stack until the wait is over.
        let (rt, woken) = unsafe { rt.block(waiter, wait, Some(deadline_ns)) };
        if settle(&ticket, timer.as_ref(), woken, &parker) {
            // SAFETY: it was pushed to the queue of this direction.
            self.locked(&rt, |state| unsafe { state.leave(side, sudog) });
        }
        drop(rt);
        // SAFETY: out of every queue; volatile, since others wrote it while we were parked.
        match unsafe { (&raw const (*sudog).outcome).read_volatile() } {
            Outcome::Waiting => Err(Refusal::TimedOut),
            Outcome::Served | Outcome::Closed => Ok(()),
        }
    }
}
