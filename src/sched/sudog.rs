//! Sudog: a waiter in a queue. Named after Go's, which stands for "pseudo-g".
//!
//! A waiter is a goroutine or a plain thread; its sudog lies on its own stack while it waits. One
//! waiter may stand in several queues, or race with a timer: then all of them share a [`Ticket`],
//! and whoever claims it first wakes the waiter. A sudog whose ticket is lost is skipped.
//!
//! A future may stand in a queue as well: its sudog lies in the pinned future and carries the
//! waker, which is taken out under the queue's lock, since a future does not wait to be woken.

use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Waker;
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

/// Whom an operation has to wake once it has unlocked the queue: at most one.
#[must_use]
pub(crate) enum Woken {
    /// Nobody.
    Nobody,
    /// A goroutine or thread that waits for it.
    Waiter(Waiter),
    /// A future.
    Task(Waker),
}

impl Woken {
    /// Wakes it and leaves: the waker of a future is user code.
    ///
    /// # Safety
    /// As for [`Waiter::wake`]; the caller holds no lock.
    #[inline]
    pub(crate) unsafe fn wake_and_leave(self, rt: Inside) {
        match self {
            Woken::Nobody => drop(rt),
            // SAFETY: by the caller's promise.
            Woken::Waiter(waiter) => unsafe { waiter.wake(&rt) },
            Woken::Task(waker) => {
                drop(rt);
                waker.wake();
            }
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
    /// The waiter is a future, if there is one.
    pub(crate) task: Option<Waker>,
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
            task: None,
        }
    }

    /// The sudog of a future.
    pub(crate) fn of_task() -> Sudog {
        Sudog::new(Waiter::Thread(std::ptr::null()), std::ptr::null_mut(), std::ptr::null())
    }

    /// Whether it is in a queue. Under the queue's lock.
    pub(crate) fn is_queued(&self) -> bool {
        self.queued
    }

    /// Whom to wake, now that it has been popped. Under the queue's lock.
    #[inline]
    pub(crate) fn woken(&mut self) -> Woken {
        match self.task.take() {
            None => Woken::Waiter(self.waiter),
            Some(waker) => Woken::Task(waker),
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

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
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
