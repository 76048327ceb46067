//! What is different between two traces.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Listener;
use super::distribution::Distribution;
use super::listener::Then;
use super::lives::Lives;
use super::spent::Times;
use super::summary::Summary;
use super::wakeups::{WakeupTimes, Wakeups};

/// What is different between two traces: an old one, and a new one.
///
/// In each list what changed most comes first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// From the first event to the last.
    pub duration_ns: Change,
    /// How many events there are.
    pub events: Change,
    /// How many goroutines began.
    pub goroutines: Change,
    /// Goroutines by the function they began in.
    pub functions: Vec<FunctionChange>,
    /// Tasks by name; those that begin and end in the trace.
    pub tasks: Vec<DurationChange>,
    /// Regions by name.
    pub regions: Vec<DurationChange>,
    /// From being woken until running, by the function of who was woken.
    pub latencies: Vec<LatencyChange>,
}

/// A figure of both traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// In the old one.
    pub old: i64,
    /// In the new one.
    pub new: i64,
}

/// Goroutines that began in a function, together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FunctionChange {
    /// The function.
    pub function: String,
    /// How many there are.
    pub count: Change,
    /// How long they were there.
    pub total_ns: Change,
    /// Running.
    pub running_ns: Change,
    /// Able to run, but waiting for a processor.
    pub runnable_ns: Change,
    /// Waiting for something else.
    pub blocked_ns: Change,
    /// In system calls, with or without a processor.
    pub syscall_ns: Change,
}

/// Tasks or regions with the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DurationChange {
    /// The name.
    pub name: String,
    /// How many there are.
    pub count: Change,
    /// How long they took, together.
    pub total_ns: Change,
    /// The median.
    pub p50_ns: Change,
    /// The 99th percentile.
    pub p99_ns: Change,
    /// The longest.
    pub max_ns: Change,
}

/// From being woken until running.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LatencyChange {
    /// The function that the woken ones began in.
    pub function: String,
    /// How often.
    pub count: Change,
    /// On average.
    pub mean_ns: Change,
    /// The longest.
    pub max_ns: Change,
}

/// What a trace is compared by.
#[derive(Clone, Debug, Default)]
pub struct Traits {
    summary: Summary,
    functions: BTreeMap<String, (u64, Times)>,
    tasks: BTreeMap<String, Distribution>,
    regions: BTreeMap<String, Distribution>,
    latencies: BTreeMap<String, WakeupTimes>,
}

impl Traits {
    /// What to give to [`run`](super::run), for each of two traces.
    pub fn listener() -> impl Listener<Answer = Traits> {
        let lives = Then(Lives::new(), Traits::of_lives);
        let wakeups = Then(Wakeups::listener(), Traits::of_wakeups);
        Then((Summary::listener(), (lives, wakeups)), |(summary, (lives, wakeups))| Traits {
            summary,
            latencies: wakeups,
            ..lives
        })
    }

    fn of_lives(lives: Lives) -> Traits {
        let mut traits = Traits::default();
        for life in &lives.all {
            let name = lives.name_of(life).to_owned();
            let (count, times) = traits.functions.entry(name).or_default();
            *count += 1;
            times.add(&life.spent.times(&lives.texts));
        }
        let (mut tasks, mut regions) = (BTreeMap::new(), BTreeMap::new());
        let text = |name| lives.texts.text(name).to_owned();
        for task in &lives.tasks.all {
            let Some(lasts) = task.duration_ns() else { continue };
            tasks.entry(text(task.name)).or_insert_with(Vec::new).push(lasts);
        }
        for region in lives.regions.iter().filter(|region| region.counts) {
            let lasts = region.duration_ns(&lives);
            regions.entry(text(region.name)).or_insert_with(Vec::new).push(lasts);
        }
        let spread = |of: BTreeMap<String, Vec<i64>>| {
            of.into_iter().map(|(name, all)| (name, Distribution::new(all))).collect()
        };
        Traits { tasks: spread(tasks), regions: spread(regions), ..traits }
    }

    fn of_wakeups(wakeups: Wakeups) -> BTreeMap<String, WakeupTimes> {
        let mut latencies = BTreeMap::<String, WakeupTimes>::new();
        for pair in wakeups.pairs {
            latencies.entry(pair.woken).or_default().add_all(&pair.times);
        }
        latencies
    }
}

impl Change {
    fn new(old: i64, new: i64) -> Change {
        Change { old, new }
    }

    fn of(old: u64, new: u64) -> Change {
        let signed = |number| i64::try_from(number).unwrap_or(i64::MAX);
        Change::new(signed(old), signed(new))
    }

    /// The new figure less the old one.
    pub fn by(&self) -> i64 {
        self.new.saturating_sub(self.old)
    }

    fn size(&self) -> u64 {
        self.new.abs_diff(self.old)
    }
}

