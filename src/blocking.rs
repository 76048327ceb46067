//! Calls that block the thread.

/// Runs `f`, which may block the thread.
pub fn blocking<T>(f: impl FnOnce() -> T) -> T {
    f()
}
