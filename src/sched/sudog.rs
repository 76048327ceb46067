//! Sudog: a waiter in a queue. Named after Go's, which stands for "pseudo-g".
//!
//! A waiter is a goroutine or a plain thread. A future may stand in a queue as well: its sudog
//! carries the waker, which is taken out under the queue's lock, since a future does not wait to be
//! woken. The queues are in `wait_queue.rs`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Waker;
use std::time::Duration;

use super::Inside;
use super::g::G;
use super::wait_queue;
use crate::sys::{clock, futex};

pub(crate) use super::wait_queue::Outcome;

/// A waiter's place in a queue.
pub(crate) type Sudog = wait_queue::Sudog<Waiter>;
/// A queue of waiters.
pub(crate) type WaitQueue = wait_queue::WaitQueue<Waiter>;

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
    /// Wakes it and leaves. The waker of a future is user code and may panic: what has been
    /// received belongs to somebody who drops it then.
    ///
    /// # Safety
    /// As for [`Waiter::wake`]; the caller holds no lock.
    #[inline]
    pub(crate) unsafe fn wake_and_leave(self, rt: Inside) {
        // SAFETY: by the caller's promise.
        if let Some(waker) = unsafe { self.wake_unless_task(rt) } {
            waker.wake();
        }
    }

    /// As [`Woken::wake_and_leave`], but a future is left for the caller to wake.
    ///
    /// # Safety
    /// As for [`Woken::wake_and_leave`].
    #[inline]
    pub(crate) unsafe fn wake_unless_task(self, rt: Inside) -> Option<Waker> {
        match self {
            Woken::Nobody => None,
            Woken::Waiter(waiter) => {
                // SAFETY: by the caller's promise.
                unsafe { waiter.wake(&rt) };
                None
            }
            Woken::Task(waker) => Some(waker),
        }
    }
}

impl Sudog {
    /// The sudog of a future.
    pub(crate) fn of_task() -> Sudog {
        Sudog::new(Waiter::Thread(std::ptr::null()), std::ptr::null_mut(), std::ptr::null())
    }

    /// Whom to wake, now that it has been popped. Under the queue's lock.
    #[inline]
    pub(crate) fn woken(&mut self) -> Woken {
        match self.task.take() {
            None => Woken::Waiter(self.waiter),
            Some(waker) => Woken::Task(waker),
        }
    }
}
