//! Sudog: a waiter in a queue. Named after Go's, which stands for "pseudo-g".
//!
//! A waiter is a goroutine or a plain thread; its sudog lies on its own stack while it waits. One
//! waiter may stand in several queues, or race with a timer: then all of them share a [`Ticket`],
//! and whoever claims it first wakes the waiter. A sudog whose ticket is lost is skipped.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::Inside;
use super::g::G;
use super::ticket::Ticket;
use crate::sys::{clock, futex};

/// Where a plain thread sleeps: a word on its own stack.
pub(crate) struct Parker(AtomicU32);

impl Parker {
    pub(crate) const fn new() -> Parker {
        Parker(AtomicU32::new(0))
    }

    /// Sleeps until [`Waiter::wake`]. False: `deadline_ns` came first.
    pub(crate) fn park(&self, deadline_ns: Option<u64>) -> bool {
        // ORDERING: Acquire, pairs with the Release in `unpark`.
        while self.0.load(Ordering::Acquire) == 0 {
            let left = deadline_ns.map(|d| d.saturating_sub(clock::monotonic_ns()));
            if left == Some(0) {
                return false;
            }
            futex::wait(&self.0, 0, left.map(Duration::from_nanos));
        }
        true
    }

    /// # Safety
    /// The parker's thread waits for this call.
    unsafe fn unpark(this: *const Parker) {
        // SAFETY: the thread cannot leave before the store.
        let word = unsafe { &raw const (*this).0 };
        // SAFETY: as above; after the store only the address is used.
        // ORDERING: Release, pairs with the Acquire in `park`.
        unsafe { (*word).store(1, Ordering::Release) };
        futex::wake(word, 1);
    }
}

/// Who waits.
#[derive(Clone, Copy)]
pub(crate) enum Waiter {
    /// A parked goroutine.
    Goroutine(&'static G),
    /// A plain thread.
    Thread(*const Parker),
}

impl Waiter {
    /// Makes the waiter run again.
    ///
    /// # Safety
    /// It waits, this is the only call for this wait, and a goroutine's park is complete or will
    /// be before the lock that made the waiter visible is free.
    #[inline]
    pub(crate) unsafe fn wake(self, rt: &Inside) {
        match self {
            Waiter::Goroutine(g) => rt.ready(g),
            // SAFETY: by the caller's promise.
            Waiter::Thread(parker) => unsafe { Parker::unpark(parker) },
        }
    }
}

/// How a wait in a queue ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// Not yet.
    Waiting,
    /// A partner came: the element has been moved.
    Served,
    /// The channel was closed: the element has not been moved.
    Closed,
}

/// A waiter's place in a queue.
pub(crate) struct Sudog {
    next: *mut Sudog,
    prev: *mut Sudog,
    queued: bool,
    ticket: *const Ticket,
    pub(crate) waiter: Waiter,
    /// Where the element is, or goes.
    pub(crate) element: *mut u8,
    pub(crate) outcome: Outcome,
}

impl Sudog {
    /// `ticket`: shared with whoever else may wake the waiter; null if nobody else may.
    pub(crate) fn new(waiter: Waiter, element: *mut u8, ticket: *const Ticket) -> Sudog {
        Sudog {
            next: std::ptr::null_mut(),
            prev: std::ptr::null_mut(),
            queued: false,
            ticket,
            waiter,
            element,
            outcome: Outcome::Waiting,
        }
    }

    fn claim(&self) -> bool {
        // SAFETY: null or a ticket beside the sudog.
        unsafe { self.ticket.as_ref() }.is_none_or(|t| t.claim(Ticket::SERVED))
    }
}

/// A queue of waiters, first come, first served. Its owner's lock protects it and its members.
pub(crate) struct WaitQueue {
    head: *mut Sudog,
    tail: *mut Sudog,
}

impl WaitQueue {
    pub(crate) const fn new() -> WaitQueue {
        WaitQueue { head: std::ptr::null_mut(), tail: std::ptr::null_mut() }
    }

