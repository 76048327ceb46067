//! Sudog: a waiter in a queue. Named after Go's, which stands for "pseudo-g".
//!
//! A waiter is a goroutine or a plain thread; its sudog lies on its own stack while it waits. One
//! waiter may stand in several queues, or race with a timer: then all of them share a [`Ticket`],
//! and whoever claims it first wakes the waiter. A sudog whose ticket is lost is skipped.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::g::G;
use super::ticket::Ticket;
use super::{Inside, parked_threads};
use crate::sys::{clock, futex};

/// Where a plain thread sleeps: a word on its own stack.
pub(crate) struct Parker(AtomicU32);

/// The thread has not been woken, and is not counted among those that wait without a limit.
const RUNS: u32 = 0;
/// It has been woken.
const WOKEN: u32 = 1;
/// It waits without a limit, and is counted; its waker takes it out of the count.
const COUNTED: u32 = 2;

impl Parker {
    pub(crate) const fn new() -> Parker {
        Parker(AtomicU32::new(RUNS))
    }

    /// Sleeps until [`Waiter::wake`]. False: `deadline_ns` came first.
    pub(crate) fn park(&self, deadline_ns: Option<u64>) -> bool {
        if deadline_ns.is_none() {
            self.count();
        }
        let asleep = if deadline_ns.is_none() { COUNTED } else { RUNS };
        // ORDERING: Acquire, pairs with the Releases in `unpark`.
        while self.0.load(Ordering::Acquire) != WOKEN {
            let left = deadline_ns.map(|d| d.saturating_sub(clock::monotonic_ns()));
            if left == Some(0) {
                return false;
            }
            futex::wait(&self.0, asleep, left.map(Duration::from_nanos));
        }
        true
    }

    /// Counts the thread, unless it has been woken. In this order: at no moment is a thread counted
    /// that can run on. (Its waker may be faster: then the count is one too low for a moment.)
    fn count(&self) {
        // ORDERING: AcqRel: Release pairs with the Acquire in `unpark`, Acquire with its Releases.
        let counted = self.0.compare_exchange(RUNS, COUNTED, Ordering::AcqRel, Ordering::Acquire);
        if counted.is_ok() {
            parked_threads::one_more();
        }
    }

    /// # Safety
    /// The parker's thread waits for this call.
    unsafe fn unpark(this: *const Parker) {
        // SAFETY: the thread cannot leave before the store.
        let word = unsafe { &raw const (*this).0 };
        // SAFETY: as above; after the word is WOKEN only its address is used.
        // ORDERING: AcqRel: Release pairs with the Acquires in `park`, Acquire with the Release in
        // `count`.
        unsafe {
            let woken = (*word).compare_exchange(RUNS, WOKEN, Ordering::AcqRel, Ordering::Acquire);
            if woken.is_err() {
                // It cannot run on before the count is without it.
                parked_threads::one_less();
                // ORDERING: Release, pairs with the Acquires in `park`.
                (*word).store(WOKEN, Ordering::Release);
            }
        }
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
