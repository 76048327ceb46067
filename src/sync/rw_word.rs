//! The word of a read-write lock. The algorithm is Go's (`sync/rwmutex.go`): a writer first shuts
//! the readers to come out, then waits for those who are in.
//!
//! ```text
//! WRITER    a writer is in, or waits for the readers to leave; one at a time, by a mutex
//! WAITING   readers wait for the writer
//! the rest  how many readers are in
//! ```
//! WAITING is set, and WRITER taken back where WAITING is set, under the lock of the readers'
//! queue. `tests/models` checks this file with loom.

use crate::sys::sync::{AtomicU32, Ordering};

const WRITER: u32 = 1 << 31;
const WAITING: u32 = 1 << 30;
/// Readers that fit; no more than half of it are let in.
const READERS: u32 = WAITING - 1;

/// The word. See the module documentation.
pub(crate) struct RwWord(AtomicU32);

impl RwWord {
    pub(crate) const fn new() -> RwWord {
        RwWord(AtomicU32::new(0))
    }

    /// A reader goes in, unless a writer is there.
    #[must_use]
    pub(crate) fn read(&self) -> bool {
        loop {
            match self.read_once() {
                Ok(()) => return true,
                Err(now) if now < READERS / 2 => {}
                Err(now) => {
                    assert!(now & WRITER != 0, "gort: too many readers of a RwMutex");
                    return false;
                }
            }
        }
    }

    /// A reader goes in.
    ///
    /// # Errors
    /// The word, if a writer is there, or another reader came between.
    #[inline]
    pub(crate) fn read_once(&self) -> Result<(), u32> {
        let old = self.0.load(Ordering::Relaxed);
        if old >= READERS / 2 {
            return Err(old);
        }
        // ORDERING: Acquire, pairs with the Releases in `end_write` and `end_write_with`.
        let done = self.0.compare_exchange(old, old + 1, Ordering::Acquire, Ordering::Relaxed);
        done.map(|_| ())
    }

    /// Whether a writer is in, or waits to get in.
    #[must_use]
    pub(crate) fn is_written(&self) -> bool {
        self.0.load(Ordering::Relaxed) & WRITER != 0
    }

    /// Under the lock of the readers' queue: a reader is about to wait there. False: there is no
    /// writer any more, and nothing has changed.
    #[must_use]
    pub(crate) fn announce_reader(&self) -> bool {
        let mut old = self.0.load(Ordering::Relaxed);
        while old & WRITER != 0 {
            let new = old | WAITING;
            match self.0.compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => old = now,
            }
        }
        false
    }

    /// A reader leaves. True: it was the last one, and a writer waits for that.
    #[inline]
    #[must_use]
    pub(crate) fn end_read(&self) -> bool {
        // ORDERING: Release, pairs with the Acquires in `write`, `try_write` and `is_read`.
        let old = self.0.fetch_sub(1, Ordering::Release);
        old & WRITER != 0 && old & READERS == 1
    }

    /// A writer shuts readers out. False: there are some in, for whom it has to wait.
    #[inline]
    #[must_use]
    pub(crate) fn write(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in `end_read`.
        self.0.fetch_or(WRITER, Ordering::Acquire) == 0
    }

    /// A writer goes in, if nobody is.
    #[must_use]
    pub(crate) fn try_write(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in `end_read`.
        self.0.compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Whether readers are in.
    #[must_use]
    pub(crate) fn is_read(&self) -> bool {
        // ORDERING: Acquire, pairs with the Release in `end_read`.
        self.0.load(Ordering::Acquire) & READERS != 0
    }

    /// The writer leaves, if no readers wait, and `readers` go in: itself, as one, or nobody.
    #[inline]
    #[must_use]
    pub(crate) fn end_write(&self, readers: u32) -> bool {
        // ORDERING: Release, pairs with the Acquire in `read`.
        self.0.compare_exchange(WRITER, readers, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// The writer leaves, under the lock of the readers' queue, and so many readers go in: those
    /// who waited, whom the caller then wakes.
    pub(crate) fn end_write_with(&self, readers: u32) {
        // ORDERING: Release, pairs with the Acquire in `read`.
        self.0.store(readers, Ordering::Release);
    }
}
