//! Children that a process forks: they have its memory, and none of its threads but one.

/// Has `f` called in each child that is forked from now on, before anything else there. Without
/// memory it is not called.
///
/// # Safety
/// `f` does what a signal handler may do, and no more.
pub(crate) unsafe fn in_children(f: unsafe extern "C" fn()) {
    // SAFETY: a function that may be called in a child, by the caller.
    unsafe { libc::pthread_atfork(None, None, Some(f)) };
}
