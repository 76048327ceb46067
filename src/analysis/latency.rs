//! How long goroutines that could run had to wait for a processor.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::Listener;
use super::distribution::Distribution;
use super::histogram::{Delays, Histogram};
use super::reasons::SYSCALL;
use super::regions::Place;
use super::sampled::{Sample, Sampled};
use super::selection::Selection;
use super::stacks::StackNumber;
use super::stays::{Known, Sink, Stay, Stays};
use super::texts::TextId;
use crate::reader::GoState;
use crate::reader::hash::Map;

/// How long it took from when a goroutine could run to when it ran.
///
/// What was so as the trace began, and what does not end in it, does not count. Lists begin with what
/// took longest together. Percentiles are up to 3 percent too large.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// From the trace's first event to its last.
    pub duration_ns: i64,
    /// All together.
    pub all: Delays,
    /// By why the goroutine could run: `woken`, `created`, `stopped` (it lost its processor, or gave it
    /// away), `system call` (it came back from one).
    pub causes: Vec<LatencyGroup>,
    /// By the function that the goroutine began in. Empty where it is not known.
    pub functions: Vec<LatencyGroup>,
    /// Of those woken, by the function in which the goroutine began that woke them. Empty where none
    /// did: it was the clock, the network, or the runtime.
    pub wakers: Vec<LatencyGroup>,
    /// By where the goroutine was that woke, created or stopped it.
    pub stacks: Vec<LatencyStack>,
}

/// Delays of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LatencyGroup {
    /// What they have in common.
    pub name: String,
    /// The delays.
    #[serde(flatten)]
    pub delays: Delays,
}

/// Delays that began in the same place for the same reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LatencyStack {
    /// Why the goroutine could run.
    pub cause: &'static str,
    /// Where who did it was, innermost first. Empty where nobody ran.
    pub stack: Vec<Place>,
    /// The delays.
    pub durations: Distribution,
}

impl Latency {
    /// What to give to [`run`](super::run). The selection's times are about when goroutines ran at last;
    /// its reasons do not count here.
    pub fn listener(selection: Selection) -> impl Listener<Answer = Latency> {
        Stays::new(selection, LatencySink::default())
    }
}

impl Sampled for Latency {
    fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.stacks.iter().map(|stack| Sample {
            stack: &stack.stack,
            reason: Some(stack.cause),
            count: stack.durations.count,
            delay_ns: stack.durations.total_ns,
        })
    }
}

#[derive(Default)]
struct LatencySink {
    delays: Map<Key, Histogram>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    from: GoState,
    function: TextId,
    waker: TextId,
    stack: StackNumber,
}

impl Key {
    fn cause(&self) -> &'static str {
        match self.from {
            GoState::Waiting => WOKEN,
            GoState::Syscall => SYSCALL,
            GoState::Running => "stopped",
            _ => "created",
        }
    }
}

/// The cause that there is a waker of.
const WOKEN: &str = "woken";

impl Sink for LatencySink {
    type Answer = Latency;

    fn wants(&self, state: GoState) -> bool {
        state == GoState::Runnable
    }

    fn add(&mut self, known: &Known, stay: &Stay) {
        let is_whole = stay.is_over && stay.from != GoState::Undetermined;
        if !is_whole || !known.selection.is_when(stay.end) {
            return;
        }
        let root = known.stacks.root(stay.stack).map(|site| site.function);
        let waker = root.or(stay.by).unwrap_or(known.empty);
        let (from, function, stack) = (stay.from, stay.function, stay.stack);
        let key = Key { from, function, waker, stack };
        self.delays.entry(key).or_default().add(stay.end - stay.begin);
    }

    fn finish(self, known: &Known) -> Latency {
        let mut all: Vec<(Key, Histogram)> = self.delays.into_iter().collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        let woken: Vec<_> = all.iter().filter(|(key, _)| key.cause() == WOKEN).collect();
        let text = |id| known.texts.text(id);
        Latency {
            duration_ns: known.last,
            all: Delays::new(&by(&all, |_| ()).pop().map(|(_, sum)| sum).unwrap_or_default()),
            causes: groups(by(&all, Key::cause)),
            functions: groups(by(&all, |key| text(key.function))),
            wakers: groups(by(woken, |key| text(key.waker))),
            stacks: stacks(known, &all),
        }
    }
}

/// Sums by a part of the key, the longest first.
fn by<'a, K: Ord>(
    delays: impl IntoIterator<Item = &'a (Key, Histogram)>,
    part: impl Fn(&Key) -> K,
) -> Vec<(K, Histogram)> {
    let mut sums = BTreeMap::<K, Histogram>::new();
    for (key, histogram) in delays {
        sums.entry(part(key)).or_default().add_all(histogram);
    }
    let mut sums: Vec<(K, Histogram)> = sums.into_iter().collect();
    sums.sort_by_key(|(_, sum)| Reverse(sum.total()));
    sums
}

fn groups(sums: Vec<(&str, Histogram)>) -> Vec<LatencyGroup> {
    let group = |(name, sum): (&str, Histogram)| LatencyGroup {
        name: name.to_owned(),
        delays: Delays::new(&sum),
    };
    sums.into_iter().map(group).collect()
}

fn stacks(known: &Known, all: &[(Key, Histogram)]) -> Vec<LatencyStack> {
    let stack = |((cause, stack), sum): ((&'static str, StackNumber), Histogram)| LatencyStack {
        cause,
        stack: known.stacks.places(&known.texts, stack),
        durations: sum.distribution(),
    };
    by(all, |key| (key.cause(), key.stack)).into_iter().map(stack).collect()
}
