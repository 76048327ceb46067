//! What decides between a timer's firing and those who stop it.
//!
//! [`Home`] says in which heap a timer is. It changes under that heap's lock only, and leaving is
//! the last thing that the one who fires a timer does with it: who finds that the timer is in no
//! heap may free its memory, without any lock.
//!
//! [`Arming`] is for timers that are stopped and started again. The heap's lock is free by the time
//! they fire, so they may have been stopped or started anew in between; by the number of its turn a
//! firing finds out whether it is still wanted. It lies under the timer's own lock.
//!
//! `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicPtr, Ordering};

/// The heap that a timer is in, or none.
pub(crate) struct Home<T>(AtomicPtr<T>);

impl<T> Home<T> {
    pub(crate) fn none() -> Home<T> {
        Home(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// The timer is in `heap`, whose lock the caller holds; also that of the heap it was in.
    pub(crate) fn enter(&self, heap: &T) {
        // ORDERING: Release, pairs with `find`: the heap is seen as it was made.
        self.0.store(std::ptr::from_ref(heap).cast_mut(), Ordering::Release);
    }

    /// The timer is in no heap any more. The caller holds the heap's lock and does not touch the
    /// timer again.
    pub(crate) fn leave(&self) {
        // ORDERING: Release, pairs with `find`: whatever was done with the timer is over.
        self.0.store(std::ptr::null_mut(), Ordering::Release);
    }

    /// The heap that the timer is in, null if in none; without its lock it may be in another one
    /// already.
    pub(crate) fn find(&self) -> *const T {
        // ORDERING: Acquire, pairs with the Releases in `enter` and `leave`.
        self.0.load(Ordering::Acquire)
    }

    /// Whether the timer is in `heap`, whose lock the caller holds.
    pub(crate) fn is_in(&self, heap: *const T) -> bool {
        std::ptr::eq(self.0.load(Ordering::Relaxed), heap)
    }
}

/// Whether a timer is to fire, and for the how manieth time.
#[derive(Default)]
pub(crate) struct Arming {
    turn: u64,
    armed: bool,
}

impl Arming {
    /// The timer is started: it is to fire with this turn's number.
    pub(crate) fn arm(&mut self) -> u64 {
        self.turn += 1;
        self.armed = true;
        self.turn
    }

    /// The timer is stopped. Returns whether that prevented its firing.
    pub(crate) fn disarm(&mut self) -> bool {
        std::mem::take(&mut self.armed)
    }

    /// The timer fires. False: it has been stopped meanwhile, or started anew.
    pub(crate) fn claim(&mut self, turn: u64) -> bool {
        self.turn == turn && std::mem::take(&mut self.armed)
    }
}
