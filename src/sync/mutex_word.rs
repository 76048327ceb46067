//! A mutex's word. The algorithm is Go's (`internal/sync/mutex.go`), but the queue of waiters has a
//! lock, under which all changes of WAITING are made.
//!
//! ```text
//! LOCKED   somebody holds the mutex
//! WOKEN    a contender is awake: whoever unlocks need not wake another
//! WAITING  the queue is not empty
//! ```
//! A contender that is awake (it has WOKEN, because it was woken or claimed it while spinning)
//! takes the mutex or announces that it waits; either way WOKEN goes, and who unlocks next looks
//! at the queue. So nobody who waits is forgotten.
//!
//! Newcomers may overtake those who wait: they run already, and a wake-up takes long. But once the
//! first in the queue has waited too long, who unlocks hands it the mutex: LOCKED stays.
//!
//! `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicU32, Ordering};

const LOCKED: u32 = 1;
const WOKEN: u32 = 2;
const WAITING: u32 = 4;

/// The word. See the module documentation.
pub(crate) struct MutexWord(AtomicU32);

impl MutexWord {
    pub(crate) const fn new() -> MutexWord {
        MutexWord(AtomicU32::new(0))
    }

    /// Locks, if nobody holds the mutex and nothing comes between.
    #[inline(always)]
    pub(crate) fn lock_fast(&self) -> bool {
        let old = self.0.load(Ordering::Relaxed);
        let new = old | LOCKED;
        // ORDERING: Acquire, pairs with the Releases in `unlock_fast`, `free` and `pass_on`.
        old & LOCKED == 0
            && self.0.compare_exchange(old, new, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// By the holder: unlocks, if nobody waits or a contender is awake, and nothing comes between.
    #[inline(always)]
    pub(crate) fn unlock_fast(&self) -> bool {
        let old = self.0.load(Ordering::Relaxed);
        let new = old & !LOCKED;
        // ORDERING: Release, pairs with the Acquires in `lock_fast` and `take`.
        old & (WOKEN | WAITING) != WAITING
            && self.0.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Locks, if nobody holds the mutex. `awake`: the caller has WOKEN, and gives it back.
    pub(crate) fn take(&self, awake: bool) -> bool {
        let mut old = self.0.load(Ordering::Relaxed);
        while old & LOCKED == 0 {
            let new = (old | LOCKED) & if awake { !WOKEN } else { !0 };
            // ORDERING: Acquire, pairs with the Releases in `unlock_fast`, `free` and `pass_on`.
            match self.0.compare_exchange(old, new, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => old = now,
            }
        }
        false
    }

    /// Whether WOKEN can be claimed: somebody waits, and no contender is awake.
    pub(crate) fn is_claimable(&self) -> bool {
        self.0.load(Ordering::Relaxed) & (LOCKED | WOKEN | WAITING) == LOCKED | WAITING
    }

    /// A spinning contender claims WOKEN, so that nobody is woken while it is about to lock.
    #[must_use]
    pub(crate) fn claim_awake(&self) -> bool {
        let old = self.0.load(Ordering::Relaxed);
        let new = old | WOKEN;
        old & (LOCKED | WOKEN | WAITING) == LOCKED | WAITING
            && self.0.compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Under the queue's lock: the caller is about to wait there. `awake`: as in `take`. False:
    /// nobody holds the mutex any more, and nothing has changed.
    #[must_use]
    pub(crate) fn announce(&self, awake: bool) -> bool {
        let mut old = self.0.load(Ordering::Relaxed);
        while old & LOCKED != 0 {
            let new = (old | WAITING) & if awake { !WOKEN } else { !0 };
            match self.0.compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => old = now,
            }
        }
        false
    }

    /// By the holder: unlocks, if nobody waits or a contender is awake.
    #[must_use]
    pub(crate) fn free(&self) -> bool {
        let mut old = self.0.load(Ordering::Relaxed);
        while old & WOKEN != 0 || old & WAITING == 0 {
            let new = old & !LOCKED;
            // ORDERING: Release, pairs with the Acquires in `lock_fast` and `take`.
            match self.0.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => old = now,
            }
        }
        false
    }

    /// By the holder, under the queue's lock, where somebody waits: unlocks for the first of them,
    /// whom the caller then takes out and wakes, or hands it the mutex. `more`: others remain.
    /// False: a contender is awake by now; [`MutexWord::free`] succeeds.
    #[must_use]
    pub(crate) fn pass_on(&self, hand_over: bool, more: bool) -> bool {
        let old = LOCKED | WAITING;
        let new = if hand_over { LOCKED } else { WOKEN } | if more { WAITING } else { 0 };
        // ORDERING: Release, pairs with the Acquires in `lock_fast` and `take`. Who is handed the
        // mutex sees what was done before by way of the wake-up.
        self.0.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed).is_ok()
    }
}
