//! What a channel has to offer, for who looks without its lock.
//!
//! It is written by whoever holds the lock, in the same critical section as what it tells of. So
//! what happened before a look is seen by it; what happens meanwhile may be seen in part. Nothing
//! depends on it but time: who sees an offer locks the channel and looks again, and who sees none
//! anywhere and has to be sure locks all channels first.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::head::Side;

/// See the module documentation.
pub(super) struct Hints {
    /// Somebody waits to send, to receive; a future that receives does not count.
    waiting: [AtomicBool; 2],
    closed: AtomicBool,
    /// Values in the buffer.
    len: AtomicUsize,
}

impl Hints {
    pub(super) const fn new() -> Hints {
        Hints {
            waiting: [AtomicBool::new(false), AtomicBool::new(false)],
            closed: AtomicBool::new(false),
            len: AtomicUsize::new(0),
        }
    }

    /// Whether somebody waits on this side.
    #[inline]
    pub(super) fn set_waiting(&self, side: Side, waits: bool) {
        self.waiting[side as usize].store(waits, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn set_len(&self, len: usize) {
        self.len.store(len, Ordering::Relaxed);
    }

    pub(super) fn set_closed(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Whether somebody on this side would probably find what it wants, with a buffer of so many.
    #[inline]
    pub(super) fn offer(&self, side: Side, capacity: usize) -> bool {
        let (other, len) = (side.other(), self.len.load(Ordering::Relaxed));
        let buffer = match side {
            Side::Send => len < capacity,
            Side::Receive => len != 0,
        };
        buffer
            || self.waiting[other as usize].load(Ordering::Relaxed)
            || self.closed.load(Ordering::Relaxed)
    }
}
