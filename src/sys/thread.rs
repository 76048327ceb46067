//! Threads as the kernel sees them.

/// The kernel's id of the calling thread, as traces name it.
#[inline(never)]
pub(crate) fn id() -> u64 {
    // SAFETY: gettid has no preconditions and cannot fail.
    unsafe { libc::syscall(libc::SYS_gettid) as u64 }
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
