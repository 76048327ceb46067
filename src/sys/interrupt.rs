//! Two signals for dumps. SIGURG, which does nothing by default and which Go uses for the same,
//! asks a thread where it is; SIGQUIT asks the process for a dump of everything.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::signal;

/// Where a signal interrupted its thread.
pub(crate) struct Interrupted {
    /// The frame pointer.
    pub(crate) frame: usize,
    /// The program counter.
    pub(crate) pc: usize,
    /// The stack pointer.
    pub(crate) stack: usize,
}

static ON_URGENT: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
static ON_QUIT: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// What SIGURG did before, for those that are not ours.
struct Previous(UnsafeCell<Option<libc::sigaction>>);

// SAFETY: written once, before the handler that reads it is installed.
unsafe impl Sync for Previous {}

static PREVIOUS: Previous = Previous(UnsafeCell::new(None));

/// Has `handler` called on each thread that is interrupted. It runs in a signal handler, and says
/// whether the signal was meant for it. Called once.
pub(crate) fn on_urgent(handler: fn(Interrupted) -> bool) {
    ON_URGENT.store(handler as *mut (), Ordering::Relaxed);
    // SAFETY: before the handler is installed, which is the only reader.
    unsafe { *PREVIOUS.0.get() = Some(signal::disposition(libc::SIGURG)) };
    signal::install(libc::SIGURG, urgent as *const () as usize);
}

/// Interrupts the thread of this process with the kernel's number `tid`.
#[inline(never)]
pub(crate) fn interrupt(tid: u64) {
    // SAFETY: a signal with a handler; for a thread that is gone it is an error return.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, libc::SIGURG) };
}

/// Has `handler` called at the first SIGQUIT, in a signal handler; a second one does what it does
/// by default. False: somebody else has a use for the signal.
pub(crate) fn on_quit(handler: fn()) -> bool {
    if signal::disposition(libc::SIGQUIT).sa_sigaction != libc::SIG_DFL {
        return false;
    }
    ON_QUIT.store(handler as *mut (), Ordering::Relaxed);
    signal::install(libc::SIGQUIT, quit as *const () as usize);
    true
}

/// SIGQUIT does what it does by default.
pub(crate) fn default_quit() {
    // SAFETY: the default action.
    unsafe { libc::signal(libc::SIGQUIT, libc::SIG_DFL) };
}

/// Ends the process at once: no destructor, no function registered for exits.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(status) }
}

/// Runs `f` and leaves the interrupted code's `errno` as it was.
pub(super) fn keeping_errno(f: impl FnOnce()) {
    // SAFETY: the calling thread's own.
    let errno = unsafe { *libc::__errno_location() };
    f();
    // SAFETY: as above; a signal handler stays on its thread.
    unsafe { *libc::__errno_location() = errno };
}

unsafe extern "C" fn quit(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    keeping_errno(|| {
        default_quit();
        // SAFETY: only such functions are stored, before the handler was installed.
        let handler: fn() = unsafe { std::mem::transmute(ON_QUIT.load(Ordering::Relaxed)) };
        handler();
    });
}

unsafe extern "C" fn urgent(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    keeping_errno(|| {
        // SAFETY: only such functions are stored, before the handler was installed.
        let handler: fn(Interrupted) -> bool =
            unsafe { std::mem::transmute(ON_URGENT.load(Ordering::Relaxed)) };
        // SAFETY: the kernel passes a valid context to an SA_SIGINFO handler.
        let at = unsafe { interrupted(context) };
        if !handler(at) {
            // SAFETY: set before the handler was installed; as the kernel called us.
            unsafe { pass_on((*PREVIOUS.0.get()).as_ref(), signal, info, context) };
        }
    });
}

/// Where the signal interrupted its thread.
///
/// # Safety
/// The context is the one that the kernel passed.
pub(super) unsafe fn interrupted(context: *mut libc::c_void) -> Interrupted {
    // SAFETY: by the caller's promise.
    unsafe {
        let (frame, pc) = signal::registers(context);
        Interrupted { frame, pc, stack: stack_pointer(context) }
    }
}

/// Calls the handler that was there before, if there was one.
///
/// # Safety
/// In a signal handler, with what the kernel passed to it.
pub(super) unsafe fn pass_on(
    previous: Option<&libc::sigaction>,
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let Some(previous) = previous else { return };
    let handler = previous.sa_sigaction;
    if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
        return;
    }
    // SAFETY: a handler that somebody installed, of the kind that its flags say.
    unsafe {
        if previous.sa_flags & libc::SA_SIGINFO != 0 {
            type Handler =
                unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            std::mem::transmute::<usize, Handler>(handler)(signal, info, context);
        } else {
            std::mem::transmute::<usize, unsafe extern "C" fn(libc::c_int)>(handler)(signal);
        }
    }
}

/// The stack pointer that the signal interrupted.
unsafe fn stack_pointer(context: *mut libc::c_void) -> usize {
    // SAFETY: the kernel's context of this architecture.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RSP as usize] as usize
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        (*context.cast::<libc::ucontext_t>()).uc_mcontext.sp as usize
    }
}
