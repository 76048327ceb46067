//! The trace's clock: `CLOCK_MONOTONIC` in units of 64 ns, read through the time-stamp counter
//! where the kernel itself keeps time by it.
//!
//! 64 ns divides 10⁹ into a whole frequency, so readers convert without drift, and a delta mostly
//! fits one byte; Go's runtime uses the same unit on Linux.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sys::clock;
use crate::wire::encode::Clocks;

/// Units a second, as the trace states it.
pub(crate) const FREQUENCY: u64 = 1_000_000_000 / UNIT_NS;
pub(super) const UNIT_NS: u64 = 64;
const SHIFT: u32 = 40;
/// How long the counter is compared with the kernel's clock before it is trusted.
const CALIBRATION: Duration = Duration::from_millis(2);
/// By how many ticks a processor's counter may be behind that of the one that calibrated: some tenths
/// of a second.
const SLACK: u64 = 1 << 30;

/// How the counter is read as units.
struct Scale {
    /// Units per tick, times 2^SHIFT; 0 while the counter is not to be used.
    mult: AtomicU64,
    /// A reading of before the first one that counts, and its time: processors' counters may be a hair
    /// apart.
    tsc_zero: AtomicU64,
    unit_zero: AtomicU64,
}

static SCALE: Scale =
    Scale { mult: AtomicU64::new(0), tsc_zero: AtomicU64::new(0), unit_zero: AtomicU64::new(0) };

/// The time now, in units.
#[inline]
pub(crate) fn now() -> u64 {
    let mult = SCALE.mult.load(Ordering::Relaxed);
    if mult == 0 {
        return clock::monotonic_ns() / UNIT_NS;
    }
    let ticks = clock::tsc().wrapping_sub(SCALE.tsc_zero.load(Ordering::Relaxed));
    // A counter that began anew: time stands still.
    let ticks = if ticks > u64::MAX / 2 { 0 } else { ticks };
    SCALE.unit_zero.load(Ordering::Relaxed).wrapping_add(units(ticks, mult))
}

#[inline(always)]
fn units(ticks: u64, mult: u64) -> u64 {
    ((u128::from(ticks) * u128::from(mult)) >> SHIFT) as u64
}

/// All clocks at this moment.
pub(crate) fn snapshot() -> Clocks {
    let (wall_s, wall_ns) = clock::wall();
    let monotonic_ns = clock::monotonic_ns();
    Clocks { frequency: FREQUENCY, time: now(), monotonic_ns, wall_s, wall_ns }
}

/// Calibrates the counter once, for about two milliseconds. Called while tracing is off.
pub(crate) fn calibrate() {
    if SCALE.mult.load(Ordering::Relaxed) != 0 || !clock::tsc_is_clock() {
        return;
    }
    let (ns0, tsc0) = reading();
    let begin = Instant::now();
    while begin.elapsed() < CALIBRATION {
        std::hint::spin_loop();
    }
    let (ns1, tsc1) = reading();
    let (ns, ticks) = (ns1 - ns0, tsc1.wrapping_sub(tsc0));
    if ticks == 0 || ticks > u64::MAX / 2 {
        return;
    }
    let mult = ((u128::from(ns) << SHIFT) / (u128::from(UNIT_NS) * u128::from(ticks))) as u64;
    SCALE.tsc_zero.store(tsc0.wrapping_sub(SLACK), Ordering::Relaxed);
    let unit_zero = (ns0 / UNIT_NS).wrapping_sub(units(SLACK, mult));
    SCALE.unit_zero.store(unit_zero, Ordering::Relaxed);
    SCALE.mult.store(mult, Ordering::Relaxed);
}

/// Both clocks at one moment: the reading, of some, that took the least time.
fn reading() -> (u64, u64) {
    let read = |_| {
        let (before, tsc, after) = (clock::monotonic_ns(), clock::tsc(), clock::monotonic_ns());
        (after - before, before + (after - before) / 2, tsc)
    };
    let (_, ns, tsc) = (0..16).map(read).min().expect("there are some");
    (ns, tsc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_with_the_kernels_clock() {
        calibrate();
        let (a, t0) = (now(), clock::monotonic_ns());
        std::thread::sleep(Duration::from_millis(20));
        let (b, t1) = (now(), clock::monotonic_ns());
        let (units, ns) = ((b - a) * UNIT_NS, t1 - t0);
        assert!(units.abs_diff(ns) < ns / 50 + 100_000, "{units} ns by units, {ns} ns by kernel");
    }
}
