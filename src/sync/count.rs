//! A count of things to be done. It becomes zero under a lock only, that of those who wait for it.
//! `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicUsize, Ordering};

/// The count.
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn new() -> Count {
        Count(AtomicUsize::new(0))
    }

    /// Adds `n`. False: that is too much, and nothing has changed.
    #[must_use]
    pub(crate) fn add(&self, n: usize) -> bool {
        let fits = self.0.fetch_add(n, Ordering::Relaxed).checked_add(n).is_some();
        if !fits {
            self.0.fetch_sub(n, Ordering::Relaxed);
        }
        fits
    }

    /// One less, unless it is the last one, or none.
    #[must_use]
    pub(crate) fn less(&self) -> bool {
        let mut old = self.0.load(Ordering::Relaxed);
        while old > 1 {
            // ORDERING: AcqRel: Release pairs with the Acquire in `is_zero`, Acquire with the
            // Releases of the others' `less`, so that the last one acts after all.
            match self.0.compare_exchange(old, old - 1, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => old = now,
            }
        }
        false
    }

    /// One less, under the lock: whether it is zero from here on. `None`: it was zero before.
    pub(crate) fn last(&self) -> Option<bool> {
        let less = |old: usize| old.checked_sub(1);
        // ORDERING: AcqRel, as in `less`; pairs with the Acquire in `is_zero`.
        let old = self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, less).ok()?;
        Some(old == 1)
    }

    /// Whether all is done, and then what was done before is seen.
    #[inline]
    pub(crate) fn is_zero(&self) -> bool {
        // ORDERING: Acquire, pairs with the Releases in `less` and `last`.
        self.0.load(Ordering::Acquire) == 0
    }

    /// The count, by now perhaps another.
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
