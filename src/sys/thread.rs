//! Threads as the kernel sees them.

use std::io::{Read, Write};

/// The kernel's id of the calling thread, as traces name it.
#[inline(never)]
pub(crate) fn id() -> u64 {
    // SAFETY: gettid has no preconditions and cannot fail.
    unsafe { libc::syscall(libc::SYS_gettid) as u64 }
}

/// The process's number.
pub(crate) fn process_id() -> i32 {
    std::process::id() as i32
}

/// How many threads the process has, all at one moment; `None` where the system does not say.
#[inline(never)]
pub(crate) fn count() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    text.lines().find_map(|line| line.strip_prefix("Threads:"))?.trim().parse().ok()
}

/// The kernel's numbers of the process's threads; some may end, and others begin, meanwhile.
pub(crate) fn all_ids() -> Vec<u64> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse().ok()).collect()
}

/// The processor time that thread `tid` of this process has used, in nanoseconds; `None`: it is no
/// more. Costs about 0.4 µs.
#[inline(never)]
pub(crate) fn cpu_time_ns(tid: u64) -> Option<u64> {
    /// The thread's own clock (4), of time as the scheduler counts it (2): the kernel's encoding,
    /// `include/linux/posix-timers.h`, which `pthread_getcpuclockid` uses as well.
    const OF_THREAD: libc::clockid_t = 4 | 2;
    let clock = !(tid as libc::clockid_t) << 3 | OF_THREAD;
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `ts` is a valid place for the result; a clock that is gone is an error return.
    let found = unsafe { libc::clock_gettime(clock, &mut ts) } == 0;
    found.then(|| ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64)
}

/// Reads the start of a file that tells of thread `tid` of this process: how much. Takes no memory.
fn read_of(tid: u64, name: &str, start: &mut [u8]) -> Option<usize> {
    let mut path = [0; 48];
    let mut rest = &mut path[..];
    write!(rest, "/proc/self/task/{tid}/{name}").ok()?;
    let left = rest.len();
    let path = std::str::from_utf8(&path[..path.len() - left]).ok()?;
    std::fs::File::open(path).ok()?.read(start).ok()
}

/// Whether thread `tid` of this process waits in the kernel (states S and D), rather than that it
/// runs or is about to; `None`: the system does not say. Costs about 6 µs.
#[inline(never)]
pub(crate) fn is_blocked(tid: u64) -> Option<bool> {
    // The thread's name, in parentheses, may contain anything; what follows is in the first bytes.
    let mut start = [0; 128];
    let len = read_of(tid, "stat", &mut start)?;
    let after_name = start[..len].iter().rposition(|&byte| byte == b')')?;
    Some(matches!(start[..len].get(after_name + 2)?, b'S' | b'D'))
}

/// Whether thread `tid` of this process hardly notices a signal now: it runs, or waits in a call
/// that the kernel begins again after one, or that `std` does. Others, among them all that waits for
/// sockets, which may have a timeout, would fail with `EINTR`. Costs about 5 µs.
#[inline(never)]
pub(crate) fn bears_signals(tid: u64) -> bool {
    const BEGUN_AGAIN: [libc::c_long; 15] = [
        libc::SYS_futex,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_pread64,
        libc::SYS_pwrite64,
        libc::SYS_openat,
        libc::SYS_fsync,
        libc::SYS_flock,
        libc::SYS_fcntl,
        libc::SYS_wait4,
        libc::SYS_waitid,
    ];
    let mut start = [0; 32];
    let Some(len) = read_of(tid, "syscall", &mut start) else { return false };
    let Ok(text) = std::str::from_utf8(&start[..len]) else { return false };
    match text.split_whitespace().next() {
        Some("running") => true,
        Some(number) => number.parse().is_ok_and(|number| BEGUN_AGAIN.contains(&number)),
        None => false,
    }
}

/// Lets the calling thread's sleeps end within a microsecond of their time, not fifty.
pub(crate) fn wake_precisely() {
    // SAFETY: prctl with a plain number.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
}

/// `struct sched_attr` of `sched_setattr(2)`, in its first version.
#[repr(C)]
#[derive(Default)]
struct SchedAttr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime_ns: u64,
    deadline_ns: u64,
    period_ns: u64,
}

/// Asks the kernel to run thread `tid` of this process in slices of so many nanoseconds (0.1 to 100
/// ms; 0 for what is usual), where it is an ordinary thread: one with a short slice that wakes runs
/// before one with a long slice that has not used it up. Older kernels than 6.12 have no slices to
/// choose. A wish only: whether it is granted does not matter.
///
/// Source: `kernel/sched/syscalls.c`, `__setparam_fair`; Stoica and Abdel-Wahab, "Earliest eligible
/// virtual deadline first", 1995.
#[inline(never)]
pub(crate) fn wish_slice(tid: u64, slice_ns: u64) {
    const SIZE: u32 = size_of::<SchedAttr>() as u32;
    const ORDINARY: u32 = libc::SCHED_OTHER as u32;
    let mut attr = SchedAttr::default();
    // SAFETY: a place of the size that is named.
    let got = unsafe { libc::syscall(libc::SYS_sched_getattr, tid, &raw mut attr, SIZE, 0) };
    if got == 0 && attr.policy == ORDINARY {
        attr = SchedAttr { size: SIZE, policy: ORDINARY, nice: attr.nice, ..SchedAttr::default() };
        attr.runtime_ns = slice_ns;
        // SAFETY: as above.
        unsafe { libc::syscall(libc::SYS_sched_setattr, tid, &raw const attr, 0) };
    }
}

/// Lets another thread run on this processor.
#[inline(never)]
pub(crate) fn yield_now() {
    // SAFETY: sched_yield has no preconditions.
    unsafe { libc::sched_yield() };
}

/// The calling thread's `errno`.
#[inline(never)]
pub(crate) fn errno() -> i32 {
    // SAFETY: the calling thread's own.
    unsafe { *libc::__errno_location() }
}

/// Sets the calling thread's `errno`.
#[inline(never)]
pub(crate) fn set_errno(errno: i32) {
    // SAFETY: the calling thread's own.
    unsafe { *libc::__errno_location() = errno };
}

/// Ends the process at once, without destructors, as a fatal report does.
pub(crate) fn abort_with_status(status: i32) -> ! {
    std::process::exit(status)
}
