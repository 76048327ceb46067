//! Coro: a stack with a coroutine on it that runs one goroutine after the other.
//!
//! ```text
//! | guard | ... user frames ... park | ... | shim | root | parent link | Coro | colour |
//!                                                       ^ yielder
//! ```
//! The coroutine never returns: its root function loops, running the goroutine that the thread
//! says is current, and suspends when that goroutine has ended. So a warm stack starts its next
//! goroutine with a plain resume. A suspended coroutine is never dropped; at process exit they
//! all just vanish.
//!
//! Invariant: a coroutine is resumed by the one thread that took its goroutine from a queue (or
//! the stack from a list), and only after the suspend before is complete: whoever parks makes the
//! goroutine visible to wakers from the scheduler's stack, after the switch (`park.rs`).

use std::cell::{Cell, UnsafeCell};
use std::num::NonZeroUsize;

use corosensei::stack::{Stack, StackPointer};
use corosensei::{Coroutine, Yielder};

use super::m::M;
use super::stack::Region;
use crate::tracer::unwind::{self, Bounds, Pcs, Registers};
use crate::tracer::unwind_tables::{self, Cache};

/// What corosensei sees of a stack.
struct Bare {
    base: StackPointer,
    limit: StackPointer,
}

// SAFETY: a region keeps at least `MIN_STACK_BYTES` usable above a guard that faults, and is
// never unmapped.
unsafe impl Stack for Bare {
    fn base(&self) -> StackPointer {
        self.base
    }

    fn limit(&self) -> StackPointer {
        self.limit
    }
}

/// The control block. See the module documentation.
#[repr(C, align(64))]
pub(crate) struct Coro {
    coroutine: UnsafeCell<Coroutine<(), (), (), Bare>>,
    yielder: Cell<*const Yielder<(), ()>>,
    /// The thread that ran it last; with `FLAG_LOCKED` the one that must.
    pub(crate) m: Cell<*const M>,
    /// The registers with which the goroutine parked, on its own stack, for whoever walks that
    /// while it is parked. The last word of the line that every switch touches.
    parked: Cell<*const Registers>,
    // From here on a second cache line, which a switch does not touch.
    /// The stack pointer of the root function.
    root_stack: Cell<usize>,
    /// When the goroutine was readied, if its wait is measured (`contention.rs`). Its owner's.
    #[cfg_attr(not(feature = "pprof"), allow(dead_code, reason = "no wait is measured"))]
    pub(crate) ready_ns: Cell<u64>,
    region: Region,
}

const _: () = assert!(std::mem::offset_of!(Coro, root_stack) <= 64);

impl Coro {
    /// Makes the coroutine of the `nth` stack of its size.
    ///
    /// # Safety
    /// The region is mapped, unused and never unmapped.
    pub(crate) unsafe fn new(region: Region, nth: usize) -> *mut Coro {
        let address = region.control_block(size_of::<Coro>(), nth);
        let pointer = address as *mut Coro;
        let nonzero = |a| NonZeroUsize::new(a).expect("a stack at address zero");
        let bare = Bare { base: nonzero(address), limit: nonzero(region.start()) };
        let coroutine = Coroutine::with_stack(bare, move |yielder: &Yielder<(), ()>, ()| {
            // SAFETY: the block outlives its coroutine.
            unsafe { root(&*pointer, yielder) }
        });
        let coro = Coro {
            coroutine: UnsafeCell::new(coroutine),
            yielder: Cell::new(std::ptr::null()),
            root_stack: Cell::new(0),
            region,
            m: Cell::new(std::ptr::null()),
            parked: Cell::new(std::ptr::null()),
            ready_ns: Cell::new(0),
        };
        // SAFETY: room at the top of the region, above the coroutine's base.
        unsafe { pointer.write(coro) };
        pointer
    }

    pub(crate) fn region(&self) -> Region {
        self.region
    }

