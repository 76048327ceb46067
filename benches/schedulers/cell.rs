//! The rounds of one workload: every system once a round, in turns.

use std::time::Duration;

use crate::child::{self, Failure, Run};
use crate::options::Options;
use crate::statistics::Summary;
use crate::system::System;
use crate::workload::Workload;

/// What came of one workload on one system.
pub(crate) struct Cell {
    pub(crate) workload: Workload,
    pub(crate) system: &'static str,
    /// Operations of a run.
    pub(crate) n: u64,
    /// Of the runs that succeeded; `None` without any.
    pub(crate) summary: Option<Summary>,
    /// Why one did not, and in which round; there were no more of this cell after it.
    pub(crate) failure: Option<(usize, Failure)>,
}

impl Cell {
    /// What went wrong, in words.
    pub(crate) fn error(&self) -> Option<String> {
        self.failure.as_ref().map(|(round, failure)| format!("round {round}: {failure}"))
    }

    /// How much memory each takes where the row is about that, if the system tells.
    pub(crate) fn bytes_per_goroutine(&self) -> Option<f64> {
        Some(self.summary.as_ref()?.rss_bytes_peak? as f64 / self.n as f64)
    }

    /// Neither gort nor Go.
    pub(crate) fn is_of_a_peer(&self) -> bool {
        !self.system.starts_with("go") || self.system == "go-lib"
    }

    pub(crate) fn is_starved(&self) -> bool {
        matches!(self.failure, Some((_, Failure::Starved(_))))
    }
}

/// Runs a workload on all systems.
pub(crate) fn measure(workload: Workload, systems: &[System], options: &Options) -> Vec<Cell> {
    let mut columns: Vec<Column> = systems.iter().map(Column::new).collect();
    for round in 0..options.rounds {
        // Each round begins with another system, so that none is always the first.
        let (late, early) = columns.split_at_mut(round as usize % systems.len());
        early.iter_mut().chain(late).for_each(|column| column.run(workload, options));
    }
    let n = workload.load(options.n_scale).n;
    columns.into_iter().map(|column| column.finish(workload, n)).collect()
}

/// The rounds of one system.
struct Column<'a> {
    system: &'a System,
    runs: Vec<Run>,
    failure: Option<Failure>,
}

impl<'a> Column<'a> {
    fn new(system: &'a System) -> Column<'a> {
        Column { system, runs: Vec::new(), failure: None }
    }

    fn run(&mut self, workload: Workload, options: &Options) {
        if self.failure.is_some() || !workload.runs_on(self.system.name) {
            return;
        }
        match run(self.system, workload, options) {
            Ok(run) => self.runs.push(run),
            Err(failure) => self.failure = Some(failure),
        }
    }

    fn finish(self, workload: Workload, n: u64) -> Cell {
        let round = self.runs.len() + 1;
        Cell {
            workload,
            system: self.system.name,
            n,
            summary: Summary::of(&self.runs, workload.figures(), n),
            failure: self.failure.map(|failure| (round, failure)),
        }
    }
}

fn run(system: &System, workload: Workload, options: &Options) -> Result<Run, Failure> {
    let (warm_up, load) = (workload.warm_up(options.n_scale), workload.load(options.n_scale));
    let mut command = system.command(options.procs, warm_up, load)?;
    let run = child::run(&mut command, Duration::from_secs(options.time_limit_s))?;
    match run.figures.len() == workload.figures().len() {
        true => Ok(run),
        false => Err(Failure::Broken(format!("printed {:?}", run.figures))),
    }
}
