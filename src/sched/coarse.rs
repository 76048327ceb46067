//! The coarse clock: what a goroutine notes as it parks, for "waits for 5 minutes". To read a
//! real clock there would cost more than the rest of parking.
//!
//! sysmon advances it: every 10 ms while a processor is busy, once a second while all are idle.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::sys::clock;

/// Nanoseconds of a unit. 32 bits of them are more than a year, and the difference of two times is
/// right beyond that.
const UNIT_NS: u64 = 10_000_000;

/// Alone in its cache lines: everybody reads it all the time.
#[repr(align(128))]
struct Now(AtomicU32);

static NOW: Now = Now(AtomicU32::new(0));

/// The time, as of the last [`advance`].
#[inline(always)]
pub(super) fn now() -> u32 {
    NOW.0.load(Ordering::Relaxed)
}

/// Sets the clock.
pub(super) fn advance() {
    NOW.0.store(real(), Ordering::Relaxed);
}

/// How long ago `then` was, by a look at the real clock.
pub(crate) fn elapsed(then: u32) -> Duration {
    // The unit in which `then` lay has not ended yet.
    Duration::from_nanos(u64::from(real().wrapping_sub(then)) * UNIT_NS)
}

fn real() -> u32 {
    (clock::monotonic_ns() / UNIT_NS) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_tells_what_passed() {
        advance();
        assert!(elapsed(now()) < Duration::from_secs(10));
        let before = now().wrapping_sub(6_000);
        assert!(elapsed(before) >= Duration::from_secs(60));
        assert!(elapsed(before) < Duration::from_secs(70));
    }
}
