//! The end of a goroutine meets whoever waits for it: one word.
//!
//! ```text
//! 0 running --finish--> 1 done
//!   | \--detach--> 2 detached --finish--> (the finisher drops the result)
//!   \--wait(w)--> w --finish--> 1, and the finisher wakes w
//!                  \--withdraw(w)--> 0
//! ```
//! A waiter who can leave before it is woken withdraws first. If it cannot, the finisher has it,
//! and will read it: so what such a waiter leaves is not on its stack, but owned by the word.
//! `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicUsize, Ordering};

const RUNNING: usize = 0;
const DONE: usize = 1;
const DETACHED: usize = 2;

/// What [`JoinSlot::finish`] found.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Finished {
    /// Nobody waits yet; the handle takes the result later.
    Unwatched,
    /// The handle is gone: the result is the finisher's to drop.
    Detached,
    /// Wake this waiter, who takes the result.
    Awaited(usize),
}

/// The word. See the module documentation.
pub(crate) struct JoinSlot(AtomicUsize);

impl JoinSlot {
    #[allow(dead_code, reason = "for the models; slots begin as zeroes")]
    pub(crate) fn new() -> JoinSlot {
        JoinSlot(AtomicUsize::new(RUNNING))
    }

    /// A new life.
    pub(crate) fn reset(&self) {
        self.0.store(RUNNING, Ordering::Relaxed);
    }

    /// The goroutine's result is in place.
    pub(crate) fn finish(&self) -> Finished {
        // ORDERING: AcqRel: Release pairs with the Acquires of `is_done`, `wait` and `withdraw` (the
        // result is seen), Acquire with the Release of `wait` (the waiter is seen) and of `detach`.
        match self.0.swap(DONE, Ordering::AcqRel) {
            RUNNING => Finished::Unwatched,
            DETACHED => Finished::Detached,
            waiter => Finished::Awaited(waiter),
        }
    }

    /// Whether the result is in place.
    pub(crate) fn is_done(&self) -> bool {
        // ORDERING: Acquire, pairs with `finish`.
        self.0.load(Ordering::Acquire) == DONE
    }

    /// Whether the handle has gone away by now.
    pub(crate) fn is_detached(&self) -> bool {
        self.0.load(Ordering::Relaxed) == DETACHED
    }

    /// Leaves `waiter`, a number above 7 that tells the finisher whom to wake. False: done already.
    #[must_use]
    pub(crate) fn wait(&self, waiter: usize) -> bool {
        debug_assert!(waiter > 7);
        // ORDERING: AcqRel: Release pairs with `finish`'s Acquire, Acquire with its Release.
        self.0.compare_exchange(RUNNING, waiter, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Takes `waiter` back. False: done already, and the finisher has it.
    #[must_use]
    pub(crate) fn withdraw(&self, waiter: usize) -> bool {
        // ORDERING: Acquire, pairs with `finish`: the result is seen.
        self.0.compare_exchange(waiter, RUNNING, Ordering::Relaxed, Ordering::Acquire).is_ok()
    }

    /// The handle goes away. False: done already, and the result is the caller's to drop.
    #[must_use]
    pub(crate) fn detach(&self) -> bool {
        // ORDERING: AcqRel, as in `wait`.
        self.0.compare_exchange(RUNNING, DETACHED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}
