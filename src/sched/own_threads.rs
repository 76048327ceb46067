//! How many threads are the runtime's own and act for goroutines only: workers, sysmon, helpers.
//!
//! The writer of a trace is none of them: it calls the user's writer, which may do anything.

use std::sync::atomic::{AtomicUsize, Ordering};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The calling thread is the runtime's from here on, and never ends.
///
/// A thread counts itself, so at no moment more are counted than there are (see `deadlock.rs`).
pub(super) fn count_me() {
    COUNT.fetch_add(1, Ordering::Relaxed);
}

/// How many there are, at least.
pub(crate) fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}
