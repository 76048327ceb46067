//! A queue of waiters under a lock of its own: what everything here that waits is made of.

use std::cell::UnsafeCell;
use std::mem::ManuallyDrop;

use crate::sched::Inside;
use crate::sched::bubble::{self, BubbleId};
use crate::sched::contention::{Arrival, Charge};
use crate::sched::deadline::{Commit, settle};
use crate::sched::lock::RawLock;
use crate::sched::park::Wait;
use crate::sched::sudog::{Outcome, Parker, Sudog, WaitQueue, Waiter, WakeList};
use crate::sched::ticket::Ticket;
use crate::sched::timers::Timer;
use crate::wire::reason::WaitReason;

/// The queue. Whatever is inside the runtime may lock it, for a few instructions.
pub(super) struct Queue {
    lock: RawLock,
    waiters: UnsafeCell<WaitQueue>,
    /// The test bubble whose goroutines alone may use it.
    bubble: Option<BubbleId>,
}

// SAFETY: the queue is touched under its lock, and its members stand for parked goroutines and
// threads, which may be woken from anywhere.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    pub(super) const fn new() -> Queue {
        Queue { lock: RawLock::new(), waiters: UnsafeCell::new(WaitQueue::new()), bubble: None }
    }

    /// A queue of the caller's test bubble, if it is in one.
    pub(super) fn in_bubble() -> Queue {
        Queue { bubble: bubble::current(), ..Queue::new() }
    }

    /// Sees to it that the caller may use the queue. Outside of the runtime.
    ///
    /// # Panics
    /// If it is a bubble's and the caller is not in the bubble; `what` says what it is about to do.
    #[inline]
    pub(super) fn check(&self, what: &str) {
        if let Some(id) = self.bubble {
            bubble::check_same(id, what);
        }
    }

    /// Locks the queue. The caller is inside the runtime.
    pub(super) fn lock<'a>(&'a self, _rt: &Inside) -> Locked<'a> {
        self.lock.lock();
        Locked { queue: self }
    }
}

/// A wait to be.
pub(super) struct Waiting {
    pub(super) reason: WaitReason,
    /// What whoever finds the waiter in the queue may read and write, on the waiter's stack.
    pub(super) place: *mut u8,
    /// Before all others instead of after them.
    pub(super) at_front: bool,
    pub(super) deadline_ns: Option<u64>,
    /// In a test bubble, only the bubble itself can end the wait.
    pub(super) is_durable: bool,
}

impl Waiting {
    /// A wait at the end of the queue, without a limit.
    pub(super) fn new(reason: WaitReason) -> Waiting {
        Waiting {
            reason,
            place: std::ptr::null_mut(),
            at_front: false,
            deadline_ns: None,
            is_durable: false,
        }
    }
}

/// The locked queue.
pub(super) struct Locked<'a> {
    queue: &'a Queue,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: locked in `Queue::lock`.
        unsafe { self.queue.lock.unlock() };
    }
}

