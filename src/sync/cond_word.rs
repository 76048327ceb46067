//! How many wait for a condition. Whoever waits is counted before it gives the mutex up: so who
//! changes the data under the mutex and then signals finds it. `tests/models` checks this file with
//! loom.

use crate::sys::sync::{AtomicU32, Ordering};

/// The count. It changes under the lock of the queue only.
pub(crate) struct CondWord(AtomicU32);

impl CondWord {
    pub(crate) const fn new() -> CondWord {
        CondWord(AtomicU32::new(0))
    }

    pub(crate) fn one_more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn less(&self, n: u32) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    /// Whether nobody waits. Without a lock: what it sees of a waiter who gave the mutex up, it sees
    /// because the caller has had the mutex since.
    #[inline]
    pub(crate) fn is_zero(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}
