//! How busy the processors were, over time.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Listener;
use super::buckets::{Buckets, Level};
use super::moments::Moments;
use super::spent;
use crate::reader::hash::Map;
use crate::reader::{
    Event, EventKind, Generation, GoID, GoState, MetricName, ProcID, ProcState, Transition,
};

/// More processors than there are anywhere.
pub(crate) const MAX_PROCS: u64 = 1 << 16;

/// How busy the processors were and how many goroutines waited for one, in steps of time.
///
/// Figures are sums of nanoseconds over goroutines or processors: `running_ns` by `procs_ns` is the
/// share of the processors that was used, `runnable_ns` by the time that has passed is how many
/// goroutines waited for a processor on average.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Utilization {
    /// From the trace's first event to its last.
    pub duration_ns: i64,
    /// How long a step is: 1 or 5 times a power of ten.
    pub step_ns: i64,
    /// The most processors there were, as `GOMAXPROCS` says.
    pub procs: u64,
    /// All steps together.
    pub total: UtilizationStep,
    /// The steps; the last one is cut short by the trace's end.
    pub steps: Vec<UtilizationStep>,
    /// Each processor that was seen.
    pub by_proc: Vec<ProcUtilization>,
}

/// A step of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UtilizationStep {
    /// When it begins.
    pub begin_ns: i64,
    /// The time of the processors that there may be.
    pub procs_ns: i64,
    /// The time of processors that threads had, busy or not.
    pub threads_ns: i64,
    /// The time in which goroutines ran,
    pub running_ns: i64,
    /// were in system calls,
    pub syscall_ns: i64,
    /// waited for a processor,
    pub runnable_ns: i64,
    /// or waited for something else.
    pub waiting_ns: i64,
    /// The most goroutines that waited for a processor at once.
    pub max_runnable: u64,
}

/// A processor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProcUtilization {
    /// Its number.
    pub proc: i64,
    /// The time in which goroutines ran on it.
    pub running_ns: i64,
    /// The same in each step.
    pub steps_ns: Vec<i64>,
}

impl Utilization {
    /// What to give to [`run`](super::run): for at most so many steps, at least ten.
    pub fn listener(max_steps: usize) -> impl Listener<Answer = Utilization> {
        UtilizationListener::new(max_steps.max(10))
    }

    /// How long a step of these is, which for the last one is less.
    pub fn lasts_ns(&self, step: &UtilizationStep) -> i64 {
        self.step_ns.min(self.duration_ns - step.begin_ns)
    }
}

struct UtilizationListener {
    buckets: Buckets,
    by_proc: BTreeMap<ProcID, Vec<i64>>,
    /// Where each goroutine runs, and since when.
    running: Map<GoID, (ProcID, i64)>,
    runnable: i64,
    max_procs: u64,
    procs: i64,
    sync: i64,
    moments: Moments,
}

impl UtilizationListener {
    fn new(max_steps: usize) -> UtilizationListener {
        UtilizationListener {
            buckets: Buckets::new(max_steps),
            by_proc: BTreeMap::new(),
            running: Map::default(),
            runnable: 0,
            max_procs: 0,
            procs: 0,
            sync: 0,
            moments: Moments::default(),
        }
    }

    fn goroutine(&mut self, event: &Event, id: GoID, from: GoState, to: GoState) {
        if from == to {
            return;
        }
        let now = self.buckets.now();
        // In that state it was since the generation began.
        let since = if from == GoState::Undetermined { self.sync } else { now };
        if let Some(level) = level(from) {
            self.buckets.change(level, -1);
        }
        if let Some(level) = level(to) {
            self.buckets.change(level, 1);
            self.buckets.spread(level, since, now);
        }
        self.runnable += i64::from(to == GoState::Runnable) - i64::from(from == GoState::Runnable);
        self.buckets.max_runnable(self.runnable);
        if from == GoState::Running {
            self.stops(id);
        }
        if to == GoState::Running {
            self.running.insert(id, (event.proc(), since));
        }
    }

    fn stops(&mut self, id: GoID) {
        if let Some((proc, since)) = self.running.remove(&id) {
            let steps = self.by_proc.entry(proc).or_default();
            self.buckets.add_to(steps, since, self.buckets.now());
        }
    }

