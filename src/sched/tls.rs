//! The only thread-locals of the runtime.
//!
//! A goroutine may continue on another thread after every park, so nothing that is derived from a
//! thread-local may be kept over one. The accessors are never inlined and read through a volatile
//! pointer: the compiler can neither keep the address of the cell nor its value.

use std::cell::{Cell, RefCell};

use super::m::M;
use crate::trace::outside::Line;

thread_local! {
    static CURRENT_M: Cell<*const M> = const { Cell::new(std::ptr::null()) };

    /// A plain thread's line to the goroutine that stands for it in traces.
    static OUTSIDE_LINE: RefCell<Option<Line>> = const { RefCell::new(None) };
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

/// Calls `f` with the calling plain thread's line, which `make` makes the first time. The thread
/// blocks in `f`, but it is no goroutine and stays the thread it is.
pub(crate) fn with_outside_line(make: impl FnOnce() -> Option<Line>, f: impl FnOnce(&Line)) {
    // An error: the thread is ending and has no line any more.
    let _ = OUTSIDE_LINE.try_with(|line| {
        // A borrow in progress: `f` itself annotates, which would wait for itself.
        let Ok(mut line) = line.try_borrow_mut() else { return };
        if line.is_none() {
            *line = make();
        }
        if let Some(line) = &*line {
            f(line);
        }
    });
}
