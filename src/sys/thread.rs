//! Threads as the kernel sees them.

/// The kernel's id of the calling thread, as traces name it.
#[inline(never)]
pub(crate) fn id() -> u64 {
    // SAFETY: gettid has no preconditions and cannot fail.
    unsafe { libc::syscall(libc::SYS_gettid) as u64 }
}

/// How many threads the process has, all at one moment; `None` where the system does not say.
#[inline(never)]
pub(crate) fn count() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    text.lines().find_map(|line| line.strip_prefix("Threads:"))?.trim().parse().ok()
}

/// The kernel's numbers of the process's threads; some may end, and others begin, meanwhile.
#[cfg(feature = "pprof")]
pub(crate) fn all_ids() -> Vec<u64> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse().ok()).collect()
}

/// Lets another thread run on this processor.
#[inline(never)]
pub(crate) fn yield_now() {
    // SAFETY: sched_yield has no preconditions.
    unsafe { libc::sched_yield() };
}

/// Ends the process at once, without destructors, as a fatal report does.
pub(crate) fn abort_with_status(status: i32) -> ! {
    std::process::exit(status)
}
