//! SIGPROF, and the timers that send it: one for each thread, which runs while its thread does.
//!
//! A timer of a thread's processor time does not tick while the thread is blocked, so no blocking
//! call is interrupted by it. Whoever ticks more often than the kernel looks at such timers (250 or
//! 1000 times a second) gets a signal for several ticks, and is told how many.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use super::interrupt::{Interrupted, interrupted, keeping_errno, pass_on};
use super::signal;

/// Called in the signal handler: where the thread was, and for how many ticks.
pub(crate) type OnTick = fn(Interrupted, u64);

static ON_TICK: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
/// What SIGPROF did before each of our handlers; kept for ever, since a handler may be at it.
static PREVIOUS: [AtomicPtr<libc::sigaction>; 4] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; 4];
/// Our handlers, all the same. Whoever comes after one may pass signals on to it for ever. So what
/// is installed after him is the next one, or the two would pass them on to each other.
const TICKS: [unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void); 4] =
    [tick::<0>, tick::<1>, tick::<2>, tick::<3>];
/// Which of them is in use, or was last.
static TOP: AtomicUsize = AtomicUsize::new(0);
/// Somebody came after that one, and was there when it should have gone.
static IS_BELOW: AtomicBool = AtomicBool::new(false);
/// The signals of the process's own timer are ours.
static WHOLE_PROCESS: AtomicBool = AtomicBool::new(false);

/// What the kernel says of a signal that a timer sent (`siginfo_t` of `SI_TIMER`).
#[repr(C)]
struct TimerInfo {
    signal: libc::c_int,
    errno: libc::c_int,
    code: libc::c_int,
    _unused: libc::c_int,
    timer: libc::c_int,
    overrun: libc::c_int,
    value: usize,
}

const _: () = assert!(std::mem::offset_of!(TimerInfo, value) == 24);

/// A signal of `setitimer`.
const FROM_KERNEL: libc::c_int = 0x80;

/// Marks the signals of our own timers.
fn mark() -> usize {
    (&raw const ON_TICK).addr()
}

/// Has `handler` called at each tick, until [`uninstall`]. One caller at a time.
pub(crate) fn install(handler: OnTick) {
    ON_TICK.store(handler as *mut (), Ordering::Relaxed);
    keep_previous(signal::disposition(libc::SIGPROF));
    signal::install(libc::SIGPROF, TICKS[top()] as *const () as usize);
}

/// What SIGPROF did before, it does again, unless somebody else has it by now. All timers are gone.
///
/// By default it ends the process, and a signal may still be on its way to a thread (under valgrind,
/// which handles signals itself, even one that the kernel knows of no more). So our handler stays
/// then, which does nothing with signals that are not ours; programs that are started do not inherit it.
pub(crate) fn uninstall() {
    let Some(own) = which(&signal::disposition(libc::SIGPROF)) else {
        IS_BELOW.store(true, Ordering::Relaxed);
        return;
    };
    let previous = PREVIOUS[own].load(Ordering::Relaxed);
    // SAFETY: null, or never freed.
    if unsafe { previous.as_ref() }.is_none_or(|p| p.sa_sigaction == libc::SIG_DFL) {
        return;
    }
    // SAFETY: what is stored is never freed. To ignore a signal also takes back those that are on
    // their way to a thread.
    unsafe {
        let mut ignore: libc::sigaction = std::mem::zeroed();
        ignore.sa_sigaction = libc::SIG_IGN;
        libc::sigaction(libc::SIGPROF, &ignore, std::ptr::null_mut());
        libc::sigaction(libc::SIGPROF, previous, std::ptr::null_mut());
    }
}

/// Which of our handlers it is. Others who came later may have put it back when they ended, long
/// after we did.
fn which(now: &libc::sigaction) -> Option<usize> {
    TICKS.iter().position(|&tick| now.sa_sigaction == tick as *const () as usize)
}

fn top() -> usize {
    TOP.load(Ordering::Relaxed)
}

/// Keeps what there was, in memory of its own unless it is what there was the last time.
fn keep_previous(now: libc::sigaction) {
    let is_below = IS_BELOW.swap(false, Ordering::Relaxed);
    if let Some(own) = which(&now) {
        TOP.store(own, Ordering::Relaxed);
        return; // it is known what was before
    }
    if is_below {
        TOP.store((top() + 1).min(TICKS.len() - 1), Ordering::Relaxed);
    }
    let previous = &PREVIOUS[top()];
    let known = previous.load(Ordering::Relaxed);
    // SAFETY: null, or never freed.
    let same = unsafe { known.as_ref() }.is_some_and(|known| is_same(known, &now));
    if !same {
        // ORDERING: Release, pairs with the Acquire in `tick`.
        previous.store(Box::into_raw(Box::new(now)), Ordering::Release);
    }
}

/// Whether both do the same, and keep the same signals out meanwhile.
fn is_same(one: &libc::sigaction, other: &libc::sigaction) -> bool {
    // SAFETY: the set is valid, and so are the numbers.
    let has = |action: &libc::sigaction, n| unsafe { libc::sigismember(&action.sa_mask, n) };
    (one.sa_sigaction, one.sa_flags) == (other.sa_sigaction, other.sa_flags)
        && (1..=libc::SIGRTMAX()).all(|n| has(one, n) == has(other, n))
}

