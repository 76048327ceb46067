//! Figures of the runtime: [`metrics()`], in the manner of Go's `runtime/metrics`.
//!
//! Where Go has a figure of the same meaning, it has Go's name here; gort's own begin with `/gort/`.

use crate::sched::metrics::{States, Totals, latencies, states, times_away, totals};
use crate::sched::{self, SCHED};

/// What a figure is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Description {
    /// A path and the unit, as in `/sched/goroutines:goroutines`.
    pub name: &'static str,
    /// What it means.
    pub description: &'static str,
    /// What kind of value it has.
    pub kind: Kind,
    /// Whether it only ever grows.
    pub cumulative: bool,
}

/// The kind of a figure's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// A whole number: [`Value::Uint64`].
    Uint64,
    /// A distribution: [`Value::Histogram`].
    Histogram,
}

/// A figure's value.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Value {
    /// A whole number.
    Uint64(u64),
    /// A distribution.
    Histogram(Histogram),
}

impl Value {
    /// The number, if it is one.
    pub fn uint64(&self) -> Option<u64> {
        match self {
            Value::Uint64(n) => Some(*n),
            Value::Histogram(_) => None,
        }
    }

    /// The distribution, if it is one.
    pub fn histogram(&self) -> Option<&Histogram> {
        match self {
            Value::Histogram(histogram) => Some(histogram),
            Value::Uint64(_) => None,
        }
    }
}

/// A distribution: how many values fell between which bounds.
///
/// # Go
/// `metrics.Float64Histogram`.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Histogram {
    /// `counts[n]` values were at least `buckets[n]` and below `buckets[n + 1]`.
    pub counts: Vec<u64>,
    /// The bounds, rising, in the unit of the figure; one more than there are counts.
    pub buckets: Vec<f64>,
}

impl Histogram {
    /// How many values there are.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// A bound that the share `q` of all values, 0 to 1, is below; `None` without values.
    ///
    /// # Examples
    /// ```
    /// let all = gort::metrics::metrics();
    /// let latencies = all.get("/sched/latencies:seconds").unwrap().histogram().unwrap();
    /// if let Some(seconds) = latencies.quantile(0.99) {
    ///     println!("99 % of goroutines run within {seconds} s of being runnable");
    /// }
    /// ```
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let total = self.total();
        let wanted = (q.clamp(0.0, 1.0) * total as f64).ceil().max(1.0) as u64;
        let mut sum = 0;
        let at = self.counts.iter().position(|count| {
            sum += count;
            sum >= wanted
        })?;
        self.buckets.get(at + 1).copied()
    }
}

/// A figure and its value.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Sample {
    /// As in its [`Description`].
    pub name: &'static str,
    /// What it was.
    pub value: Value,
}

/// All figures, read at one time.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    samples: Vec<Sample>,
}

impl Snapshot {
    /// The figure with this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.samples.iter().find(|sample| sample.name == name).map(|sample| &sample.value)
    }

    /// All of them, in the order of [`all`].
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }
}

/// What the figures are read from.
struct Source {
    states: States,
    totals: Totals,
}

type Read = fn(&Source) -> Value;

macro_rules! figures {
    ($(($name:literal, $kind:ident, $cumulative:literal, $read:expr, $description:literal)),* $(,)?) => {
        const ALL: &[Description] = &[$(Description {
            name: $name,
            description: $description,
            kind: Kind::$kind,
            cumulative: $cumulative,
        }),*];
        const READ: &[Read] = &[$($read),*];
    };
}

