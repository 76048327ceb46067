//! Signals that are caught: a handler notes which, and a thread that waits is woken.
//!
//! The handler touches atomic words (`arrivals.rs`) and wakes the thread, by a futex that is private
//! to the process: what a forked child does with its copy of the words before it becomes another
//! program concerns nobody.

use std::io;

use super::arrivals::Arrivals;
use super::{interrupt, thread};

/// Those that came and were not taken yet.
static CAME: Arrivals = Arrivals::new();

/// The largest number of a signal.
pub(crate) const MAX: i32 = 64;

/// The numbers of signals, by name.
pub(crate) mod number {
    macro_rules! numbers {
        ($($name:ident)*) => {
            $(pub(crate) const $name: i32 = libc::$name;)*
            /// All of them.
            pub(crate) const ALL: &[(i32, &str)] = &[$((libc::$name, stringify!($name)),)*];
        };
    }

    numbers! {
        SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2
        SIGPIPE SIGALRM SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG
        SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS
    }

    /// The first and the last that programs may use as they like.
    pub(crate) fn realtime() -> std::ops::RangeInclusive<i32> {
        libc::SIGRTMIN()..=libc::SIGRTMAX()
    }
}

/// A signal as a set.
pub(crate) const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// What a signal does, to be restored.
#[derive(Clone, Copy)]
pub(crate) struct Disposition(libc::sigaction);

impl Disposition {
    /// What the signal does now.
    pub(crate) fn of(signal: i32) -> Disposition {
        Disposition(super::signal::disposition(signal))
    }

    /// Whether it is the system's default.
    pub(crate) fn is_default(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_DFL
    }

    /// Whether the signal is ignored.
    pub(crate) fn is_ignored(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_IGN
    }

    /// Whether the signal is caught here.
    pub(crate) fn is_caught(&self) -> bool {
        self.0.sa_sigaction == note as *const () as usize
    }

    /// To do what the system does by default.
    pub(crate) fn default_action() -> Disposition {
        plain(libc::SIG_DFL)
    }

    /// To be ignored.
    pub(crate) fn ignored() -> Disposition {
        plain(libc::SIG_IGN)
    }

    /// To be caught here.
    pub(crate) fn caught() -> Disposition {
        let mut caught = plain(note as *const () as usize);
        caught.0.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        caught.0.sa_mask = super::signal::all_but_faults();
        caught
    }

    /// The signal does this from here on.
    #[inline(never)]
    pub(crate) fn set(&self, signal: i32) -> io::Result<()> {
        // SAFETY: a handler that was there, or ours, which does what a handler may.
        match unsafe { libc::sigaction(signal, &self.0, std::ptr::null_mut()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

fn plain(handler: usize) -> Disposition {
    // SAFETY: plain data, for which zeros are nothing special.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    Disposition(action)
}

/// The handler, of which there is one: its address says whose a disposition is.
#[inline(never)]
unsafe extern "C" fn note(signal: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
    interrupt::keeping_errno(|| CAME.put(bit(signal)));
}

/// Has [`wait`] return.
pub(crate) fn poke() {
    CAME.put(0);
}

/// Waits for signals that are caught, or for [`poke`], since `turn`, which it moves on. By one thread.
pub(crate) fn wait(turn: &mut u32) {
    CAME.wait(turn);
}

/// Takes the signals that have come and were not taken yet.
pub(crate) fn take() -> u64 {
    CAME.take()
}

/// The signals that are kept from a thread.
pub(crate) struct Mask(libc::sigset_t);

impl Mask {
    /// Those that are kept from the calling thread.
    #[inline(never)]
    pub(crate) fn of_this_thread() -> Mask {
        // SAFETY: only asks; the place is filled in.
        unsafe {
            let mut mask = Mask(std::mem::zeroed());
            libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), &mut mask.0);
            mask
        }
    }

    /// Keeps these signals from the calling thread, but for those in the set.
    #[inline(never)]
    pub(crate) fn keep_out_but(&self, signals: u64) {
        let mut set = self.0;
        // SAFETY: a set on this stack; the thread is the runtime's own.
        unsafe {
            for signal in (1..=MAX).filter(|&s| signals & bit(s) != 0) {
                libc::sigdelset(&mut set, signal);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, &set, std::ptr::null_mut());
        }
    }
}

/// Takes back a signal that was sent and that no thread has got yet. It is caught, or nobody's.
pub(crate) fn forget(signal: i32) {
    forget_process_s(signal);
    // To ignore it for a moment would take back everything, but a program that is started in that
    // moment ignores it for good. So only where there is no other way. (And not SIGCHLD, whose
    // children the system would forget too; that one ends nothing.)
    if signal != libc::SIGCHLD && is_some_thread_s(signal) {
        let now = Disposition::of(signal);
        // Cannot fail: it could be caught.
        let _ = Disposition::ignored().set(signal).and_then(|()| now.set(signal));
    }
}

/// Takes back a signal that was sent to the process, and to none of its threads.
#[inline(never)]
fn forget_process_s(signal: i32) {
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: sets on this stack; the thread's mask is what it was in the end.
    unsafe {
        let (mut set, mut before): (libc::sigset_t, libc::sigset_t) = std::mem::zeroed();
        libc::sigaddset(&mut set, signal);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, &mut before);
        // Some may be there several times, and others may interrupt.
        while libc::sigtimedwait(&set, std::ptr::null_mut(), &now) > 0
            || io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
        {}
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
    }
}

/// Whether some thread has yet to handle a signal that was sent to it; also where the system does not
/// say.
fn is_some_thread_s(signal: i32) -> bool {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return true };
    // A thread that has ended meanwhile has nothing to handle.
    let texts = threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("status")).ok());
    texts.into_iter().any(|text| {
        let pending = text.lines().find_map(|line| line.strip_prefix("SigPnd:"));
        let pending = pending.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
        pending.is_none_or(|set| set & bit(signal) != 0)
    })
}

/// Sends the process a signal.
#[inline(never)]
pub(crate) fn raise(signal: i32) {
    // SAFETY: kill has no preconditions.
    unsafe { libc::kill(thread::process_id(), signal) };
}