impl Locked<'_> {
    fn waiters(&mut self) -> &mut WaitQueue {
        // SAFETY: the lock is ours, and the borrow ends before it is free.
        unsafe { &mut *self.queue.waiters.get() }
    }

    /// The place of the first waiter, null if nobody waits.
    pub(super) fn first_place(&mut self) -> *mut u8 {
        // SAFETY: a member of the queue waits as long as the lock is ours.
        unsafe { self.waiters().first().as_ref() }.map_or(std::ptr::null_mut(), |s| s.element)
    }

    pub(super) fn is_empty(&mut self) -> bool {
        self.waiters().is_empty()
    }

    /// Whether two or more wait.
    pub(super) fn has_second(&mut self) -> bool {
        self.waiters().has_second()
    }

    /// Takes out the first waiter; it is told `outcome` and must be woken, once the lock is free.
    pub(super) fn pop(&mut self, outcome: Outcome) -> Option<Waiter> {
        let sudog = self.waiters().pop()?;
        // SAFETY: popped, so it waits for us.
        unsafe {
            (*sudog).outcome = outcome;
            Some((*sudog).waiter)
        }
    }

    /// Takes out the first waiter and no other, tells it that it is served, and puts it on the
    /// list. False: its time is over, or nobody waits.
    pub(super) fn take_first_to(&mut self, list: &mut WakeList) -> bool {
        // SAFETY: a member of the queue until now, so it has not left.
        let first = self.waiters().take_first().filter(|&sudog| unsafe { (*sudog).claim() });
        first.map(|sudog| serve(sudog, list)).is_some()
    }

    /// Takes out everybody: how many there were.
    pub(super) fn pop_all_to(&mut self, list: &mut WakeList) -> usize {
        let mut count = 0;
        while let Some(sudog) = self.waiters().pop() {
            serve(sudog, list);
            count += 1;
        }
        count
    }

    /// Takes out the waiter whose place satisfies `is_it`; it must be woken, once the lock is free,
    /// and sees [`Outcome::Closed`].
    pub(super) fn take_out(&mut self, is_it: impl Fn(*mut u8) -> bool) -> Option<Waiter> {
        let waiters = self.waiters();
        let sudog = waiters.find(|sudog| is_it(sudog.element))?;
        // SAFETY: a member of the queue; nobody else may wake it, since it has no ticket.
        unsafe {
            waiters.remove(sudog);
            (*sudog).outcome = Outcome::Closed;
            Some((*sudog).waiter)
        }
    }

    /// What the caller, who unlocks a lock, made those in the queue wait for: their places are
    /// [`Arrival`]s. Before any of them is taken out.
    #[inline]
    pub(super) fn charge(&mut self) -> Option<Charge> {
        let mut charge = Charge::new()?;
        // SAFETY: members of the queue wait, and their places are what the caller says.
        self.waiters().find(|sudog| !unsafe { charge.add(sudog.element.cast::<Arrival>()) });
        Some(charge)
    }

    /// Puts the caller into the queue, calls `queued`, and blocks until somebody pops and wakes it,
    /// or the deadline has come ([`Outcome::Waiting`]). The lock is free when the caller is off
    /// its stack.
    pub(super) fn wait(
        self,
        rt: Inside,
        waiting: Waiting,
        queued: impl FnOnce(&Inside),
    ) -> (Inside, Outcome) {
        let this = ManuallyDrop::new(self); // the commit unlocks it
        let queue = this.queue;
        let parker = Parker::new();
        let waiter = rt.waiter(&parker);
        let deadline =
            waiting.deadline_ns.map(|when_ns| Deadline { when_ns, ticket: Ticket::new() });
        let ticket = deadline.as_ref().map_or(std::ptr::null(), |d| &raw const d.ticket);
        let mut sudog = Sudog::new(waiter, waiting.place, ticket);
        let sudog_ptr = &raw mut sudog;
        // SAFETY: the lock is ours; the sudog leaves the queue before this function returns.
        unsafe {
            let waiters = &mut *queue.waiters.get();
            if waiting.at_front { waiters.push_front(sudog_ptr) } else { waiters.push(sudog_ptr) }
        }
        queued(&rt);
        let timer = deadline.as_ref().and_then(|d| d.start(waiter));
        let commit = Commit { lock: &queue.lock, timer: timer.as_ref() };
        let argument = std::ptr::from_ref(&commit).cast_mut().cast();
        let wait = Wait { reason: waiting.reason, commit: Commit::run, argument };
        if waiting.is_durable {
            rt.durable()
        } else {
            rt.durable_in(queue.bubble)
        }
        // SAFETY: all of it lies on this stack until the wait is over.
        let (rt, woken) = unsafe { rt.block(waiter, wait, waiting.deadline_ns) };
        if let Some(deadline) = &deadline
            && settle(&deadline.ticket, timer.as_ref(), woken, &parker)
        {
            let mut queue = queue.lock(&rt);
            // SAFETY: it was pushed to this queue.
            unsafe { queue.waiters().remove(sudog_ptr) };
        }
        // SAFETY: out of the queue; volatile, since others wrote it while we were parked.
        let outcome = unsafe { (&raw const (*sudog_ptr).outcome).read_volatile() };
        (rt, outcome)
    }
}

/// Tells a waiter that was taken out that it is served, and puts it on the list.
fn serve(sudog: *mut Sudog, list: &mut WakeList) {
    // SAFETY: taken out of its queue by the caller, so it waits for the caller.
    unsafe {
        (*sudog).outcome = Outcome::Served;
        list.push(sudog);
    }
}

/// The end of a wait by the clock.
struct Deadline {
    when_ns: u64,
    ticket: Ticket,
}

impl Deadline {
    /// A goroutine's timer; a thread's sleep has its own limit.
    fn start(&self, waiter: Waiter) -> Option<Timer> {
        match waiter {
            Waiter::Goroutine(g) => Some(Timer::expire(self.when_ns, g, &self.ticket)),
            Waiter::Thread(_) => None,
        }
    }
}
