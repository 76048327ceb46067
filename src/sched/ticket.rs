//! A wait that several parties may end: a partner, or the clock. Whoever claims the ticket wakes the
//! waiter. `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicU32, Ordering};

/// First come, first served: one winner among those who would wake a waiter.
pub(crate) struct Ticket(AtomicU32);

impl Ticket {
    const OPEN: u32 = 0;
    /// Won by a partner.
    pub(crate) const SERVED: u32 = 1;
    /// Won by the clock.
    pub(crate) const EXPIRED: u32 = 2;

    pub(crate) const fn new() -> Ticket {
        Ticket(AtomicU32::new(Ticket::OPEN))
    }

    /// Claims the ticket for `winner`. False: somebody else has it.
    #[must_use]
    pub(crate) fn claim(&self, winner: u32) -> bool {
        // ORDERING: AcqRel, pairs with the other claims and with `winner`.
        self.0.compare_exchange(Ticket::OPEN, winner, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Whether the clock won.
    pub(crate) fn is_expired(&self) -> bool {
        // ORDERING: Acquire, pairs with `claim`.
        self.0.load(Ordering::Acquire) == Ticket::EXPIRED
    }
}
