//! The profiles of `go tool trace`.

use serde::Serialize;

use super::Listener;
use super::choice::Choice;
use super::regions::Place;
use super::sampled::{Sample, Sampled};
use super::selection::Selection;
use super::stays::{Known, Sink, Stay, Stays};
use crate::reader::GoState;

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
/// goroutine first runs in it, unless it never does.
///
/// # Go
/// What `go tool trace -pprof` writes, with the same figures, but that a goroutine's number that is
/// used again is another goroutine here.
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
        Stays::new(selection, ProfileSink { state: kind.state(), reasons, sums: Vec::new() })
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
    /// Numbers and times of delays, by the number of the stack.
    sums: Vec<(u64, i64)>,
}

impl Sink for ProfileSink {
    type Answer = Profile;

    fn wants(&self, state: GoState) -> bool {
        state == self.state
    }

    fn add(&mut self, known: &Known, stay: &Stay) {
        let is_early = stay.first_run.is_some_and(|first_run| stay.begin < first_run);
        if !stay.is_over || is_early || !self.reasons.has(&known.texts, stay.reason) {
            return;
        }
        let Some((begin, end)) = known.selection.clip(stay.begin, stay.end) else { return };
        let at = stay.stack.place();
        if self.sums.len() <= at {
            self.sums.resize(at + 1, (0, 0));
        }
        let (count, delay_ns) = &mut self.sums[at];
        *count += 1;
        *delay_ns = delay_ns.saturating_add(end - begin);
    }

    fn finish(self, known: &Known) -> Profile {
        let all = known.stacks.numbers().zip(self.sums).filter(|(_, (count, _))| *count > 0);
        let sample = |(stack, (count, delay_ns))| {
            let stack = known.stacks.places(&known.texts, stack);
            ProfileSample { stack, count, delay_ns }
        };
        let mut samples: Vec<ProfileSample> = all.map(sample).collect();
        samples.sort_by_key(|sample| std::cmp::Reverse(sample.delay_ns));
        Profile { samples }
    }
}
