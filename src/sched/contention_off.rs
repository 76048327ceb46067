//! The twin of `contention.rs` for builds without the feature `pprof`: nobody asks who waits.

use super::Inside;
use super::g::G;
use super::sudog::Waiter;
use crate::sys::clock;
use crate::wire::reason::WaitReason;

/// A wait that is no sample.
pub(super) struct Timing;

/// The caller is about to wait.
#[inline(always)]
pub(super) fn begin(_waiter: Waiter, _reason: WaitReason) -> Timing {
    Timing
}

/// Nobody's wait is measured.
#[inline(always)]
pub(super) fn readied(_g: &G) {}

impl Timing {
    /// The wait is over.
    #[inline(always)]
    pub(super) fn end(self, rt: Inside) -> Inside {
        rt
    }
}

/// When somebody came to wait for a lock.
pub(crate) struct Arrival {
    since_ns: u64,
}

impl Arrival {
    /// Not yet.
    #[inline]
    pub(crate) const fn none() -> Arrival {
        Arrival { since_ns: 0 }
    }

    /// Nobody asks.
    #[inline]
    pub(crate) fn if_asked() -> Arrival {
        Arrival::none()
    }

    /// It comes, or comes again. Whether it is again.
    #[inline]
    pub(crate) fn come(&mut self) -> bool {
        let again = self.since_ns != 0;
        if !again {
            self.since_ns = clock::monotonic_ns();
        }
        again
    }

    /// When it first came.
    #[inline]
    pub(crate) fn since_ns(&self) -> u64 {
        self.since_ns
    }
}

/// What an unlock made others wait for: nothing that anybody asks for.
pub(crate) enum Charge {}

impl Charge {
    /// Nobody asks.
    #[inline(always)]
    pub(crate) fn new() -> Option<Charge> {
        None
    }

    /// Adds a waiter.
    ///
    /// # Safety
    /// There is no charge to add to.
    pub(crate) unsafe fn add(&mut self, _arrival: *mut Arrival) -> bool {
        match *self {}
    }
}

/// There is nothing to write down.
#[inline(always)]
pub(crate) fn record(_charge: Option<Charge>) {}