    fn coarsen(&mut self, factor: usize) {
        for steps in self.by_proc.values_mut() {
            *steps = steps.chunks(factor).map(|steps| spent::sum(steps.iter().copied())).collect();
        }
    }

    fn proc(&mut self, from: ProcState, to: ProcState) {
        let has = |state| i64::from(state == ProcState::Running);
        self.buckets.change(Level::Threads, has(to) - has(from));
        if from == ProcState::Undetermined && to == ProcState::Running {
            self.buckets.spread(Level::Threads, self.sync, self.buckets.now());
        }
    }

    fn step(&self, at: usize) -> UtilizationStep {
        let sum = |level| self.buckets.sum(level, at);
        UtilizationStep {
            begin_ns: at as i64 * self.buckets.width(),
            procs_ns: sum(Level::Procs),
            threads_ns: sum(Level::Threads),
            running_ns: sum(Level::Running),
            syscall_ns: sum(Level::Syscall),
            runnable_ns: sum(Level::Runnable),
            waiting_ns: sum(Level::Waiting),
            max_runnable: self.buckets.most_runnable(at) as u64,
        }
    }
}

fn level(state: GoState) -> Option<Level> {
    match state {
        GoState::Running => Some(Level::Running),
        GoState::Runnable => Some(Level::Runnable),
        GoState::Waiting => Some(Level::Waiting),
        GoState::Syscall => Some(Level::Syscall),
        GoState::Undetermined | GoState::NotExist => None,
    }
}

impl Listener for UtilizationListener {
    type Answer = Utilization;

    fn event(&mut self, _: &Generation, event: &Event) {
        let now = self.moments.of(event);
        while let Some(factor) = self.buckets.advance(now) {
            self.coarsen(factor);
        }
        match event.kind() {
            EventKind::Sync(_) => self.sync = self.buckets.now(),
            EventKind::StateTransition(Transition::Goroutine { id, from, to, .. }) => {
                self.goroutine(event, id, from, to);
            }
            EventKind::StateTransition(Transition::Proc { from, to, .. }) => self.proc(from, to),
            EventKind::Metric(metric) if metric.name == MetricName::GoMaxProcs => {
                let value = metric.value.min(MAX_PROCS);
                // The first one was so from the begin on.
                if self.max_procs == 0 {
                    self.buckets.change(Level::Procs, value as i64);
                    self.buckets.spread(Level::Procs, 0, self.buckets.now());
                } else {
                    self.buckets.change(Level::Procs, value as i64 - self.procs);
                }
                self.procs = value as i64;
                self.max_procs = self.max_procs.max(value);
            }
            _ => {}
        }
    }

    fn finish(mut self) -> Utilization {
        let running: Vec<GoID> = self.running.keys().copied().collect();
        running.into_iter().for_each(|id| self.stops(id));
        let steps: Vec<_> = (0..self.buckets.len()).map(|at| self.step(at)).collect();
        let by_proc = std::mem::take(&mut self.by_proc);
        let of_proc = |(proc, mut steps_ns): (ProcID, Vec<i64>)| {
            steps_ns.resize(steps.len(), 0);
            let running_ns = spent::sum(steps_ns.iter().copied());
            ProcUtilization { proc: proc.0, running_ns, steps_ns }
        };
        Utilization {
            duration_ns: self.buckets.now(),
            step_ns: self.buckets.width(),
            procs: self.max_procs,
            total: UtilizationStep::total(&steps),
            by_proc: by_proc.into_iter().map(of_proc).collect(),
            steps,
        }
    }
}

impl UtilizationStep {
    /// Of steps that follow one another, not none.
    pub fn total(steps: &[UtilizationStep]) -> UtilizationStep {
        let begin_ns = steps.first().map_or(0, |step| step.begin_ns);
        let mut total = UtilizationStep { begin_ns, ..UtilizationStep::default() };
        for step in steps {
            let add = |sum: &mut i64, ns: i64| *sum = sum.saturating_add(ns);
            add(&mut total.procs_ns, step.procs_ns);
            add(&mut total.threads_ns, step.threads_ns);
            add(&mut total.running_ns, step.running_ns);
            add(&mut total.syscall_ns, step.syscall_ns);
            add(&mut total.runnable_ns, step.runnable_ns);
            add(&mut total.waiting_ns, step.waiting_ns);
            total.max_runnable = total.max_runnable.max(step.max_runnable);
        }
        total
    }
}
