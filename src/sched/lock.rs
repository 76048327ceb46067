//! The lock of a wait queue. Whoever waits locks it, and the scheduler unlocks it once the waiter
//! is off its stack, so locking and unlocking are two calls and not a guard.

use parking_lot::RawMutex;
use parking_lot::lock_api::{GuardNoSend, RawMutex as _};

/// A lock without data. Held inside the runtime only, for a few instructions.
pub(crate) struct RawLock(RawMutex);

impl RawLock {
    pub(crate) const fn new() -> RawLock {
        RawLock(RawMutex::INIT)
    }

    #[inline]
    pub(crate) fn lock(&self) {
        let _token: GuardNoSend = self.0.lock();
    }

    /// # Safety
    /// The caller locked it, or speaks for a goroutine that did and has suspended on this thread.
    #[inline]
    pub(crate) unsafe fn unlock(&self) {
        // SAFETY: it is locked, by the caller's promise; the token has no state.
        unsafe { self.0.unlock(GuardNoSend::new()) };
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
