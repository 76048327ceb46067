//! The profiles of `go tool trace`.

use std::cmp::Reverse;

use serde::Serialize;

use super::Listener;
use super::choice::Choice;
use super::regions::Place;
use super::sampled::{Sample, Sampled};
use super::selection::Selection;
use super::stacks::StackNumber;
use super::stays::{Known, Sink, Stay, Stays};
use super::texts::{TextId, Texts};
use crate::reader::hash::Map;
use crate::reader::{GoID, GoState};

/// What delays a profile is of.
///
/// # Go
/// The values of `go tool trace -pprof`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileKind {
    /// Waiting for the network.
    Net,
    /// Waiting for each other: channels, `select`, locks and the like.
    Sync,
    /// System calls.
    Syscall,
    /// Able to run, but waiting for a processor.
    Sched,
}

/// Delays by stack, those with the longest first.
///
/// Stacks are those of who ran as the delay began: the goroutine itself, but of [`ProfileKind::Sched`]
/// who woke it. Delays that do not end in the trace are not there, and neither are those before a
/// goroutine first runs in it, unless it never does. Where threads that are not Go's come and go, several
/// goroutines have the same number, of which the last that runs counts.
///
/// # Go
/// What `go tool trace -pprof` writes, with the same figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// The stacks.
    pub samples: Vec<ProfileSample>,
}

/// Delays of a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProfileSample {
    /// Innermost first.
    pub stack: Vec<Place>,
    /// How many delays.
    pub count: u64,
    /// How long they took, together.
    pub delay_ns: i64,
}

impl ProfileKind {
    /// All there are.
    pub const ALL: [ProfileKind; 4] =
        [ProfileKind::Net, ProfileKind::Sync, ProfileKind::Syscall, ProfileKind::Sched];

    /// Its name, as `sync`.
    pub fn name(self) -> &'static str {
        match self {
            ProfileKind::Net => "net",
            ProfileKind::Sync => "sync",
            ProfileKind::Syscall => "syscall",
            ProfileKind::Sched => "sched",
        }
    }

    fn state(self) -> GoState {
        match self {
            ProfileKind::Net | ProfileKind::Sync => GoState::Waiting,
            ProfileKind::Syscall => GoState::Syscall,
            ProfileKind::Sched => GoState::Runnable,
        }
    }

    fn has_reason(self, reason: &str) -> bool {
        match self {
            ProfileKind::Net => reason == "network",
            ProfileKind::Sync => {
                ["chan", "sync", "select"].iter().any(|part| reason.contains(part))
            }
            ProfileKind::Syscall | ProfileKind::Sched => true,
        }
    }
}

impl Profile {
    /// What to give to [`run`](super::run). The selection's reasons do not count here.
    pub fn listener(kind: ProfileKind, selection: Selection) -> impl Listener<Answer = Profile> {
        let reasons = Choice::new(move |reason| kind.has_reason(reason));
        let (sums, threads) = (Vec::new(), Map::default());
        Stays::new(selection, ProfileSink { state: kind.state(), reasons, sums, threads })
    }
}

impl Sampled for Profile {
    fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.samples.iter().map(|sample| Sample {
            stack: &sample.stack,
            reason: None,
            count: sample.count,
            delay_ns: sample.delay_ns,
        })
    }
}

struct ProfileSink {
    state: GoState,
    reasons: Choice,
    /// By the stack's number.
    sums: Vec<(u64, i64)>,
    /// Of goroutines that stand for threads: those of another with the same number may take their place.
    threads: Map<GoID, Map<StackNumber, (u64, i64)>>,
}

impl ProfileSink {
    /// The number and the time of the delays of a stack.
    fn sum(&mut self, stack: StackNumber) -> &mut (u64, i64) {
        let at = stack.place();
        if self.sums.len() <= at {
            self.sums.resize(at + 1, (0, 0));
        }
        &mut self.sums[at]
    }
}

fn add(sum: &mut (u64, i64), count: u64, ns: i64) {
    sum.0 += count;
    sum.1 = sum.1.saturating_add(ns);
}

impl Sink for ProfileSink {
    type Answer = Profile;

    fn wants(&self, state: GoState) -> bool {
        state == self.state
    }

    fn wants_wait(&mut self, texts: &Texts, reason: TextId) -> bool {
        self.reasons.has(texts, reason)
    }

    fn add(&mut self, known: &Known, stay: &Stay) {
        let is_early = stay.first_run.is_some_and(|first_run| stay.begin < first_run);
        if !stay.is_over || is_early {
            return;
        }
        let Some((begin, end)) = known.selection.clip(stay.begin, stay.end) else { return };
        let sum = match stay.is_thread {
            true => self.threads.entry(stay.goroutine).or_default().entry(stay.stack).or_default(),
            false => self.sum(stay.stack),
        };
        add(sum, 1, end - begin);
    }

    fn thread_runs(&mut self, id: GoID) {
        self.threads.remove(&id);
    }

    fn finish(mut self, known: &Known) -> Profile {
        for (stack, (count, ns)) in std::mem::take(&mut self.threads).into_values().flatten() {
            add(self.sum(stack), count, ns);
        }
        let all = known.stacks.numbers().zip(self.sums);
        let mut all: Vec<_> = all.filter(|(_, (count, _))| *count > 0).collect();
        all.sort_unstable_by_key(|&(stack, (_, delay_ns))| (Reverse(delay_ns), stack));
        let sample = |(stack, (count, delay_ns))| {
            let stack = known.stacks.places(&known.texts, stack);
            ProfileSample { stack, count, delay_ns }
        };
        Profile { samples: all.into_iter().map(sample).collect() }
    }
}
