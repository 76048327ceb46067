//! The only thread-locals of the runtime.
//!
//! A goroutine may continue on another thread after every park, so nothing that is derived from a
//! thread-local may be kept over one. The accessors are never inlined and read through a volatile
//! pointer: the compiler can neither keep the address of the cell nor its value.

use std::cell::{Cell, OnceCell};

use super::g::G;
use super::m::M;
use super::stand_in::StandIn;

thread_local! {
    static CURRENT_M: Cell<*const M> = const { Cell::new(std::ptr::null()) };

    /// The leak check that watches what this plain thread starts, 0 for none.
    static WATCH: Cell<u32> = const { Cell::new(0) };

    /// The goroutine that stands for a plain thread in traces.
    static STAND_IN: OnceCell<StandIn> = const { OnceCell::new() };
}

/// The worker that this thread is, or null on threads that are none of the runtime's.
#[inline(never)]
pub(crate) fn current_m() -> *const M {
    // SAFETY: the cell is this thread's, alive (it has no destructor), and not borrowed.
    CURRENT_M.with(|cell| unsafe { cell.as_ptr().read_volatile() })
}

/// Makes this thread the worker `m`, for good.
pub(super) fn set_current_m(m: &'static M) {
    CURRENT_M.with(|cell| cell.set(m));
}

/// The leak check that watches what this plain thread starts, 0 for none.
#[inline(never)]
pub(super) fn watch() -> u32 {
    WATCH.with(Cell::get)
}

/// From here on `check` watches what this plain thread starts.
#[inline(never)]
pub(super) fn set_watch(check: u32) {
    WATCH.with(|cell| cell.set(check));
}

/// The goroutine that stands for this plain thread, made when it is first asked for; `None` while
/// the thread is ending.
#[inline(never)]
pub(crate) fn stand_in() -> Option<&'static G> {
    STAND_IN.try_with(|cell| cell.get_or_init(StandIn::new).g()).ok()
}
