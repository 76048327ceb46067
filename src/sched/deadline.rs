//! Waits in a queue that the clock may end: how they become visible, and how they are settled.

use super::lock::RawLock;
use super::park;
use super::sudog::Parker;
use super::ticket::Ticket;
use super::timers::Timer;

/// What publishes a waiter that holds its queue's lock, in this order: the timer is started, the
/// lock given up.
#[derive(Clone, Copy)]
pub(crate) struct Commit<'a> {
    pub(crate) lock: &'a RawLock,
    pub(crate) timer: Option<&'a Timer>,
}

impl Commit<'_> {
    /// The commit of the wait.
    ///
    /// # Safety
    /// The argument is a `Commit`; the waiter locked its lock, and cancels its timer before it
    /// leaves.
    pub(crate) unsafe fn run(argument: *mut ()) -> bool {
        // SAFETY: by the caller's promise. It is copied first: with the timer started the waiter
        // may be readied, though it cannot leave before it gets the lock.
        let Commit { lock, timer } = unsafe { *argument.cast::<Commit<'_>>() };
        if let Some(timer) = timer {
            // SAFETY: by the caller's promise.
            unsafe { park::start_timer(timer) };
        }
        // SAFETY: by the caller's promise.
        unsafe { lock.unlock() };
        true
    }
}

/// After a wait with a deadline: whether the clock ended it. The timer is gone, the ticket has its
/// winner, and nobody but the queue's members touches the waiter's stack any more. `woken`: the
/// caller was woken, and did not merely sleep until its deadline.
pub(crate) fn settle(ticket: &Ticket, timer: Option<&Timer>, woken: bool, parker: &Parker) -> bool {
    if let Some(timer) = timer {
        timer.cancel();
    }
    // A thread that timed out must win its ticket like any other; else a partner has it and is
    // about to wake the thread.
    let expired = if woken { ticket.is_expired() } else { ticket.claim(Ticket::EXPIRED) };
    if !woken && !expired {
        parker.park(None);
    }
    expired
}
