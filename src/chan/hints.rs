//! What a channel has to offer, for who looks without its lock.
//!
//! It is written by whoever holds the lock, in the same critical section as what it tells of. So
//! what happened before a look is seen by it; what happens meanwhile may be seen in part. Nothing
//! depends on it but time: who sees an offer locks the channel and looks again, and who sees none
//! anywhere and has to be sure locks all channels first.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use super::head::Side;

const CLOSED: u8 = 4;

/// See the module documentation.
pub(super) struct Hints {
    /// [`CLOSED`], and a bit for each side on which somebody waits; a future that receives does not
    /// count.
    state: AtomicU8,
    /// Values in the buffer.
    len: AtomicUsize,
}

/// The bit of those who wait on a side.
#[inline]
const fn waiting(side: Side) -> u8 {
    1 << side as u8
}

impl Hints {
    pub(super) const fn new() -> Hints {
        Hints { state: AtomicU8::new(0), len: AtomicUsize::new(0) }
    }

    /// Whether somebody waits on this side.
    #[inline]
    pub(super) fn set_waiting(&self, side: Side, waits: bool) {
        let others = self.state.load(Ordering::Relaxed) & !waiting(side);
        self.state.store(others | u8::from(waits) << side as u8, Ordering::Relaxed);
    }

    /// How many values are in the buffer.
    #[inline]
    pub(super) fn set_len(&self, len: usize) {
        self.len.store(len, Ordering::Relaxed);
    }

    /// It is closed, and nobody waits.
    pub(super) fn set_closed(&self) {
        self.state.store(CLOSED, Ordering::Relaxed);
    }

    /// Whether somebody on this side would probably find what it wants, with a buffer of so many.
    #[inline]
    pub(super) fn offer(&self, side: Side, capacity: usize) -> bool {
        let (state, len) = (self.state.load(Ordering::Relaxed), self.len.load(Ordering::Relaxed));
        let others = state & (CLOSED | waiting(side.other())) != 0;
        let buffer = match side {
            Side::Send => len < capacity,
            Side::Receive => len != 0,
        };
        others | buffer
    }
}
