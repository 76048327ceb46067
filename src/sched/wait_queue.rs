//! Queues of waiters: lists through the waiters' own places.
//!
//! A waiter's place, its sudog, lies on its own stack (a future's, in the pinned future) and is in
//! at most one queue, under that queue's lock. One waiter may stand in several queues, with a sudog
//! for each, or race with a timer: then all of them share a [`Ticket`], and whoever claims it first
//! wakes the waiter. A sudog whose ticket is lost is skipped.
//!
//! `tests/models` checks this file with loom, with a select that several parties would wake.

use std::task::Waker;

use super::ticket::Ticket;

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
pub(crate) struct Sudog<W> {
    next: *mut Sudog<W>,
    prev: *mut Sudog<W>,
    queued: bool,
    ticket: *const Ticket,
    pub(crate) waiter: W,
    /// Where the element is, or goes.
    pub(crate) element: *mut u8,
    pub(crate) outcome: Outcome,
    /// The waiter is a future, if there is one.
    pub(crate) task: Option<Waker>,
}

impl<W> Sudog<W> {
    /// `ticket`: shared with whoever else may wake the waiter; null if nobody else may.
    pub(crate) fn new(waiter: W, element: *mut u8, ticket: *const Ticket) -> Sudog<W> {
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

    /// Whether it is in a queue. Under the queue's lock.
    pub(crate) fn is_queued(&self) -> bool {
        self.queued
    }

    /// Takes the waiter for the caller to serve and wake. False: somebody else woke it.
    pub(crate) fn claim(&self) -> bool {
        // SAFETY: null or a ticket beside the sudog.
        unsafe { self.ticket.as_ref() }.is_none_or(|t| t.claim(Ticket::SERVED))
    }
}

/// A queue of waiters, first come, first served. Its owner's lock protects it and its members.
pub(crate) struct WaitQueue<W> {
    head: *mut Sudog<W>,
    tail: *mut Sudog<W>,
}

impl<W> WaitQueue<W> {
    pub(crate) const fn new() -> WaitQueue<W> {
        WaitQueue { head: std::ptr::null_mut(), tail: std::ptr::null_mut() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Appends a waiter.
    ///
    /// # Safety
    /// The sudog stays in place until it is out of the queue.
    pub(crate) unsafe fn push(&mut self, sudog: *mut Sudog<W>) {
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
    pub(crate) unsafe fn push_front(&mut self, sudog: *mut Sudog<W>) {
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
    pub(crate) fn first(&self) -> *mut Sudog<W> {
        self.head
    }

    /// Whether there are two waiters or more.
    pub(crate) fn has_second(&self) -> bool {
        !std::ptr::eq(self.head, self.tail)
    }

    /// The first waiter of whom `is_it` holds; it stays in the queue.
    pub(crate) fn find(&self, mut is_it: impl FnMut(&Sudog<W>) -> bool) -> Option<*mut Sudog<W>> {
        let mut next = self.head;
        // SAFETY: as in `push`.
        while let Some(sudog) = unsafe { next.as_ref() } {
            if is_it(sudog) {
                return Some(next);
            }
            next = sudog.next;
        }
        None
    }

    /// Takes out the first waiter and no other, without a look at its ticket.
    pub(crate) fn take_first(&mut self) -> Option<*mut Sudog<W>> {
        let first = self.head;
        if first.is_null() {
            return None;
        }
        // SAFETY: as in `push`.
        unsafe { self.remove(first) };
        Some(first)
    }

    /// Takes out the first waiter whom nobody else woke: it is the caller's to serve and wake.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<*mut Sudog<W>> {
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
    pub(crate) unsafe fn remove(&mut self, sudog: *mut Sudog<W>) {
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
