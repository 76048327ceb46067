//! How many threads are the runtime's own and act for goroutines only: workers, sysmon, helpers.
//!
//! The thread that cuts a trace's generations is one of them. The one that writes a trace of the
//! program's is not: it calls the user's writer, which may do anything. That of a whole run's trace
//! is, as are those that write a flight recorder to a file.

use std::sync::atomic::{AtomicUsize, Ordering};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The calling thread is the runtime's from here on, and does not end before [`count_me_out`].
///
/// A thread counts itself, so at no moment more are counted than there are (see `deadlock.rs`).
pub(crate) fn count_me() {
    COUNT.fetch_add(1, Ordering::Relaxed);
}

/// The calling thread, which [`count_me`] counted, is the runtime's no more.
pub(crate) fn count_me_out() {
    COUNT.fetch_sub(1, Ordering::Relaxed);
}

/// How many there are, at least.
pub(crate) fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}
