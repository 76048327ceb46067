//! The slot for what a processor runs next: filled and emptied by its owner, and robbed by thieves.
//!
//! ```text
//! SET    null ? store the new one: only the owner makes it something else
//!        : swap it in; what was there is displaced, and the owner's to queue
//! TAKE   null ? nothing : swap in null
//! STEAL  look; later, compare-and-swap what was seen for null
//! ```
//! Invariant: whatever is set is given out once, by the SET that displaces it, a TAKE or a STEAL,
//! and whoever gets it sees its fields. `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicPtr, Ordering};

/// The slot. See the module documentation.
pub(crate) struct RunNext<T: 'static>(AtomicPtr<T>);

impl<T> RunNext<T> {
    pub(crate) fn new() -> RunNext<T> {
        RunNext(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// SET, by the owner: returns what it displaces.
    #[inline]
    pub(crate) fn set(&self, item: &'static T) -> Option<&'static T> {
        let new = std::ptr::from_ref(item).cast_mut();
        if self.0.load(Ordering::Relaxed).is_null() {
            // ORDERING: Release, pairs with `take` and `steal`: the item's fields.
            self.0.store(new, Ordering::Release);
            return None;
        }
        // ORDERING: AcqRel, pairs with `take` and `steal`: the item's fields.
        let old = self.0.swap(new, Ordering::AcqRel);
        // SAFETY: null or made from a 'static reference, here.
        unsafe { old.as_ref() }
    }

    /// TAKE, by the owner.
    #[inline]
    pub(crate) fn take(&self) -> Option<&'static T> {
        if self.0.load(Ordering::Relaxed).is_null() {
            return None;
        }
        // ORDERING: AcqRel, pairs with `set`.
        let next = self.0.swap(std::ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: as in `set`.
        unsafe { next.as_ref() }
    }

    /// What is there, to be compared only.
    #[inline]
    pub(crate) fn peek(&self) -> *mut T {
        self.0.load(Ordering::Relaxed)
    }

    /// STEAL, by a thief, if it is still `expected`.
    pub(crate) fn steal(&self, expected: *mut T) -> Option<&'static T> {
        let null = std::ptr::null_mut();
        // ORDERING: AcqRel, pairs with `set`. The item may have left and come back between the
        // look and the swap (ABA): it is there to be taken then as well.
        self.0.compare_exchange(expected, null, Ordering::AcqRel, Ordering::Relaxed).ok()?;
        // SAFETY: as in `set`.
        unsafe { expected.as_ref() }
    }
}
