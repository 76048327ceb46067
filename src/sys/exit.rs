//! The end of the process.

/// Has `f` called when the process exits by the end of `main` or a call of `exit`.
pub(crate) fn at_exit(f: extern "C" fn()) {
    // SAFETY: a function that may be called at any time. Without memory it is not called.
    unsafe { libc::atexit(f) };
}
