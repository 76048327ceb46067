//! How many of a bubble's goroutines are not durably blocked, and who acts when none is left.
//!
//! Invariant: each goroutine of the bubble has a share of the count from its start to its end,
//! except from the end of a durable park's commit until it is readied; the clock, and who waits for
//! the others, have one while they run. A share is given to somebody by one who has one (who
//! readies or starts another goroutine), *before* that other can act. A share is given up as the
//! last thing. So the count never falls to zero while somebody acts or is about to, and what falls
//! to zero stays so: whoever brought it there acts for the bubble, and sees all that was done.
//!
//! A park's commit comes before its share goes: the goroutine may be readied, and counted once
//! more, before that. The count is then too high for a moment, never too low.
//!
//! `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicUsize, Ordering};

/// See the module documentation.
pub(crate) struct Count(AtomicUsize);

impl Count {
    /// With one share, the caller's.
    pub(crate) fn new() -> Count {
        Count(AtomicUsize::new(1))
    }

    /// Gives a share. The caller has one, or acts for the bubble.
    pub(crate) fn enter(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives a share up. True: it was the last, and the caller acts for the bubble.
    #[must_use]
    pub(crate) fn leave(&self) -> bool {
        // ORDERING: AcqRel, pairs with itself: the last one sees what the others did.
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Whether nobody has a share.
    pub(crate) fn is_zero(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in `leave`.
        self.0.load(Ordering::Acquire) == 0
    }
}
