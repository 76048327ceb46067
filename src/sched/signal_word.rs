//! A signal and the one who waits for it: one word.
//!
//! ```text
//! 0 none --notify--> 1 given --take--> 0
//!  \--wait(w)--> w --notify--> 1, and the notifier wakes w
//! ```
//! Only the owner takes and waits; anybody notifies, at any time, also when the owner has long
//! gone on or ended. Invariant: whoever finds a waiter is the only one who does, and the waiter
//! stays where it is until it is woken. `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicUsize, Ordering};

const NONE: usize = 0;
const GIVEN: usize = 1;

/// The word. See the module documentation.
pub(crate) struct SignalWord(AtomicUsize);

impl SignalWord {
    pub(crate) fn new() -> SignalWord {
        SignalWord(AtomicUsize::new(NONE))
    }

    /// Takes the signal, if it has been given. By the owner.
    pub(crate) fn take(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in `notify`: what was done before is seen.
        self.0.swap(NONE, Ordering::Acquire) == GIVEN
    }

    /// Whether the signal has been given and not yet taken.
    pub(crate) fn is_given(&self) -> bool {
        self.0.load(Ordering::Relaxed) == GIVEN
    }

    /// Leaves `waiter`, the address of something aligned to 8, to be woken. False: the signal has
    /// been given already. By the owner, who takes the signal next in any case.
    #[must_use]
    pub(crate) fn wait(&self, waiter: usize) -> bool {
        debug_assert!(waiter > GIVEN && waiter.is_multiple_of(8));
        // ORDERING: Release, pairs with the Acquire in `notify`: the waiter is seen.
        self.0.compare_exchange(NONE, waiter, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Gives the signal; the caller wakes the waiter, if there is one.
    #[must_use]
    pub(crate) fn notify(&self) -> Option<usize> {
        // ORDERING: AcqRel: Release pairs with the Acquire in `take`, Acquire with the Release in
        // `wait`.
        let old = self.0.swap(GIVEN, Ordering::AcqRel);
        (old > GIVEN).then_some(old)
    }
}
