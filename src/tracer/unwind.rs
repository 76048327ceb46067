//! Walking a goroutine's stack: from the registers of a frame to the return addresses above it.
//!
//! Two ways lead up a stack. *Frame pointers*: each frame stores its caller's frame address and,
//! above it, the return address; a step is two loads. They are there when everything is built with
//! them, which `build.rs` sees in the flags (`gort_frame_pointers`) and [`check`] in the running
//! program; and a chain that does not end at the goroutine's root has a gap. *Tables*
//! (`unwind_tables.rs`): what panics unwind with, exact at every instruction and also in libraries
//! without frame pointers, but slower.
//!
//! So an event's stack is walked by frame pointers where they hold, else by the tables; where an
//! interrupted thread is, which may be in the middle of a library's function, the tables say first.
//! Without either a stack is its entry function alone.

use std::mem::MaybeUninit;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};

use super::unwind_tables as tables;
use crate::sys::interrupt::Interrupted;
use crate::sys::memory;

/// The most return addresses taken from one stack: the format has room for 128 frames, and the
/// runtime's own, up to ten, are left out.
pub(crate) const MAX_PCS: usize = 138;

/// Where a walk begins: what a function has in its registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers {
    /// The program counter.
    pub(crate) pc: usize,
    /// The stack pointer.
    pub(crate) stack: usize,
    /// The frame pointer, or whatever the register is used for.
    pub(crate) frame: usize,
}

impl From<&Interrupted> for Registers {
    fn from(&Interrupted { pc, stack, frame }: &Interrupted) -> Registers {
        Registers { pc, stack, frame }
    }
}

/// The address range a walk must stay in: a goroutine's stack, from low to its root function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The lowest usable address.
    pub(crate) low: usize,
    /// The stack pointer of the runtime's root function: the walk ends below it.
    pub(crate) root: usize,
}

/// Return addresses, innermost first, with room for so many. Made without a word being written.
pub(crate) struct Pcs<const ROOM: usize = MAX_PCS> {
    len: usize,
    /// Of the addresses, by [`hash_step`]: beside the walk, which waits for memory, it costs nothing.
    hash: u64,
    all: [MaybeUninit<usize>; ROOM],
}

/// For the stacks of most events, where the room is taken on the stack of who parks.
pub(crate) type FewPcs = Pcs<32>;

/// The multiply-and-rotate step of FxHash (Firefox; the rustc compiler uses it for its tables).
#[inline(always)]
pub(crate) fn hash_step(hash: u64, value: usize) -> u64 {
    (hash.rotate_left(5) ^ value as u64).wrapping_mul(0x517c_c1b7_2722_0a95)
}

impl<const ROOM: usize> Pcs<ROOM> {
    #[inline]
    pub(crate) fn new() -> Self {
        Pcs { len: 0, hash: 0, all: [const { MaybeUninit::uninit() }; ROOM] }
    }

    /// Adds an address, if there is room. False: that was the last one with room.
    #[inline]
    pub(crate) fn push(&mut self, pc: usize) -> bool {
        if let Some(place) = self.all.get_mut(self.len) {
            place.write(pc);
            self.len += 1;
            self.hash = hash_step(self.hash, pc);
        }
        self.len < ROOM
    }

    pub(crate) fn clear(&mut self) {
        (self.len, self.hash) = (0, 0);
    }

    /// The addresses' hash: 0 of none.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}

impl<const ROOM: usize> Deref for Pcs<ROOM> {
    type Target = [usize];

