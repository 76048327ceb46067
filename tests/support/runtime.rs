//! The runtime, entered; and patience with what happens in it.

#![allow(dead_code, reason = "each test uses its part")]

use std::time::{Duration, Instant};

/// For whatever is certain to happen, on however slow a machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// [`gort::run`], for tests: none keeps a thread's own data over a blocking call. Goroutines that it
/// starts outlive it.
#[track_caller]
pub(crate) fn run<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: as above.
    unsafe { gort::run(f) }
}

/// Waits for something that happens on its own.
pub(crate) fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "never so: {what}");
        gort::sleep(Duration::from_micros(200));
    }
}
