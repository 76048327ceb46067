//! A waiter in a queue, which somebody wakes: `sudog::Parker`, and a goroutine's park as far as its
//! waker sees it.

use std::sync::atomic::{AtomicBool, Ordering as PlainOrdering};

use crate::sys::sync::{AtomicU32, Ordering, wait_while, wake_all};

/// Where a waiter sleeps.
pub(crate) struct Parker {
    woken: AtomicU32,
    served: AtomicBool,
}

impl Parker {
    pub(crate) fn new() -> Parker {
        let woken = AtomicU32::new(0);
        woken.load(Ordering::Relaxed); // its first use is before it is shared
        Parker { woken, served: AtomicBool::new(false) }
    }

    /// Sleeps until it is woken, and says what it was told.
    pub(crate) fn park(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in `wake`.
        while self.woken.load(Ordering::Acquire) == 0 {
            wait_while(&self.woken, 0);
        }
        self.served.load(PlainOrdering::Relaxed)
    }

    /// Wakes it; `served`: what it is told.
    pub(crate) fn wake(&self, served: bool) {
        self.served.store(served, PlainOrdering::Relaxed);
        // ORDERING: Release, pairs with the Acquire in `park`.
        self.woken.store(1, Ordering::Release);
        wake_all(&self.woken);
    }
}