    #[inline]
    fn deref(&self) -> &[usize] {
        let written = &self.all[..self.len];
        // SAFETY: `push` has written the first `len`.
        unsafe { &*(std::ptr::from_ref(written) as *const [usize]) }
    }
}

/// The registers of the function that this is inlined into, at this place in it.
#[inline(always)]
pub(crate) fn registers() -> Registers {
    let (pc, stack, frame): (usize, usize, usize);
    #[cfg(target_arch = "x86_64")]
    // SAFETY: copies registers.
    unsafe {
        std::arch::asm!(
            "lea {pc}, [rip]", "mov {stack}, rsp", "mov {frame}, rbp",
            pc = out(reg) pc, stack = out(reg) stack, frame = out(reg) frame,
            options(nomem, nostack, preserves_flags),
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!(
            "adr {pc}, .", "mov {stack}, sp", "mov {frame}, x29",
            pc = out(reg) pc, stack = out(reg) stack, frame = out(reg) frame,
            options(nomem, nostack, preserves_flags),
        );
    }
    Registers { pc, stack, frame }
}

/// The frame pointer alone, or whatever the register is used for.
#[inline(always)]
pub(crate) fn frame() -> usize {
    let frame: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: copies a register.
    unsafe {
        std::arch::asm!("mov {}, rbp", out(reg) frame, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("mov {}, x29", out(reg) frame, options(nomem, nostack, preserves_flags));
    }
    frame
}

/// The program keeps frame pointers, as it showed.
static FRAMES_HOLD: AtomicBool = AtomicBool::new(false);

/// Looks whether the frame pointers are there that the build's flags promise. Once, early.
pub(crate) fn check() {
    FRAMES_HOLD.store(cfg!(gort_frame_pointers) && check::chain_holds(), Ordering::Relaxed);
}

/// Whether stacks are walked by frame pointers.
#[inline]
pub(crate) fn frames_hold() -> bool {
    cfg!(gort_frame_pointers) && FRAMES_HOLD.load(Ordering::Relaxed)
}

/// Whether there is any way to walk a stack.
pub(crate) fn is_possible() -> bool {
    frames_hold() || tables::ARE_BUILT_IN
}

/// Walks up from `from` by frame pointers. `None`: there are none, or they lead elsewhere than to
/// the root, or `out` has less than the most room and it is not enough.
///
/// The frame just below the root (the shim that calls the goroutine's function) contributes
/// nothing of its own; what it returns to is the root.
#[inline]
pub(crate) fn walk_frames<const ROOM: usize>(
    from: &Registers,
    bounds: Bounds,
    out: &mut Pcs<ROOM>,
) -> Option<()> {
    if !frames_hold() {
        return None;
    }
    let (mut len, mut hash, mut frame) = (0, 0, from.frame);
    if !(bounds.low..bounds.root).contains(&frame) || !frame.is_multiple_of(8) {
        out.clear();
        return None;
    }
    let is_whole = loop {
        // SAFETY: `frame` lies within the live part of the stack, which is readable up to the root
        // frame; a wrong chain yields wrong numbers, no wild access.
        let (parent, pc) = unsafe { (*(frame as *const usize), *((frame + 8) as *const usize)) };
        if parent >= bounds.root {
            break true;
        }
        if parent <= frame || !parent.is_multiple_of(8) || pc == 0 {
            break false;
        }
        out.all[len].write(pc);
        (len, hash) = (len + 1, hash_step(hash, pc));
        if len == ROOM {
            break ROOM == MAX_PCS;
        }
        frame = parent;
    };
    (out.len, out.hash) = (len, hash);
    is_whole.then_some(())
}

/// Walks up from `from`, on a stack that stands still or is the caller's own, with one of the
/// caches that all share. For who is in no hurry: see [`walk_frames`] and [`tables::walk`].
pub(crate) fn walk(from: &Registers, bounds: Bounds, out: &mut Pcs) {
    if walk_frames(from, bounds, out).is_none() {
        out.clear();
        tables::walk_shared(from, bounds, out);
    }
}

/// Walks up from where a signal interrupted its thread, on that thread, in the handler. On a stack
/// for signals of a worker's, whose size the tables' reader needs.
pub(crate) fn walk_interrupted(at: &Interrupted, bounds: Bounds, out: &mut Pcs) {
    let at = &Registers::from(at);
    // Where a stack has overflowed, its pointer is below it.
    let bounds = Bounds { low: at.stack.max(bounds.low), ..bounds };
    out.clear();
    if tables::walk_shared(at, bounds, out) || !frames_hold() {
        return;
    }
    // What cannot be read to its end, frame pointers may reach.
    let mut above: Pcs = Pcs::new();
    let _ = walk_frames(at, bounds, &mut above);
    let unframed = unframed_caller(at.pc, at.stack);
    if above.len() + usize::from(unframed.is_some()) >= out.len() {
        out.clear();
        let _ = unframed.into_iter().chain(above.iter().copied()).all(|pc| out.push(pc));
    }
}

/// Where a function returns to that was interrupted at `pc`, before it had made its frame or after
/// it had left it: [`walk_frames`] from the interrupted frame pointer then misses its caller.
///
/// ```text
/// push rbp        55         the return address is on top of the stack
/// mov rbp, rsp    48 89 e5   one word below the top
/// ret             c3         on top
/// ```
/// On other architectures than x86-64 the caller is missed. The kernel reads for us: code may be
/// there to be run only, or end where its page does.
pub(crate) fn unframed_caller(pc: usize, stack: usize) -> Option<usize> {
    if !cfg!(target_arch = "x86_64") {
        return None;
    }
    let depth = match memory::peek_bytes(pc) {
        ([0x55 | 0xc3, ..], 1..) => 0,
        ([0x48, 0x89, 0xe5, _], 3..) => 8,
        // endbr64 before all.
        ([0xf3, 0x0f, 0x1e, 0xfa], 4..) => 0,
        _ => return None,
    };
    memory::peek(stack.wrapping_add(depth)).map(|[caller]| caller)
}

/// The look at a chain of frames that is known, part of it the standard library's, which came
/// compiled.
mod check {
    use std::sync::Once;
    use std::sync::atomic::{Ordering, compiler_fence};

    use super::registers;

    /// How large the frame of [`chain_holds`] is at most.
    const FRAME_BYTES: usize = 1024;

    /// Whether frame pointers lead from a function, by way of the standard library, to this one.
    #[inline(never)]
    pub(super) fn chain_holds() -> bool {
        let mut link = None;
        let (own, before) = (registers(), place());
        if !(own.stack..own.stack + FRAME_BYTES).contains(&own.frame) {
            return false;
        }
        Once::new().call_once(|| link = link_to(own.frame));
        let after = place();
        link.is_some_and(|pc| (before..=after).contains(&pc))
    }

    /// The program counter, and no call moves from one side of this to the other.
    #[inline(always)]
    fn place() -> usize {
        // ORDERING: SeqCst, pairs with the other one in `chain_holds`: no call moves past either.
        compiler_fence(Ordering::SeqCst);
        registers().pc
    }

    /// Follows the frames up to the one at `top`: the return address into its function.
    #[inline(never)]
    fn link_to(top: usize) -> Option<usize> {
        let here = registers();
        let mut frame = here.frame;
        while frame >= here.stack && frame < top && frame.is_multiple_of(8) {
            // SAFETY: between this function's stack pointer and a frame of one of its callers, or
            // what lies less than a frame above the stack pointer of that, which has callers.
            let (parent, pc) =
                unsafe { (*(frame as *const usize), *((frame + 8) as *const usize)) };
            if parent == top {
                return Some(pc);
            }
            if parent <= frame {
                return None;
            }
            frame = parent;
        }
        None
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn frame_pointers_are_there_where_the_flags_say_so() {
            assert_eq!(super::chain_holds(), cfg!(gort_frame_pointers));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    /// Three pages of memory, of which the `nth` must not be touched.
    fn pages(nth: usize) -> *mut u8 {
        let base = memory::reserve(3 * PAGE).unwrap();
        // SAFETY: a page of its own.
        unsafe { memory::guard(base.wrapping_add(nth * PAGE), PAGE) }.unwrap();
        base
    }

    #[test]
    fn code_may_end_where_its_page_does() {
        let base = pages(1);
        let return_to = [1234_usize, 5678];
        let caller = |code: &[u8]| {
            let start = base.wrapping_add(PAGE - code.len());
            // SAFETY: the end of the first page.
            unsafe { start.copy_from(code.as_ptr(), code.len()) };
            unframed_caller(start.addr(), return_to.as_ptr().addr())
        };
        // repz ret; cqo; endbr64; ret; mov rbp, rsp.
        assert_eq!(caller(&[0xf3, 0xc3]), None);
        assert_eq!(caller(&[0x48, 0x99]), None);
        let known = |caller| cfg!(target_arch = "x86_64").then_some(caller);
        assert_eq!(caller(&[0xf3, 0x0f, 0x1e, 0xfa]), known(1234));
        assert_eq!(caller(&[0xc3]), known(1234));
        assert_eq!(caller(&[0x48, 0x89, 0xe5]), known(5678));
        // Nor need there be a stack.
        assert_eq!(unframed_caller(base.addr() + PAGE - 3, base.addr() + PAGE), None);
    }

    #[test]
    fn an_overflown_stack_is_read_above_its_guard_only() {
        check();
        let base = pages(0).addr();
        let bounds = Bounds { low: base + PAGE, root: base + 3 * PAGE };
        let at = Interrupted { pc: 16, stack: base + 64, frame: base + 128 };
        let mut pcs = Pcs::new();
        walk_interrupted(&at, bounds, &mut pcs);
        assert!(pcs.is_empty());
    }
}
