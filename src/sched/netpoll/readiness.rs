//! Whether one direction of a socket may be ready: two numbers.
//!
//! ```text
//! EDGE     edges += 1 (Release), under the descriptor's lock; take waiters out; unlock; wake them
//! TRY      look = edges (Acquire); the call; it found nothing more: seen = look
//! WAIT     lock; edges != seen ? unlock, try again : line up, unlock after the switch
//! ```
//! Invariant: while `seen` equals `edges`, a call has found nothing more after all the edges that
//! have been delivered. For `seen` is what `edges` was before a call that found nothing: whatever
//! came after that call has its edge still before it. So who waits has an edge to come. Where
//! several try at once, an older look may replace a newer one: then the numbers differ, and the next
//! one tries in vain once.
//!
//! `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicU64, Ordering};

/// The two numbers. See the module documentation.
pub(crate) struct Readiness {
    edges: AtomicU64,
    seen: AtomicU64,
}

/// What a call that is about to be tried knows.
#[derive(Clone, Copy)]
pub(crate) struct Look(u64);

impl Readiness {
    /// Ready, for all one knows.
    pub(crate) fn new() -> Readiness {
        Readiness { edges: AtomicU64::new(1), seen: AtomicU64::new(0) }
    }

    /// Before a call.
    #[inline]
    pub(crate) fn look(&self) -> Look {
        // ORDERING: Acquire, pairs with the Release in `edge`: the call finds what the edge was for.
        Look(self.edges.load(Ordering::Acquire))
    }

    /// Whether a call may find something.
    #[inline]
    pub(crate) fn is_ready(&self, look: Look) -> bool {
        look.0 != self.seen.load(Ordering::Relaxed)
    }

    /// A call after this look has found nothing more.
    #[inline]
    pub(crate) fn found_nothing(&self, look: Look) {
        self.seen.store(look.0, Ordering::Relaxed);
    }

    /// Something has come. Under the descriptor's lock.
    #[inline]
    pub(crate) fn edge(&self) {
        let edges = self.edges.load(Ordering::Relaxed);
        // ORDERING: Release, pairs with the Acquire in `look`.
        self.edges.store(edges + 1, Ordering::Release);
    }
}
