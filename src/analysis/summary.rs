//! What there is in a trace, in numbers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Listener;
use super::moments::Moments;
use crate::reader::hash::Set;
use crate::reader::{Event, EventKind, Generation, GoState, ProcID, ThreadID, Transition};

/// What there is in a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The version of the format, as `1.26`.
    pub version: String,
    /// The bytes of its generations and the header.
    pub bytes: u64,
    /// How many generations it has.
    pub generations: u64,
    /// From its first event to its last.
    pub duration_ns: i64,
    /// How many events there are.
    pub events: u64,
    /// How many of each kind, by their names in the file. `Sync` is the reader's own: one a generation,
    /// and one at the end.
    pub events_by_name: BTreeMap<&'static str, u64>,
    /// Goroutines.
    pub goroutines: Count,
    /// How many processors were seen.
    pub procs: u64,
    /// How many threads were seen.
    pub threads: u64,
    /// Tasks.
    pub tasks: Count,
    /// Regions.
    pub regions: Count,
    /// Messages.
    pub logs: u64,
    /// CPU samples.
    pub cpu_samples: u64,
}

/// Of things that begin and end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// How many there were as the trace began, as far as it says so.
    pub before: u64,
    /// How many began.
    pub begun: u64,
    /// How many ended.
    pub ended: u64,
}

impl Count {
    /// How many are there at the end of the trace, as far as is known.
    pub fn left(&self) -> u64 {
        (self.before + self.begun).saturating_sub(self.ended)
    }
}

impl Summary {
    /// What to give to [`run`](super::run).
    pub fn listener() -> impl Listener<Answer = Summary> {
        SummaryListener::default()
    }
}

#[derive(Default)]
struct SummaryListener {
    summary: Summary,
    moments: Moments,
    /// By the number that an event's name has; the names are few, and found by where they are.
    counts: Vec<(&'static str, u64)>,
    procs: Set<ProcID>,
    threads: Set<ThreadID>,
    last_thread: Option<ThreadID>,
}

impl SummaryListener {
    fn count(&mut self, name: &'static str) {
        let is_it = |entry: &&mut (&str, u64)| std::ptr::eq(entry.0, name);
        match self.counts.iter_mut().find(is_it) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((name, 1)),
        }
    }

    fn thread(&mut self, thread: ThreadID) {
        if self.last_thread != Some(thread) {
            self.last_thread = Some(thread);
            if thread != ThreadID::NONE {
                self.threads.insert(thread);
            }
        }
    }

    fn transition(&mut self, transition: Transition) {
        match transition {
            Transition::Goroutine { from, to, .. } => {
                let count = &mut self.summary.goroutines;
                match (from, to) {
                    (from, to) if from == to => {}
                    (GoState::Undetermined, _) => count.before += 1,
                    (GoState::NotExist, _) => count.begun += 1,
                    (_, GoState::NotExist) => count.ended += 1,
                    _ => {}
                }
            }
            Transition::Proc { id, .. } => {
                self.procs.insert(id);
            }
        }
    }
}

impl Listener for SummaryListener {
    type Answer = Summary;

    fn begin(&mut self, generation: &Generation) {
        self.summary.version = format!("1.{}", generation.version().minor());
        self.summary.generations += 1;
        self.summary.bytes = generation.range().end;
    }

    fn event(&mut self, _: &Generation, event: &Event) {
        self.summary.events += 1;
        self.summary.duration_ns = self.moments.of(event);
        self.count(event.wire_name());
        self.thread(event.thread());
        let summary = &mut self.summary;
        match event.kind() {
            EventKind::StateTransition(transition) => self.transition(transition),
            EventKind::TaskBegin(_) => summary.tasks.begun += 1,
            EventKind::TaskEnd(_) => summary.tasks.ended += 1,
            EventKind::RegionBegin(_) => summary.regions.begun += 1,
            EventKind::RegionEnd(_) => summary.regions.ended += 1,
            EventKind::Log(_) => summary.logs += 1,
            EventKind::StackSample => summary.cpu_samples += 1,
            _ => {}
        }
    }

    fn finish(self) -> Summary {
        let mut summary = self.summary;
        for (name, count) in self.counts {
            *summary.events_by_name.entry(name).or_default() += count;
        }
        summary.procs = self.procs.len() as u64;
        summary.threads = self.threads.len() as u64;
        summary
    }
}
