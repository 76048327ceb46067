//! The asymmetric barrier: free on the side that runs often, a system call on the other.
//!
//! Two threads that each store to one place and then load from the other's place (Dekker's
//! pattern) need a full fence between store and load on both sides. Where one side is a thousand
//! times rarer, `membarrier(2)` with `MEMBARRIER_CMD_PRIVATE_EXPEDITED` lets the frequent side get
//! by with a compiler fence: the call makes every running thread of the process pass a full
//! fence. Source: <https://man7.org/linux/man-pages/man2/membarrier.2.html>.
//!
//! Without `membarrier` (old kernel, seccomp) both sides use a full fence.

use std::sync::atomic::{AtomicBool, Ordering, compiler_fence, fence};

const CMD_REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;
const CMD_PRIVATE_EXPEDITED: libc::c_int = 1 << 3;

/// True once the process is registered. While it is false both sides use full fences, so the
/// change from false to true is harmless at any moment.
static REGISTERED: AtomicBool = AtomicBool::new(false);

/// Registers the process. Called once, before the first worker thread starts.
pub(crate) fn init() {
    REGISTERED.store(membarrier(CMD_REGISTER_PRIVATE_EXPEDITED), Ordering::Relaxed);
}

/// The frequent side: orders the stores before it with the loads after it, as seen by a thread
/// that calls [`heavy`] between its own store and load.
#[inline(always)]
pub(crate) fn light() {
    if REGISTERED.load(Ordering::Relaxed) {
        // ORDERING: pairs with the membarrier in `heavy`.
        compiler_fence(Ordering::SeqCst);
    } else {
        // ORDERING: pairs with the fence in `heavy`.
        fence(Ordering::SeqCst);
    }
}

/// The rare side: about a microsecond.
pub(crate) fn heavy() {
    // ORDERING: pairs with `light`; the fence also orders this thread's own accesses.
    fence(Ordering::SeqCst);
    if REGISTERED.load(Ordering::Relaxed) && !membarrier(CMD_PRIVATE_EXPEDITED) {
        // Registration succeeded, so the kernel has no reason left to refuse.
        panic!("gort: membarrier failed after its registration succeeded");
    }
}

#[inline(never)]
fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: membarrier takes no pointers; an unknown command is an error return.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}
