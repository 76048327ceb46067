//! A load again and again for a time, each round checked, and a trace of it if one is asked for.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use gort::trace;

use crate::load::{self, Load, Outcome};

pub(super) struct Stress {
    time: Duration,
    trace: Option<PathBuf>,
}

impl Stress {
    /// `None`: the load is to be measured.
    pub(super) fn from_environment() -> Option<Stress> {
        let seconds = std::env::var(load::SECONDS).ok()?;
        let time = Duration::from_secs(seconds.parse().expect("a number of seconds"));
        Some(Stress { time, trace: std::env::var_os(load::TRACE_FILE).map(PathBuf::from) })
    }

    /// How many rounds there were, and how long they took.
    pub(super) fn run(self, load: Load) -> Outcome {
        if let Some(file) = &self.trace {
            trace::start(File::create(file).expect("a file for the trace")).expect("none is on");
        }
        let outcome = self.rounds(load);
        if self.trace.is_some() {
            trace::stop().expect("the trace is written");
        }
        outcome
    }

    fn rounds(&self, load: Load) -> Outcome {
        let start = Instant::now();
        let mut rounds = 0;
        while start.elapsed() < self.time {
            if let starved @ Outcome::Starved(_) = super::run(load) {
                return starved;
            }
            rounds += 1;
        }
        Outcome::Figures(vec![f64::from(rounds), start.elapsed().as_secs_f64()])
    }
}
