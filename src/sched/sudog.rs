//! Sudog: a waiter in a queue. Named after Go's, which stands for "pseudo-g".
//!
//! A waiter is a goroutine or a plain thread. A future may stand in a queue as well: its sudog
//! carries the waker, which is taken out under the queue's lock, since a future does not wait to be
//! woken. The queues are in `wait_queue.rs`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Waker;
use std::time::Duration;

use super::g::G;
use super::waker::wake_from_inside;
use super::{Inside, parked_threads, wait_queue, waker};
use crate::sys::{clock, futex};

pub(crate) use super::wait_queue::Outcome;

/// A waiter's place in a queue.
pub(crate) type Sudog = wait_queue::Sudog<Waiter>;
/// A queue of waiters.
pub(crate) type WaitQueue = wait_queue::WaitQueue<Waiter>;

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
                waker::call(waker);
            }
        }
    }
}

impl Woken {
    /// Wakes it from inside.
    ///
    /// # Safety
    /// As for [`Woken::wake_and_leave`].
    pub(crate) unsafe fn wake_inside(self, rt: &Inside) {
        match self {
            Woken::Nobody => {}
            // SAFETY: by the caller's promise.
            Woken::Waiter(waiter) => unsafe { waiter.wake(rt) },
            Woken::Task(waker) => wake_from_inside(rt, waker),
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

/// Waiters that were taken out of their queue, to be woken when its lock is free. They are linked
/// by their own sudogs, so that a list of any length costs no memory.
pub(crate) struct WakeList {
    queue: WaitQueue,
}

impl WakeList {
    pub(crate) const fn new() -> WakeList {
        WakeList { queue: WaitQueue::new() }
    }

    /// Appends a waiter, which is no future.
    ///
    /// # Safety
    /// The caller popped it from a queue.
    pub(crate) unsafe fn push(&mut self, sudog: *mut Sudog) {
        // SAFETY: it waits until it is woken.
        unsafe { self.queue.push(sudog) };
    }

    /// Wakes all, in their order.
    pub(crate) fn wake(mut self, rt: &Inside) {
        while let Some(sudog) = self.queue.take_first() {
            // SAFETY: it waits for this call; its sudog is not used after that.
            unsafe { (*sudog).waiter.wake(rt) };
        }
    }
}