figures! {
    ("/gort/goroutines/slots:bytes", Uint64, true, |s| number(s.totals.slot_bytes),
     "Address space mapped for the goroutines themselves, 128 bytes each."),
    ("/gort/sched/given-away:events", Uint64, true, |s| number(s.totals.given_away),
     "How often a goroutine gave its processor away for a call that may block."),
    ("/gort/sched/spins:events", Uint64, true, |s| number(s.totals.spun),
     "How often a thread without work began to look for some at other processors."),
    ("/gort/sched/steals:events", Uint64, true, |s| number(s.totals.stolen),
     "How often a thread found work at another processor."),
    ("/gort/sched/taken/blocked:events", Uint64, true, |s| number(s.totals.taken_blocked),
     "How often a goroutine lost its processor because its thread was found to block."),
    ("/gort/sched/taken/computing:events", Uint64, true, |s| number(s.totals.taken_computing),
     "How often a goroutine lost its processor because it computed past its slice while others \
      could run."),
    ("/gort/sched/without-processor:seconds", Histogram, true, |_| histogram(times_away()),
     "How long goroutines were on their threads without a processor, from losing it to their next \
      call of the runtime."),
    ("/gort/sched/workers:threads", Uint64, true, |s| number(s.totals.workers),
     "Threads that run goroutines, asleep or awake."),
    ("/gort/stacks/idle:bytes", Uint64, false, |s| number(s.totals.stack_idle_bytes),
     "Stacks that lie in the common lists for the next goroutines. Address space."),
    ("/gort/stacks/mapped:bytes", Uint64, true, |s| number(s.totals.stack_mapped_bytes),
     "Address space mapped for stacks and their guards. Memory is taken where it is touched."),
    ("/gort/stacks/total:bytes", Uint64, true, |s| number(s.totals.stack_bytes),
     "All stacks ever made, of which goroutines and processors hold those that are not idle. \
      Address space."),
    ("/sched/gomaxprocs:threads", Uint64, false, |_| number(procs()),
     "GOMAXPROCS: how many threads run goroutines at once."),
    ("/sched/goroutines-created:goroutines", Uint64, true, |s| number(s.totals.created),
     "Goroutines created since the start."),
    ("/sched/goroutines/not-in-go:goroutines", Uint64, false, |s| number(s.states.syscall),
     "Goroutines that block or compute on a thread without a processor, roughly."),
    ("/sched/goroutines/runnable:goroutines", Uint64, false, |s| number(s.states.runnable),
     "Goroutines that could run and wait for a processor, roughly."),
    ("/sched/goroutines/running:goroutines", Uint64, false, |s| number(s.states.running),
     "Goroutines that run, roughly. At most GOMAXPROCS."),
    ("/sched/goroutines/waiting:goroutines", Uint64, false, |s| number(s.states.waiting),
     "Goroutines that wait for something, roughly."),
    ("/sched/goroutines:goroutines", Uint64, false, |_| number(SCHED.goroutines() as u64),
     "Goroutines that there are."),
    ("/sched/latencies:seconds", Histogram, true, |_| histogram(latencies()),
     "How long goroutines were runnable before they ran. A sample: one in some dozens."),
    ("/sched/threads/total:threads", Uint64, false, |s| number(s.totals.threads),
     "Threads of the runtime's own: workers and helpers."),
}

/// What there is, by name.
///
/// # Examples
/// ```
/// for figure in gort::metrics::all() {
///     println!("{}: {}", figure.name, figure.description);
/// }
/// ```
///
/// # Go
/// `metrics.All`.
pub fn all() -> &'static [Description] {
    ALL
}

/// Reads all figures. Costs a look at every goroutine; they go on meanwhile.
///
/// # Examples
/// ```
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let now = gort::metrics::metrics();
///         let created = now.get("/sched/goroutines-created:goroutines").unwrap();
///         assert!(created.uint64().unwrap() >= 1);
///     })
/// };
/// ```
///
/// # Go
/// `metrics.Read` of `metrics.All`.
pub fn metrics() -> Snapshot {
    let source = Source { states: states(), totals: totals() };
    let samples = ALL.iter().zip(READ);
    let samples = samples.map(|(figure, read)| Sample { name: figure.name, value: read(&source) });
    Snapshot { samples: samples.collect() }
}

/// One figure; `None`: there is none of this name. [`metrics()`] reads all of them for little more.
///
/// # Go
/// `metrics.Read`.
pub fn read(name: &str) -> Option<Value> {
    let at = ALL.iter().position(|figure| figure.name == name)?;
    Some(READ[at](&Source { states: states(), totals: totals() }))
}

fn number(n: u64) -> Value {
    Value::Uint64(n)
}

fn procs() -> u64 {
    if sched::is_started() { SCHED.procs().into() } else { crate::gomaxprocs(0) as u64 }
}

fn histogram((counts, bounds_ns): (Vec<u64>, Vec<u64>)) -> Value {
    let buckets = bounds_ns.into_iter().map(|ns| ns as f64 / 1e9).collect();
    Value::Histogram(Histogram { counts, buckets })
}
