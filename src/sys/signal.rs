//! SIGSEGV and SIGBUS: a stack overflow of a goroutine is told from every other fault.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::interrupt::{self, Interrupted};

/// Bytes of a worker's alternate signal stack.
const ALTERNATE_STACK_BYTES: usize = 64 << 10;

/// Called in the handler with the faulting address and the place in the code. True: the fault was
/// an overflow, reported; the process may die of it now.
pub(crate) type Report = fn(address: usize, at: &Interrupted) -> bool;

static REPORT: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// The handlers that were there before, for faults that are not ours.
struct Previous(UnsafeCell<[MaybeUninit<libc::sigaction>; 2]>);

// SAFETY: written once, before the handler that reads it is installed.
unsafe impl Sync for Previous {}

static PREVIOUS: Previous = Previous(UnsafeCell::new([MaybeUninit::uninit(); 2]));

const SIGNALS: [libc::c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// What a thread brings about itself. Kept out, it would end the process at once.
const FAULTS: [libc::c_int; 5] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP];

/// Installs the handler. Called once.
pub(crate) fn on_overflow(report: Report) {
    REPORT.store(report as *mut (), Ordering::Relaxed);
    for (n, signal) in SIGNALS.into_iter().enumerate() {
        // SAFETY: a handler for the whole process that touches only what its comments say; the
        // place for the previous one is written before the new one can run.
        unsafe {
            libc::sigaction(signal, std::ptr::null(), (*PREVIOUS.0.get())[n].as_mut_ptr());
        }
        install(signal, handle as *const () as usize);
    }
}

/// Installs a handler of the kind that gets all there is to know. No other one interrupts it, but
/// for faults: several at a time do not fit the signal stacks that `std` gives its threads, 8 KiB, of
/// which the kernel takes more than 3 for each where there is AVX-512.
pub(super) fn install(signal: libc::c_int, handler: usize) {
    // SAFETY: the callers' handlers touch only what their comments say.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        action.sa_mask = all_but_faults();
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

/// What a handler keeps out while it runs.
pub(super) fn all_but_faults() -> libc::sigset_t {
    // SAFETY: plain data, filled in.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut set);
        for fault in FAULTS {
            libc::sigdelset(&mut set, fault);
        }
        set
    }
}

/// What a signal does now.
pub(super) fn disposition(signal: libc::c_int) -> libc::sigaction {
    // SAFETY: only asks; the place is filled in.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut action);
        action
    }
}

/// Gives the calling thread a stack to handle signals on. Workers live as long as the process, so
/// it is never freed.
pub(crate) fn install_alternate_stack() {
    let Ok(base) = super::memory::reserve(ALTERNATE_STACK_BYTES) else { return };
    let stack = libc::stack_t { ss_sp: base.cast(), ss_flags: 0, ss_size: ALTERNATE_STACK_BYTES };
    // SAFETY: fresh memory that nobody else uses, for this thread.
    unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) };
}

unsafe extern "C" fn handle(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the kernel passes valid pointers to an SA_SIGINFO handler.
    let (address, at) = unsafe { ((*info).si_addr() as usize, interrupt::interrupted(context)) };
    let report = REPORT.load(Ordering::Relaxed);
    // SAFETY: only `Report` functions are stored.
    let ours = !report.is_null()
        && unsafe { std::mem::transmute::<*mut (), Report>(report) }(address, &at);
    let n = SIGNALS.iter().position(|&s| s == signal).unwrap_or(0);
    // SAFETY: PREVIOUS was filled before this handler was installed; a default action resets the
    // signal, and the fault happens again on return and ends the process.
    unsafe {
        let previous = (*PREVIOUS.0.get())[n].assume_init();
        let handler = previous.sa_sigaction;
        if ours || handler == libc::SIG_DFL || handler == libc::SIG_IGN {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = libc::SIG_DFL;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        } else if previous.sa_flags & libc::SA_SIGINFO != 0 {
            type Handler =
                unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            std::mem::transmute::<usize, Handler>(handler)(signal, info, context);
        } else {
            std::mem::transmute::<usize, unsafe extern "C" fn(libc::c_int)>(handler)(signal);
        }
    }
}

/// The frame pointer and program counter that the signal interrupted.
pub(super) unsafe fn registers(context: *mut libc::c_void) -> (usize, usize) {
    // SAFETY: the kernel's context of this architecture.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        let registers = &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        (registers[libc::REG_RBP as usize] as usize, registers[libc::REG_RIP as usize] as usize)
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        let machine = &(*context.cast::<libc::ucontext_t>()).uc_mcontext;
        (machine.regs[29] as usize, machine.pc as usize)
    }
}

/// Writes to standard error without a lock or a buffer.
#[inline(never)]
pub(crate) fn write_stderr(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: a valid buffer.
        let n = unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(n) {
            Ok(n) if n > 0 => bytes = &bytes[n..],
            _ if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}
