//! Time: [`sleep`].

use std::time::Duration;

use crate::sched::park;
use crate::sys::clock;

/// Puts the current goroutine to sleep for at least `duration`; on a plain thread, the thread.
///
/// # Examples
/// ```
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe { gort::run(|| gort::time::sleep(std::time::Duration::from_millis(1))) };
/// ```
///
/// # Go
/// `time.Sleep`.
pub fn sleep(duration: Duration) {
    if duration.is_zero() {
        return;
    }
    park::sleep_until(deadline_ns(duration));
}

/// The time of the monotonic clock after `timeout`.
pub(crate) fn deadline_ns(timeout: Duration) -> u64 {
    let timeout_ns = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    // Some centuries at most: the clock counts from the machine's start.
    clock::monotonic_ns().saturating_add(timeout_ns).min(u64::MAX - 1)
}
