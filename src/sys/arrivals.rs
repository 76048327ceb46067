//! What arrives, and the thread that waits for it: some words.
//!
//! ```text
//! a handler    pending |= what; turn += 1 (Release); wake
//! the thread   turn changed (Acquire): it notes that, and takes all that is pending; else it sleeps
//! others       take all that is pending, whenever they like
//! ```
//! Invariant: what was put into `pending` before a change of `turn` that the thread has noted, it then
//! takes, unless somebody has before it. A handler that comes later changes `turn` again, and the
//! thread does not sleep. The steps of a handler are single instructions that wait for nobody.
//! `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicU32, Ordering, wait_while, wake_all};

/// The words. See the module documentation.
pub(crate) struct Arrivals {
    /// As a set, in two halves.
    low: AtomicU32,
    high: AtomicU32,
    /// Changes whenever the thread has something to look at.
    turn: AtomicU32,
}

impl Arrivals {
    pub(crate) const fn new() -> Arrivals {
        Arrivals { low: AtomicU32::new(0), high: AtomicU32::new(0), turn: AtomicU32::new(0) }
    }

    /// These arrive; none: the thread is to look at something else. In a handler, or by anybody.
    pub(crate) fn put(&self, what: u64) {
        self.low.fetch_or(what as u32, Ordering::Relaxed);
        self.high.fetch_or((what >> 32) as u32, Ordering::Relaxed);
        // ORDERING: Release, pairs with the Acquire in `wait`: what is pending, and whatever else.
        self.turn.fetch_add(1, Ordering::Release);
        wake_all(&self.turn);
    }

    /// Waits for a change since `turn`, which it moves on. By one thread.
    pub(crate) fn wait(&self, turn: &mut u32) {
        loop {
            // ORDERING: Acquire, pairs with the Release in `put`.
            let now = self.turn.load(Ordering::Acquire);
            if now != *turn {
                *turn = now;
                return;
            }
            wait_while(&self.turn, now);
        }
    }

    /// Takes what has arrived and was not taken yet.
    pub(crate) fn take(&self) -> u64 {
        let (low, high) = (&self.low, &self.high);
        let [low, high] = [low, high].map(|half| half.swap(0, Ordering::Relaxed));
        u64::from(high) << 32 | u64::from(low)
    }
}
