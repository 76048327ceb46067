//! Where an idle worker sleeps: on a word of its own, or in the poll of the network.
//!
//! ```text
//! AWAKE --begin_poll--> POLLS --call--> CALLED, and the caller interrupts the poll
//!   \--------------------call--------> CALLED, and the caller wakes whoever sleeps on the word
//! CALLED --get_up--> AWAKE
//! ```
//! Every step is one read-modify-write of the word, so a call is never lost: it comes before
//! `begin_poll`, which then fails, or finds the worker polling, and the interruption ends the poll
//! even if it has not begun. An interruption that comes too late ends the next poll, whoever's it
//! is, for nothing. `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicU32, Ordering};

/// It is awake, or sleeps on the word, which is [`Bed::EMPTY`] then.
const AWAKE: u32 = 0;
const CALLED: u32 = 1;
const POLLS: u32 = 2;

/// The word. See the module documentation.
pub(crate) struct Bed(AtomicU32);

impl Bed {
    /// What the word holds while the worker sleeps on it.
    pub(crate) const EMPTY: u32 = AWAKE;

    pub(crate) const fn new() -> Bed {
        Bed(AtomicU32::new(AWAKE))
    }

    /// The word, to sleep on.
    pub(crate) fn word(&self) -> &AtomicU32 {
        &self.0
    }

    /// Gets up. Returns whether there was a call. By the owner.
    pub(crate) fn get_up(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in `call`.
        self.0.swap(AWAKE, Ordering::Acquire) == CALLED
    }

    /// From here on calls interrupt the poll. False: there has been one already. By the owner, who
    /// gets up afterwards in any case.
    #[must_use]
    pub(crate) fn begin_poll(&self) -> bool {
        self.0.compare_exchange(AWAKE, POLLS, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Calls the owner. Returns whether the caller has to interrupt the poll; otherwise it wakes
    /// whoever sleeps on the word.
    #[must_use]
    pub(crate) fn call(&self) -> bool {
        // ORDERING: Release, pairs with the Acquire in `get_up`.
        self.0.swap(CALLED, Ordering::Release) == POLLS
    }
}