    /// Appends a waiter.
    ///
    /// # Safety
    /// The sudog stays in place until it is out of the queue.
    pub(crate) unsafe fn push(&mut self, sudog: *mut Sudog) {
        // SAFETY: members of the queue are alive and ours under the owner's lock.
        unsafe {
            (*sudog).next = std::ptr::null_mut();
            (*sudog).prev = self.tail;
            (*sudog).queued = true;
            match self.tail.as_mut() {
                Some(tail) => tail.next = sudog,
                None => self.head = sudog,
            }
        }
        self.tail = sudog;
    }

    /// Puts a waiter before all others.
    ///
    /// # Safety
    /// As for [`WaitQueue::push`].
    pub(crate) unsafe fn push_front(&mut self, sudog: *mut Sudog) {
        // SAFETY: as in `push`.
        unsafe {
            (*sudog).next = self.head;
            (*sudog).prev = std::ptr::null_mut();
            (*sudog).queued = true;
            match self.head.as_mut() {
                Some(head) => head.prev = sudog,
                None => self.tail = sudog,
            }
        }
        self.head = sudog;
    }

    /// The first waiter, null if there is none; it stays in the queue.
    pub(crate) fn first(&self) -> *mut Sudog {
        self.head
    }

    /// Whether there are two waiters or more.
    pub(crate) fn has_second(&self) -> bool {
        !std::ptr::eq(self.head, self.tail)
    }

    /// Takes out the first waiter whom nobody else woke: it is the caller's to serve and wake.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<*mut Sudog> {
        while !self.head.is_null() {
            let sudog = self.head;
            // SAFETY: as in `push`; the waiter cannot leave before it is out of the queue.
            unsafe {
                self.remove(sudog);
                if (*sudog).claim() {
                    return Some(sudog);
                }
            }
        }
        None
    }

    /// Takes out the first waiter and no other. `None`: there is none, or somebody else woke it.
    pub(crate) fn take_first(&mut self) -> Option<*mut Sudog> {
        let sudog = self.head;
        // SAFETY: null, or as in `pop`.
        unsafe {
            sudog.as_ref()?;
            self.remove(sudog);
            (*sudog).claim().then_some(sudog)
        }
    }

    /// The first waiter of whom `is_it` holds; it stays in the queue.
    pub(crate) fn find(&self, mut is_it: impl FnMut(&Sudog) -> bool) -> Option<*mut Sudog> {
        let mut next = self.head;
        // SAFETY: members of the queue are alive and ours under the owner's lock.
        while let Some(sudog) = unsafe { next.as_ref() } {
            if is_it(sudog) {
                return Some(next);
            }
            next = sudog.next;
        }
        None
    }

    /// Takes a waiter out, if it still is in.
    ///
    /// # Safety
    /// The sudog was pushed to this queue.
    pub(crate) unsafe fn remove(&mut self, sudog: *mut Sudog) {
        // SAFETY: as in `push`.
        unsafe {
            if !std::mem::replace(&mut (*sudog).queued, false) {
                return;
            }
            let (prev, next) = ((*sudog).prev, (*sudog).next);
            match prev.as_mut() {
                Some(prev) => prev.next = next,
                None => self.head = next,
            }
            match next.as_mut() {
                Some(next) => next.prev = prev,
                None => self.tail = prev,
            }
        }
    }
}

/// Waiters that were taken out of their queue, to be woken when its lock is free. They are linked
/// by their own sudogs, so that a list of any length costs no memory.
pub(crate) struct WakeList {
    queue: WaitQueue,
}

impl WakeList {
    pub(crate) const fn new() -> WakeList {
        WakeList { queue: WaitQueue::new() }
    }

    /// Appends a waiter.
    ///
    /// # Safety
    /// [`WaitQueue::pop`] gave it to the caller.
    pub(crate) unsafe fn push(&mut self, sudog: *mut Sudog) {
        // SAFETY: it waits until it is woken.
        unsafe { self.queue.push(sudog) };
    }

    /// Wakes all, in their order.
    pub(crate) fn wake(mut self, rt: &Inside) {
        while !self.queue.head.is_null() {
            let sudog = self.queue.head;
            // SAFETY: it waits for this call; its sudog is not used after that.
            unsafe {
                self.queue.remove(sudog);
                (*sudog).waiter.wake(rt);
            }
        }
    }
}
