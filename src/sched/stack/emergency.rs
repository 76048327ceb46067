//! One stack kept for the moment when there is no memory for another: a goroutine that cannot run
//! drops its closure there, which is user code and may block like any other.

use std::io;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use super::slab;
use crate::sched::coro::Coro;

static STACK: AtomicPtr<Coro> = AtomicPtr::new(std::ptr::null_mut());
/// The system's error code of the last failure.
static WHY: AtomicI32 = AtomicI32::new(0);

/// Sets the stack aside. Called once; without memory even then, there is none.
pub(crate) fn prepare() {
    if let Ok(coro) = slab::take(super::default_bytes()) {
        give(coro);
    }
}

/// Takes the stack, for a goroutine that got none because of `error`. `None`: it is in use.
pub(crate) fn take(error: &io::Error) -> Option<*mut Coro> {
    WHY.store(error.raw_os_error().unwrap_or(0), Ordering::Relaxed);
    // ORDERING: Acquire, pairs with the Release in `give`.
    let coro = STACK.swap(std::ptr::null_mut(), Ordering::Acquire);
    (!coro.is_null()).then_some(coro)
}

/// Gives the stack back.
pub(crate) fn give(coro: *mut Coro) {
    // ORDERING: Release, pairs with the Acquire in `take`.
    STACK.store(coro, Ordering::Release);
}

/// Why there was no stack, the last time.
pub(crate) fn last_error() -> io::Error {
    io::Error::from_raw_os_error(WHY.load(Ordering::Relaxed))
}