/// Names of both with what they have; nothing is the default.
fn pairs<'a, T: Default + Clone>(
    old: &'a BTreeMap<String, T>,
    new: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = (String, T, T)> + 'a {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let of = |traits: &BTreeMap<String, T>, name| traits.get(name).cloned().unwrap_or_default();
    names.into_iter().map(move |name| (name.clone(), of(old, name), of(new, name)))
}

impl Difference {
    /// Of two traces.
    pub fn new(old: &Traits, new: &Traits) -> Difference {
        let functions = pairs(&old.functions, &new.functions);
        let mut functions: Vec<_> =
            functions.map(|(name, old, new)| FunctionChange::new(name, &old, &new)).collect();
        functions.sort_by_key(|change| Reverse(change.size()));
        let latencies = pairs(&old.latencies, &new.latencies);
        let mut latencies: Vec<_> =
            latencies.map(|(name, old, new)| LatencyChange::new(name, &old, &new)).collect();
        latencies.sort_by_key(|change| Reverse(change.mean_ns.size()));
        let (a, b) = (&old.summary, &new.summary);
        Difference {
            duration_ns: Change::new(a.duration_ns, b.duration_ns),
            events: Change::of(a.events, b.events),
            goroutines: Change::of(a.goroutines.begun, b.goroutines.begun),
            functions,
            tasks: durations(&old.tasks, &new.tasks),
            regions: durations(&old.regions, &new.regions),
            latencies,
        }
    }
}

fn durations(
    old: &BTreeMap<String, Distribution>,
    new: &BTreeMap<String, Distribution>,
) -> Vec<DurationChange> {
    let change = |(name, old, new): (String, Distribution, Distribution)| DurationChange {
        name,
        count: Change::of(old.count, new.count),
        total_ns: Change::new(old.total_ns, new.total_ns),
        p50_ns: Change::new(old.p50_ns, new.p50_ns),
        p99_ns: Change::new(old.p99_ns, new.p99_ns),
        max_ns: Change::new(old.max_ns, new.max_ns),
    };
    let mut changes: Vec<_> = pairs(old, new).map(change).collect();
    changes.sort_by_key(|change| Reverse(change.total_ns.size()));
    changes
}

impl FunctionChange {
    fn new(function: String, old: &(u64, Times), new: &(u64, Times)) -> FunctionChange {
        let change = |of: fn(&Times) -> i64| Change::new(of(&old.1), of(&new.1));
        FunctionChange {
            function,
            count: Change::of(old.0, new.0),
            total_ns: change(|times| times.total_ns),
            running_ns: change(|times| times.running_ns),
            runnable_ns: change(|times| times.runnable_ns),
            blocked_ns: change(Times::all_blocked_ns),
            syscall_ns: change(|times| times.syscall_ns.saturating_add(times.syscall_blocked_ns)),
        }
    }

    /// By how much it changed: in the state in which that is most.
    fn size(&self) -> u64 {
        let all = [self.running_ns, self.runnable_ns, self.blocked_ns, self.syscall_ns];
        all.iter().map(Change::size).max().unwrap_or(0)
    }
}

impl LatencyChange {
    fn new(function: String, old: &WakeupTimes, new: &WakeupTimes) -> LatencyChange {
        let mean = |times: &WakeupTimes| times.latency_ns / (times.count as i64).max(1);
        LatencyChange {
            function,
            count: Change::of(old.count, new.count),
            mean_ns: Change::new(mean(old), mean(new)),
            max_ns: Change::new(old.max_latency_ns, new.max_latency_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::Reader;

    /// A trace in which a task begins, and ends if it is to.
    fn traits(ends: bool) -> Traits {
        let mut trace = b"go 1.23 trace\0\0\0".to_vec();
        let mut events = vec![13, 1, 0, 1, 25, 1, 1, 5, 2, 40, 1, 7, 0, 1, 0];
        events.extend(if ends { &[41, 3, 7, 0][..] } else { &[] });
        for (thread, data) in [
            (u64::MAX, &[8, 0x80, 0x94, 0xeb, 0xdc, 0x03][..]),
            (u64::MAX, &[4, 5, 1, 1, b't']),
            (5, &events),
        ] {
            crate::wire::encode::batch(&mut trace, 1, thread, 1, data);
        }
        let (traits, damage) =
            crate::analysis::run(Reader::new(&trace[..]).unwrap(), Traits::listener());
        assert!(damage.is_none(), "{damage:?}");
        traits
    }

    #[test]
    fn a_task_that_does_not_end_has_no_duration() {
        let (ended, open) = (traits(true), traits(false));
        assert!(Difference::new(&open, &open).tasks.is_empty());
        let [task] = &Difference::new(&open, &ended).tasks[..] else { panic!("no task") };
        assert_eq!(
            (&*task.name, task.count, task.max_ns),
            ("t", Change::new(0, 1), Change::new(0, 3))
        );
    }
}
