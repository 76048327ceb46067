//! `hogs`: endless loops, and how late a sleeper is beside them.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::load::{Load, Outcome};

/// What the sleeper sleeps at a time.
pub(crate) const NAP: Duration = Duration::from_millis(1);

/// How long the sleeper is alone before the loops begin, so that none is starved for not having
/// begun.
pub(crate) const HEAD_START: Duration = Duration::from_millis(5);

/// What the goroutines of a run share.
pub(crate) struct Hogs {
    /// Sleeps that begin earlier do not count.
    counted_from: Instant,
    until: Instant,
    stop: AtomicBool,
}

impl Hogs {
    /// A sixth of the time is not counted: sysmons and time slices settle.
    ///
    /// A thread that no system schedules ends the loops should the sleeper not come to its end.
    pub(crate) fn begin(load: Load) -> Arc<Hogs> {
        let now = Instant::now();
        let counted_from = now + Duration::from_millis(load.n) / 6;
        let until = counted_from + Duration::from_millis(load.n);
        let stop = AtomicBool::new(false);
        let hogs = Arc::new(Hogs { counted_from, until, stop });
        let watched = Arc::clone(&hogs);
        thread::spawn(move || {
            thread::sleep(2 * (watched.until - now));
            watched.stop.store(true, Ordering::Relaxed);
        });
        hogs
    }

    /// An endless loop that calls nothing.
    pub(crate) fn hog(&self) {
        let mut turns = 0_u64;
        while !self.stop.load(Ordering::Relaxed) {
            turns = black_box(turns + 1);
        }
    }

    /// The sleeper's notes.
    pub(crate) fn sleeper(&self) -> Sleeper<'_> {
        Sleeper { hogs: self, late_ns: Vec::with_capacity(1 << 16) }
    }
}

/// How late one goroutine was each time.
pub(crate) struct Sleeper<'a> {
    hogs: &'a Hogs,
    late_ns: Vec<u64>,
}

impl Sleeper<'_> {
    /// The moment before a sleep of [`NAP`]. `None` when it is over.
    pub(crate) fn falls_asleep(&self) -> Option<Instant> {
        let now = Instant::now();
        let is_over = now >= self.hogs.until && !self.late_ns.is_empty();
        (!is_over && !self.hogs.stop.load(Ordering::Relaxed)).then_some(now)
    }

    pub(crate) fn wakes(&mut self, asleep: Instant) {
        let slept = asleep.elapsed();
        assert!(slept >= NAP, "a sleep of {slept:?}");
        if asleep >= self.hogs.counted_from {
            self.late_ns.push((slept - NAP).as_nanos() as u64);
        }
    }

    /// Ends the loops.
    pub(crate) fn finish(mut self) -> Outcome {
        if self.hogs.stop.swap(true, Ordering::Relaxed) {
            return Outcome::Starved(format!("it slept {} times beside them", self.late_ns.len()));
        }
        self.late_ns.sort_unstable();
        let count = self.late_ns.len();
        let mean = self.late_ns.iter().sum::<u64>() as f64 / count as f64;
        let p99 = self.late_ns[(count * 99).div_ceil(100) - 1];
        Outcome::Figures(vec![mean, p99 as f64, self.late_ns[count - 1] as f64])
    }
}
