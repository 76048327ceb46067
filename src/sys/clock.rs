//! Clocks: monotonic and wall time, and the processor's time-stamp counter.

/// Nanoseconds of `CLOCK_MONOTONIC`. Never zero in practice, never backwards.
#[inline(never)]
pub(crate) fn monotonic_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// Spins for so many nanoseconds.
pub(crate) fn spin_ns(ns: u64) {
    let end = monotonic_ns() + ns;
    while monotonic_ns() < end {
        std::hint::spin_loop();
    }
}

/// Wall-clock time as (seconds, nanoseconds) since the Unix epoch.
pub(crate) fn wall() -> (u64, u32) {
    let ns = read(libc::CLOCK_REALTIME);
    (ns / 1_000_000_000, (ns % 1_000_000_000) as u32)
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `ts` is a valid place for the result and both clocks always exist.
    unsafe { libc::clock_gettime(clock, &mut ts) };
    ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
}

/// The time-stamp counter, about a third of the price of [`monotonic_ns`].
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn tsc() -> u64 {
    // SAFETY: rdtsc exists on every x86-64 processor and Linux leaves it enabled.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Architectures without a counter that we use report no [`tsc_is_clock`].
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn tsc() -> u64 {
    monotonic_ns()
}

/// Whether the kernel itself keeps time by the time-stamp counter: then it runs at one rate and
/// in step on all processors.
pub(crate) fn tsc_is_clock() -> bool {
    cfg!(target_arch = "x86_64")
        && std::fs::read_to_string(
            "/sys/devices/system/clocksource/clocksource0/current_clocksource",
        )
        .is_ok_and(|name| name.trim() == "tsc")
}
