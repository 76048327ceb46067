//! Walking a goroutine's stack: the seam between the tracer and the ways to unwind.
//!
//! Frame pointers: each frame stores its caller's frame address and, above it, the return address.
//! `build.rs` sets `gort_frame_pointers` when the build keeps them in every function. Without
//! them a stack is its entry function alone.

/// The most return addresses taken from one stack; the format allows 128 frames with the entry.
pub(crate) const MAX_PCS: usize = 126;

/// The address range a walk must stay in: a goroutine's stack, from low to its entry frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The lowest usable address.
    pub(crate) low: usize,
    /// The frame address of the runtime's root function: the walk ends below it.
    pub(crate) root: usize,
}

/// The caller's frame address.
#[inline(always)]
pub(crate) fn frame_address() -> usize {
    let fp: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: copies a register.
    unsafe {
        std::arch::asm!("mov {}, rbp", out(reg) fp, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: copies a register.
    unsafe {
        std::arch::asm!("mov {}, x29", out(reg) fp, options(nomem, nostack, preserves_flags));
    }
    fp
}

/// Collects the return addresses above the frame `fp`, innermost first, and says how many.
///
/// The frame just below the root (the shim that calls the goroutine's function) contributes
/// nothing of its own; what it returns to is the root.
#[inline]
pub(crate) fn walk(mut fp: usize, bounds: Bounds, out: &mut [usize; MAX_PCS]) -> usize {
    let mut n = 0;
    if !cfg!(gort_frame_pointers) {
        return 0;
    }
    while n < MAX_PCS && fp >= bounds.low && fp < bounds.root && fp.is_multiple_of(8) {
        // SAFETY: `fp` lies within the live part of the stack that this thread runs on, which is
        // readable up to the root frame; a wrong chain yields wrong numbers, no wild access.
        let (parent, pc) = unsafe { (*(fp as *const usize), *((fp + 8) as *const usize)) };
        if parent == bounds.root || parent <= fp || pc == 0 {
            break;
        }
        out[n] = pc;
        n += 1;
        fp = parent;
    }
    n
}

/// Where a function returns to that was interrupted at `pc`, before it had made its frame or after
/// it had left it: [`walk`] from the interrupted frame pointer then misses its caller.
///
/// ```text
/// push rbp        55         the return address is on top of the stack
/// mov rbp, rsp    48 89 e5   one word below the top
/// ret             c3         on top
/// ```
/// On other architectures than x86-64 the caller is missed.
///
/// # Safety
/// `pc` was interrupted, and at `stack` there are two words.
pub(crate) unsafe fn unframed_caller(pc: usize, stack: usize) -> Option<usize> {
    if !cfg!(target_arch = "x86_64") {
        return None;
    }
    // SAFETY: code that ran a moment ago. The bytes after an instruction of less than four belong
    // to the function, which goes on, or to the padding behind its last page's end.
    let first = unsafe { *(pc as *const u8) };
    let moves = || {
        // SAFETY: as above; 0x48 is a prefix, so there are more bytes.
        first == 0x48
            && unsafe { [*((pc + 1) as *const u8), *((pc + 2) as *const u8)] } == [0x89, 0xe5]
    };
    let depth = match first {
        0x55 | 0xc3 => 0,
        _ if moves() => 8,
        // endbr64 before all.
        // SAFETY: as above; 0xf3 is a prefix.
        0xf3 if unsafe { ((pc + 1) as *const [u8; 3]).read() } == [0x0f, 0x1e, 0xfa] => 0,
        _ => return None,
    };
    // SAFETY: by the caller's promise.
    Some(unsafe { *((stack + depth) as *const usize) })
}
