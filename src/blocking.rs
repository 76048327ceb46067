//! Calls that block their thread.

/// Calls `f`.
pub fn blocking<T>(f: impl FnOnce() -> T) -> T {
    f()
}