    /// Runs the coroutine until it suspends.
    ///
    /// # Safety
    /// The caller owns the suspended coroutine (see the module's invariant).
    #[inline]
    pub(crate) unsafe fn resume(this: *mut Coro) {
        // SAFETY: exclusive by the caller's promise. Shared references to the block live on
        // meanwhile, on the coroutine's own stack: all its fields are in cells.
        unsafe { (*(*this).coroutine.get()).resume(()) };
    }

    /// Switches from this coroutine's stack to the thread's. Returns when somebody resumes it,
    /// perhaps on another thread.
    ///
    /// # Safety
    /// Called on this coroutine's stack.
    #[inline]
    pub(crate) unsafe fn suspend(&self) {
        // SAFETY: the yielder lives at the root of this stack, which never returns.
        unsafe { (*self.yielder.get()).suspend(()) };
    }

    /// The goroutine is about to park, in the function with these registers, which stay in place
    /// until it goes on. By itself.
    #[inline]
    pub(crate) fn note_parked(&self, registers: &Registers) {
        self.parked.set(registers);
    }

    /// The stack of a goroutine that has run and does not run now. The world is stopped.
    pub(crate) fn parked_stack(&self, pcs: &mut Pcs) {
        // SAFETY: null, or on the stack of the goroutine, which has parked since it wrote them.
        if let Some(registers) = unsafe { self.parked.get().as_ref() } {
            unwind::walk(registers, self.bounds(), pcs);
        }
    }

    /// The stack of the calling goroutine, whose coroutine this is, above `from`. Tables are read
    /// with this cache, and on the thread's stack: this one may have no room for it, and would
    /// keep the memory.
    #[inline]
    pub(crate) fn own_stack(&self, from: &Registers, cache: Option<&mut Cache>, pcs: &mut Pcs) {
        if unwind::walk_frames(from, self.bounds(), pcs).is_none() {
            self.own_stack_by_tables(from, cache, pcs);
        }
    }

    #[inline(never)]
    fn own_stack_by_tables(&self, from: &Registers, cache: Option<&mut Cache>, pcs: &mut Pcs) {
        let bounds = self.bounds();
        pcs.clear();
        // SAFETY: the yielder lives at the root of this stack, which never returns.
        let yielder = unsafe { &*self.yielder.get() };
        yielder.on_parent_stack(|| match cache {
            Some(cache) => unwind_tables::walk(cache, from, bounds, pcs),
            None => unwind_tables::walk_shared(from, bounds, pcs),
        });
    }

    /// Where a walk of this stack must stay, for the thread that runs on it.
    #[inline]
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds { low: self.region.low(), root: self.root_stack.get() }
    }
}

/// Gives back the memory of the current goroutine's stack that is not in use now, as before a long
/// wait. Does nothing on plain threads.
#[cfg(feature = "http")]
#[inline(never)]
pub(crate) fn discard_unused_stack() {
    /// What this function and those that it calls may use.
    const OWN_BYTES: usize = 2048;
    let Some(g) = super::current_g() else { return };
    // SAFETY: a running goroutine has a coroutine, which is its own.
    let region = unsafe { &*g.coro.get() }.region();
    let here = 0_u8;
    let (low, here) = (region.low(), (&raw const here).addr());
    // It is elsewhere where a sanitizer keeps locals in memory of its own.
    if (low + OWN_BYTES..low + region.usable()).contains(&here) {
        // SAFETY: these pages are of the stack that this runs on, below what is in use. Handlers of
        // signals that run there in between have returned by then.
        unsafe { crate::sys::memory::discard(low, here - OWN_BYTES) };
    }
}

/// The root function of every goroutine's stack.
#[inline(never)]
fn root(coro: &Coro, yielder: &Yielder<(), ()>) {
    coro.yielder.set(yielder);
    coro.root_stack.set(unwind::registers().stack);
    loop {
        super::spawn::run_current();
        // SAFETY: this is the coroutine's own stack.
        unsafe { coro.suspend() };
    }
}
