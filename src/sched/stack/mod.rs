//! Stacks: address space that takes memory where it is touched, with a guard below.
//!
//! ```text
//! low                                                                 high
//! | guard 64 KiB | usable, grows down  <---  | coroutine | Coro | colour |
//! ```
//! The coroutine's control block lies at the top of its own stack, on the page that every run
//! touches anyway. All of it is shifted by a colour, a few cache lines that differ from stack to
//! stack, because equal page offsets would fight for the same cache sets.
//!
//! Stacks are never unmapped: a goroutine that never ends keeps pointers into its own alive, and
//! one that ended leaves its stack, warm, to the next.

pub(crate) mod emergency;
pub(crate) mod overflow;
mod slab;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::coro::Coro;

pub(crate) use slab::{bytes, give, is_guard, take};

/// Bytes below each stack whose touch is an overflow.
pub(crate) const GUARD_BYTES: usize = 64 << 10;
/// The smallest stack that a goroutine may have.
pub(crate) const MIN_STACK_BYTES: usize = 16 << 10;
/// The largest stack that a goroutine may have.
pub(crate) const MAX_STACK_BYTES: usize = 1 << 40;
/// Usable bytes of a stack unless [`set_default_bytes`] says otherwise.
const DEFAULT_STACK_BYTES: usize = (256 << 10) - GUARD_BYTES;
const COLOURS: usize = 16;
const COLOUR_BYTES: usize = 64;
const PAGE: usize = 4096;

static DEFAULT_BYTES: AtomicUsize = AtomicUsize::new(DEFAULT_STACK_BYTES);

/// Usable bytes of a goroutine's stack by default.
pub(crate) fn default_bytes() -> usize {
    DEFAULT_BYTES.load(Ordering::Relaxed)
}

/// Sets the default, before the first stack is made.
pub(crate) fn set_default_bytes(bytes: usize) {
    DEFAULT_BYTES.store(round(bytes), Ordering::Relaxed);
}

/// Whole pages.
pub(crate) fn round(bytes: usize) -> usize {
    bytes.next_multiple_of(PAGE)
}

/// Address space of one stack, guard included.
#[derive(Clone, Copy)]
pub(crate) struct Region {
    start: usize,
    end: usize,
}

impl Region {
    /// Guards the bottom of the address space `start..end` and takes the rest as a stack.
    ///
    /// # Safety
    /// The range is mapped, unused, and the caller's to give away.
    unsafe fn new(start: usize, end: usize) -> io::Result<Region> {
        // SAFETY: the caller's range, which holds nothing.
        unsafe { crate::sys::memory::guard(start as *mut u8, GUARD_BYTES)? };
        Ok(Region { start, end })
    }

    /// The lowest address that may be touched.
    pub(crate) fn low(self) -> usize {
        self.start + GUARD_BYTES
    }

    /// Usable bytes.
    pub(crate) fn usable(self) -> usize {
        self.end - self.low()
    }

    pub(crate) fn contains_guard(self, address: usize) -> bool {
        (self.start..self.low()).contains(&address)
    }

    /// The start of the address space, guard included.
    pub(crate) fn start(self) -> usize {
        self.start
    }

    /// Where a control block of `bytes` goes, in the colour of the `nth` stack.
    pub(crate) fn control_block(self, bytes: usize, nth: usize) -> usize {
        (self.end - nth % COLOURS * COLOUR_BYTES - bytes) & !(COLOUR_BYTES - 1)
    }
}

/// A stack reserved for one goroutine ahead of its first run.
pub(crate) struct Reserved(pub(crate) *mut Coro);

// SAFETY: a coroutine that does not run belongs to whoever holds the pointer.
unsafe impl Send for Reserved {}

impl Drop for Reserved {
    fn drop(&mut self) {
        give(self.0);
    }
}

/// Reserves a stack of `bytes` usable bytes.
pub(crate) fn reserve(bytes: usize) -> io::Result<Reserved> {
    take(round(bytes)).map(Reserved)
}
