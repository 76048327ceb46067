//! How many plain threads wait in gort until somebody wakes them, for the search for deadlocks.
//!
//! One word: the count below, and above it a number that changes with the count, so that who reads
//! the same word twice knows that it did not change in between. The count may be one too low for a
//! moment, below zero even, and is then no number of threads that there can be; it is never too high.

use std::sync::atomic::{AtomicU64, Ordering};

const CHANGE: u64 = 1 << 32;

static PARKED: AtomicU64 = AtomicU64::new(0);

/// The calling thread is about to wait, without a limit.
pub(super) fn one_more() {
    // ORDERING: AcqRel, pairs with the Acquire in `word`: what the thread did before is seen.
    PARKED.fetch_add(CHANGE + 1, Ordering::AcqRel);
}

/// A thread is about to be woken. By its waker, before the thread can know.
pub(super) fn one_less() {
    // ORDERING: AcqRel, as in `one_more`; pairs with `word`.
    PARKED.fetch_add(CHANGE - 1, Ordering::AcqRel);
}

/// The word.
pub(super) fn word() -> u64 {
    // ORDERING: Acquire, pairs with `one_more` and `one_less`.
    PARKED.load(Ordering::Acquire)
}

/// The count in a word.
pub(super) fn count(word: u64) -> usize {
    word as u32 as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_survives_many_changes() {
        let before = count(word());
        for _ in 0..1000 {
            one_more();
            one_more();
            one_less();
            one_less();
        }
        // Other tests may wait meanwhile, but not so many.
        assert!(count(word()).abs_diff(before) < 500);
    }
}