#[inline(never)]
unsafe extern "C" fn tick<const N: usize>(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    keeping_errno(|| {
        // SAFETY: the kernel passes valid pointers to an SA_SIGINFO handler; what it says of a
        // timer is read for a timer's signals only.
        let (code, timer) = unsafe { ((*info).si_code, &*info.cast::<TimerInfo>()) };
        let is_ours = match code {
            libc::SI_TIMER => timer.value == mark(),
            FROM_KERNEL => WHOLE_PROCESS.load(Ordering::Relaxed),
            _ => false,
        };
        if is_ours {
            let more = if code == libc::SI_TIMER { timer.overrun.max(0) } else { 0 };
            // SAFETY: only such functions are stored, before the handler was installed.
            let handler: OnTick = unsafe { std::mem::transmute(ON_TICK.load(Ordering::Relaxed)) };
            // SAFETY: the kernel's context.
            handler(unsafe { interrupted(context) }, 1 + more as u64);
            return;
        }
        // ORDERING: Acquire, pairs with the Release in `keep_previous`.
        let previous = PREVIOUS[N].load(Ordering::Acquire);
        // SAFETY: null or never freed; as the kernel called us.
        unsafe { pass_on(previous.as_ref(), signal, info, context) };
    });
}

/// A timer of one thread's processor time. Dropping it takes it away; nothing is on its way then
/// but a signal that the thread has not handled yet.
#[derive(Debug)]
pub(crate) struct ThreadTimer(libc::c_int);

impl ThreadTimer {
    /// Sends SIGPROF to the thread with the kernel's number `tid` after `first_ns` of its processor
    /// time, and then each `period_ns`.
    ///
    /// # Errors
    /// When there is no such thread any more, or the system has no such timers, or no more.
    #[inline(never)]
    pub(crate) fn start(tid: u64, first_ns: u64, period_ns: u64) -> io::Result<ThreadTimer> {
        // The kernel's number for the processor time of a thread (`clock_getcpuclockid(3)`).
        let clock = !(tid as libc::clockid_t) << 3 | 6;
        let mut id: libc::c_int = 0;
        // SAFETY: plain data, all of it set that counts.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGPROF;
        event.sigev_notify_thread_id = tid as libc::c_int;
        event.sigev_value.sival_ptr = mark() as *mut libc::c_void;
        // SAFETY: both places are valid for the call.
        if unsafe { libc::syscall(libc::SYS_timer_create, clock, &raw mut event, &raw mut id) } != 0
        {
            return Err(io::Error::last_os_error());
        }
        let timer = ThreadTimer(id);
        timer.set(first_ns, period_ns)?;
        Ok(timer)
    }

    /// Sends the next signal after `first_ns` from now, and then each `period_ns`.
    ///
    /// # Errors
    /// When the thread is no more.
    #[inline(never)]
    pub(crate) fn set(&self, first_ns: u64, period_ns: u64) -> io::Result<()> {
        let times = libc::itimerspec { it_interval: spec(period_ns), it_value: spec(first_ns) };
        let null = std::ptr::null_mut::<libc::itimerspec>();
        // SAFETY: the timer is ours, and the place is valid for the call.
        match unsafe { libc::syscall(libc::SYS_timer_settime, self.0, 0, &raw const times, null) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Whether its thread still lives.
    #[inline(never)]
    pub(crate) fn is_alive(&self) -> bool {
        let mut times = libc::itimerspec { it_interval: spec(0), it_value: spec(0) };
        // SAFETY: the timer is ours, and the place is valid for the call.
        let asked = unsafe { libc::syscall(libc::SYS_timer_gettime, self.0, &raw mut times) };
        asked == 0 && (times.it_value.tv_sec, times.it_value.tv_nsec) != (0, 0)
    }
}

impl Drop for ThreadTimer {
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: the timer is ours.
        unsafe { libc::syscall(libc::SYS_timer_delete, self.0) };
    }
}

fn spec(ns: u64) -> libc::timespec {
    let (seconds, rest) = (ns / 1_000_000_000, ns % 1_000_000_000);
    libc::timespec { tv_sec: seconds as libc::time_t, tv_nsec: rest as libc::c_long }
}

/// The one timer of the whole process's time, for systems that have none for threads. Whichever
/// thread gets its signal is taken for the one that computes.
#[derive(Debug)]
pub(crate) struct ProcessTimer {
    before: libc::itimerval,
}

impl ProcessTimer {
    /// # Errors
    /// When the system refuses.
    pub(crate) fn start(period_ns: u64) -> io::Result<ProcessTimer> {
        WHOLE_PROCESS.store(true, Ordering::Relaxed);
        match set_process_timer(period_ns) {
            Ok(before) => Ok(ProcessTimer { before }),
            Err(error) => {
                WHOLE_PROCESS.store(false, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// Sends a signal each `period_ns` from here on.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn set(&self, period_ns: u64) -> io::Result<()> {
        set_process_timer(period_ns).map(drop)
    }
}

/// Returns what was set before.
#[inline(never)]
fn set_process_timer(period_ns: u64) -> io::Result<libc::itimerval> {
    let us = period_ns.div_ceil(1000).max(1);
    let (seconds, rest) = (us / 1_000_000, us % 1_000_000);
    let period =
        libc::timeval { tv_sec: seconds as libc::time_t, tv_usec: rest as libc::suseconds_t };
    let times = libc::itimerval { it_interval: period, it_value: period };
    // SAFETY: plain data.
    let mut before: libc::itimerval = unsafe { std::mem::zeroed() };
    // SAFETY: both places are valid for the call.
    match unsafe { libc::setitimer(libc::ITIMER_PROF, &times, &mut before) } {
        0 => Ok(before),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Drop for ProcessTimer {
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: what was there before.
        unsafe { libc::setitimer(libc::ITIMER_PROF, &self.before, std::ptr::null_mut()) };
        WHOLE_PROCESS.store(false, Ordering::Relaxed);
    }
}
