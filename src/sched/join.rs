//! The end of a goroutine meets whoever waits for it: one word.
//!
//! ```text
//! 0 running --finish--> 1 done
//!   | \--detach--> 2 detached --finish--> (the finisher drops the result)
//!   \--wait(w)--> w --finish--> 1, and the finisher wakes w
//!                  \--withdraw(w)--> 0
//! ```
//! Two hold a goroutine's slot, the scheduler and the handle; who lets go last frees it. A handle that
//! detaches has let go by that, and does not touch the slot any more: the finisher, who finds it so,
//! holds the slot alone.
//!
//! A waiter who can leave before it is woken withdraws first. If it cannot, the finisher has it,
//! and will read it: so what such a waiter leaves is not on its stack, but owned by the word.
//! `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicU8, AtomicUsize, Ordering};

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
    #[inline]
    pub(crate) fn finish(&self) -> Finished {
        // ORDERING: Acquire, pairs with the Release of `detach`. Detached is for good: nobody else
        // changes the word any more.
        if self.0.load(Ordering::Acquire) == DETACHED {
            self.0.store(DONE, Ordering::Relaxed);
            return Finished::Detached;
        }
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

    /// There is no handle, and will be none. Before anybody else knows the goroutine.
    pub(crate) fn detach_unborn(&self) {
        self.0.store(DETACHED, Ordering::Relaxed);
    }

    /// The handle goes away, and has let go of the slot. False: done already, and the result is the
    /// caller's to drop.
    #[must_use]
    pub(crate) fn detach(&self) -> bool {
        // ORDERING: AcqRel, as in `wait`.
        self.0.compare_exchange(RUNNING, DETACHED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// How many hold a slot. See the module documentation.
pub(crate) struct Holders(AtomicU8);

impl Holders {
    #[allow(dead_code, reason = "for the models; slots begin as zeroes")]
    pub(crate) fn new() -> Holders {
        Holders(AtomicU8::new(2))
    }

    /// A new life: the scheduler and the handle.
    pub(crate) fn reset(&self) {
        self.0.store(2, Ordering::Relaxed);
    }

    /// The handle has let go by detaching. By the scheduler, who found it so.
    pub(crate) fn alone(&self) {
        self.0.store(1, Ordering::Relaxed);
    }

    /// One lets go. True: it was the last, and frees the slot.
    #[must_use]
    #[inline]
    pub(crate) fn let_go(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release below: the last one sees what the other did. Who
        // is alone needs no read-modify-write.
        self.0.load(Ordering::Acquire) == 1
            // ORDERING: AcqRel, pairs with itself and with the Acquire above.
            || self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }
}
