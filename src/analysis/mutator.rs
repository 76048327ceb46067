//! How much of the processors the garbage collector left to the program.

use serde::Serialize;

use super::Listener;
use super::mutator_function::{Function, MutatorListener};

/// The shortest window of the curve is one in which nothing is left to the program, of these:
const FIRST_WINDOW_NS: i64 = 1_000_000_000;
const WINDOW_FACTOR: i64 = 1000;
const NOTHING: f64 = 0.0001;
/// The longest window is so many times the shortest.
const WINDOW_RANGE: i64 = 1_000_000;
/// How many windows there are.
const WINDOWS: usize = 100;

/// What takes processors from the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MutatorOptions {
    /// Stops of the world, for the collector.
    pub stw: bool,
    /// The collector's own goroutines.
    pub background: bool,
    /// What goroutines do to assist the collector.
    pub assist: bool,
    /// Sweeping.
    pub sweep: bool,
    /// Each processor for itself: the worst one counts.
    pub per_proc: bool,
}

impl Default for MutatorOptions {
    fn default() -> MutatorOptions {
        MutatorOptions { stw: true, background: true, assist: true, sweep: true, per_proc: false }
    }
}

/// The minimum mutator utilization: the smallest share of the processors that the garbage collector
/// left to the program in any window of time, by the length of the window.
///
/// gort has no collector: in traces of its programs the share is 1.
///
/// # Go
/// The page `/mmu` of `go tool trace`, with the same figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MutatorUtilization {
    /// What was counted.
    pub options: MutatorOptions,
    /// Windows, from short to long. Nothing where the trace does not say how many processors there are.
    pub curve: Vec<MutatorWindow>,
}

/// Windows of a length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MutatorWindow {
    /// The length.
    pub window_ns: i64,
    /// The smallest share in such a window: from 0 to 1.
    pub utilization: f64,
    /// Where the first such window begins.
    pub begin_ns: i64,
}

impl MutatorUtilization {
    /// What to give to [`run`](super::run).
    pub fn listener(options: MutatorOptions) -> impl Listener<Answer = MutatorUtilization> {
        MutatorListener::new(options)
    }

    pub(crate) fn new(options: MutatorOptions, functions: &[Function]) -> MutatorUtilization {
        let bounds = functions.iter().map(Function::bounds);
        let Some((begin, end)) = bounds.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
            return MutatorUtilization { options, curve: Vec::new() };
        };
        let mut shortest = FIRST_WINDOW_NS;
        while shortest > 1 && worst(functions, shortest).utilization >= NOTHING {
            shortest /= WINDOW_FACTOR;
        }
        let longest = shortest.saturating_mul(WINDOW_RANGE).min(end - begin);
        let (from, to) = ((shortest as f64).ln(), (longest as f64).ln());
        let window = |n: usize| (n as f64 / (WINDOWS - 1) as f64 * (to - from) + from).exp() as i64;
        let curve = (0..WINDOWS).map(|n| worst(functions, window(n))).collect();
        MutatorUtilization { options, curve }
    }
}

/// The worst window of a length.
fn worst(functions: &[Function], window_ns: i64) -> MutatorWindow {
    let mut worst = MutatorWindow { window_ns, utilization: 1.0, begin_ns: 0 };
    if window_ns <= 0 {
        return MutatorWindow { utilization: 0.0, ..worst };
    }
    for function in functions {
        let (utilization, begin_ns) = function.minimum(window_ns);
        if utilization < worst.utilization {
            worst = MutatorWindow { window_ns, utilization, begin_ns };
        }
    }
    worst
}
