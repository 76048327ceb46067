//! The only thread-locals of the runtime.
//!
//! A goroutine may continue on another thread after every park, so nothing that is derived from a
//! thread-local may be kept over one. The accessors are never inlined and read through a volatile
//! pointer: the compiler can neither keep the address of the cell nor its value.

use std::cell::{Cell, OnceCell};

use super::g::G;
use super::locals::Locals;
use super::m::M;
use super::stand_in::StandIn;

thread_local! {
    static CURRENT_M: Cell<*const M> = const { Cell::new(std::ptr::null()) };

    /// The leak check that watches what this plain thread starts, 0 for none.
    static WATCH: Cell<u32> = const { Cell::new(0) };

    /// The goroutine that stands for a plain thread in traces.
    static STAND_IN: OnceCell<StandIn> = const { OnceCell::new() };

    /// The goroutine-locals of a plain thread. The cell itself outlives every destructor.
    static LOCALS: Cell<ThreadLocals> = const { Cell::new(ThreadLocals::None) };

    /// Its destructor ends them.
    static END_OF_LOCALS: EndOfLocals = const { EndOfLocals };
}

/// The goroutine-locals of a plain thread.
#[derive(Clone, Copy)]
pub(super) enum ThreadLocals {
    /// None yet.
    None,
    /// A box of the thread's.
    Here(*const Locals),
    /// The thread has destroyed them and is about to end.
    Ended,
}

struct EndOfLocals;

impl Drop for EndOfLocals {
    fn drop(&mut self) {
        let ThreadLocals::Here(locals) = locals() else { return };
        // SAFETY: the thread's box. Destructors may find others, and make new ones, meanwhile.
        while unsafe { (*locals).destroy_newest() } {}
        LOCALS.with(|cell| cell.set(ThreadLocals::Ended));
        // SAFETY: made in `locals_or_new`, and nobody finds it any more.
        drop(unsafe { Box::from_raw(locals.cast_mut()) });
    }
}

/// The goroutine-locals of this plain thread.
#[inline(never)]
pub(super) fn locals() -> ThreadLocals {
    LOCALS.with(Cell::get)
}

/// The goroutine-locals of this plain thread, which has not ended them.
#[inline(never)]
pub(super) fn locals_or_new() -> *const Locals {
    LOCALS.with(|cell| match cell.get() {
        ThreadLocals::Here(locals) => locals,
        _ => {
            END_OF_LOCALS.with(|_| {});
            let locals = Box::into_raw(Box::<Locals>::default());
            cell.set(ThreadLocals::Here(locals));
            locals
        }
    })
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

/// The goroutine that stands for this plain thread, if it has been made.
#[inline(never)]
pub(super) fn known_stand_in() -> Option<&'static G> {
    STAND_IN.try_with(|cell| cell.get().map(StandIn::g)).ok()?
}

/// The goroutine that stands for this plain thread, made when it is first asked for; `None` while
/// the thread is ending.
#[inline(never)]
pub(crate) fn stand_in() -> Option<&'static G> {
    STAND_IN.try_with(|cell| cell.get_or_init(StandIn::new).g()).ok()
}
