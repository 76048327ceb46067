//! `blockers`: goroutines that block in the system, and what two that compute keep beside them.

use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use crate::load::{Load, Outcome};

/// How long the goroutines block at a time.
pub(crate) const BLOCK: Duration = Duration::from_millis(10);

/// How many compute.
pub(crate) const COMPUTING: u64 = 2;

/// The time that is measured. Those who compute come when the others are under way.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    from: Instant,
    until: Instant,
}

impl Window {
    /// Begins in a while.
    pub(crate) fn new(load: Load) -> Window {
        let from = Instant::now() + lead_in(load);
        Window { from, until: from + Duration::from_millis(load.n) }
    }

    /// Half of it, for those who compute alone: once before and once after, since the machine's
    /// speed is not always the same.
    pub(crate) fn half(load: Load) -> Window {
        let window = Window::new(load);
        Window { until: window.from + (window.until - window.from) / 2, ..window }
    }

    /// What is left of the while.
    pub(crate) fn lead_in(&self) -> Duration {
        self.from.saturating_duration_since(Instant::now())
    }

    /// How often one gets through a fixed piece of work that calls nothing.
    pub(crate) fn compute(&self) -> u64 {
        let right = kernel(black_box(1));
        let mut count = 0;
        while self.is_on() {
            assert_eq!(kernel(black_box(1)), right);
            count += u64::from(self.is_on());
        }
        count
    }

    /// Sleeps as plain threads do, once more at least. Calls `after` each time; counts those within
    /// the window.
    pub(crate) fn sleep(&self, mut after: impl FnMut()) -> u64 {
        self.block(|| {
            thread::sleep(BLOCK);
            after();
        })
    }

    /// Calls what blocks, once more at least; counts the calls within the window.
    pub(crate) fn block(&self, mut call: impl FnMut()) -> u64 {
        let mut count = 0;
        loop {
            call();
            count += self.counts();
            if !self.is_on() {
                return count;
            }
        }
    }

    /// Whether there is still something to do.
    pub(crate) fn is_on(&self) -> bool {
        Instant::now() < self.until
    }

    /// One, within the window.
    pub(crate) fn counts(&self) -> u64 {
        let now = Instant::now();
        u64::from(self.from <= now && now < self.until)
    }

    /// Reads a FIFO to its end. All bytes, and those within the window.
    pub(crate) fn read(&self, mut fifo: File) -> (u64, u64) {
        let (mut all, mut count) = (0, 0);
        let mut byte = [0];
        while fifo.read(&mut byte).expect("a FIFO") == 1 {
            all += 1;
            count += self.counts();
        }
        (all, count)
    }
}

/// How long before the window the goroutines begin.
pub(crate) fn lead_in(load: Load) -> Duration {
    Duration::from_millis(load.n / 10).max(BLOCK)
}

/// Some ten microseconds.
#[inline(never)]
fn kernel(mut x: u64) -> u64 {
    for _ in 0..5_000 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    x
}

/// In percent: what those who compute keep of what they do `alone`, and how many of the calls there
/// were that others would make with a processor each.
pub(crate) fn outcome(load: Load, alone: u64, beside: u64, calls: u64) -> Outcome {
    assert!(alone > 0, "nothing was computed");
    let ideal = load.width * load.n / BLOCK.as_millis() as u64;
    let percent = |part: u64, whole: u64| 100.0 * part as f64 / whole as f64;
    Outcome::Figures(vec![percent(beside, alone), percent(calls, ideal)])
}
