//! The lock of a wait queue. Whoever waits locks it, and the scheduler unlocks it once the waiter
//! is off its stack, so locking and unlocking are two calls and not a guard.
//!
//! It is a word that threads sleep on, the third one of Drepper's "Futexes are tricky", and takes
//! no memory, whoever waits. `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicU32, Ordering, spin_until, wait_while, wake_one};

const FREE: u32 = 0;
const LOCKED: u32 = 1;
/// Locked, and somebody may sleep.
const AWAITED: u32 = 2;
/// A lock without data. Held inside the runtime only, for a few instructions.
pub(crate) struct RawLock(AtomicU32);

impl RawLock {
    pub(crate) const fn new() -> RawLock {
        RawLock(AtomicU32::new(FREE))
    }

    #[inline]
    pub(crate) fn lock(&self) {
        if !self.try_lock() {
            self.lock_slow();
        }
    }

    #[inline(always)]
    fn try_lock(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in `unlock`.
        self.0.compare_exchange(FREE, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    #[inline(never)]
    fn lock_slow(&self) {
        if spin_until(&self.0, FREE) && self.try_lock() {
            return;
        }
        // ORDERING: Acquire, pairs with the Release in `unlock`.
        while self.0.swap(AWAITED, Ordering::Acquire) != FREE {
            wait_while(&self.0, AWAITED);
        }
    }

    /// # Safety
    /// The caller locked it, or speaks for a goroutine that did and has suspended on this thread.
    #[inline]
    pub(crate) unsafe fn unlock(&self) {
        // Once it is free, others may free the memory that it lies in: then only the address is used,
        // and whoever sleeps on another word there looks at that word again.
        // ORDERING: Release, pairs with the Acquires in `try_lock` and `lock_slow`.
        if self.0.swap(FREE, Ordering::Release) == AWAITED {
            wake_one(&self.0);
        }
    }

    /// The commit of a wait that holds this lock: makes the waiter visible.
    ///
    /// # Safety
    /// The argument is a `RawLock` that the waiter locked.
    pub(crate) unsafe fn commit(argument: *mut ()) -> bool {
        // SAFETY: by the caller's promise.
        unsafe { (*argument.cast::<RawLock>()).unlock() };
        true
    }
}
