//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread;

use crate::system;
use crate::workload::{self, Workload};

pub(crate) const USAGE: &str = "\
usage: cargo bench --bench schedulers -- [OPTION...] [WORKLOAD...]

A WORKLOAD is a row of the table or, if none has that name, the beginning of some; none means all.

  --systems A,B     of gort, go, may, go-lib, tokio, threads (all of these unless given), and
                    gort or go with -traced or -recorded: while a trace is taken, or a flight
                    recorder records
  --procs N         GOMAXPROCS, workers (the machine's processors unless given)
  --rounds N        runs of each system and workload (9 unless given)
  --n-scale F       F times the operations (1 unless given)
  --time-limit S    seconds after which a run is given up (60 unless given)
  --smoke           tiny runs, one round, and gort only unless --systems is given
  --json            one object a line instead of a table
  --plot FILE       draws the comparison, as SVG
  --markdown FILE   writes the table there, with machine, versions and commit: between the lines
                    <!-- schedulers GOMAXPROCS=N --> and <!-- end --> if the file has them
  --seconds S       a stress tool: repeats each workload on gort for S seconds, each round checked,
                    a hundredth of the operations unless --n-scale is given
  --trace FILE      and writes the trace of that; for one workload
  --help            this text";

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) json: bool,
    pub(crate) plot: Option<PathBuf>,
    pub(crate) markdown: Option<PathBuf>,
    /// To be a stress tool for so long.
    pub(crate) seconds: Option<u64>,
    pub(crate) trace: Option<PathBuf>,
    pub(crate) procs: usize,
    pub(crate) rounds: u32,
    pub(crate) n_scale: f64,
    pub(crate) time_limit_s: u64,
    pub(crate) systems: Vec<&'static str>,
    pub(crate) workloads: Vec<Workload>,
}

impl Options {
    fn full() -> Options {
        Options {
            json: false,
            plot: None,
            markdown: None,
            seconds: None,
            trace: None,
            procs: thread::available_parallelism().map_or(1, NonZeroUsize::get),
            rounds: 9,
            n_scale: 1.0,
            time_limit_s: 60,
            systems: system::NAMES.to_vec(),
            workloads: Vec::new(),
        }
    }

    fn smoke() -> Options {
        Options { rounds: 1, n_scale: 0.001, systems: vec!["gort"], ..Options::full() }
    }

    /// Many short rounds find more than a few long ones.
    fn stress() -> Options {
        Options { n_scale: 0.01, systems: vec!["gort"], ..Options::full() }
    }

    /// What the command line asks for, or what is wrong with it.
    ///
    /// Without any argument, and so without the `--bench` of `cargo bench`, this is a test run
    /// (`cargo test --benches`), for which the smoke run is right.
    pub(crate) fn parse(arguments: Vec<String>) -> Result<Options, String> {
        let has = |option| arguments.iter().any(|argument| argument == option);
        let smoke = arguments.is_empty() || has("--smoke");
        let mut options = match has("--seconds") {
            true => Options::stress(),
            false if smoke => Options::smoke(),
            false => Options::full(),
        };
        let mut arguments = arguments.into_iter().filter(|argument| argument != "--bench");
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument}: no value"));
            match argument.as_str() {
                "--smoke" => {}
                "--json" => options.json = true,
                "--plot" => options.plot = Some(value()?.into()),
                "--markdown" => options.markdown = Some(value()?.into()),
                "--seconds" => options.seconds = Some(positive(&value()?)?),
                "--trace" => options.trace = Some(value()?.into()),
                "--procs" => options.procs = positive(&value()?)?,
                "--rounds" => options.rounds = positive(&value()?)?,
                "--n-scale" => options.n_scale = positive(&value()?)?,
                "--time-limit" => options.time_limit_s = positive(&value()?)?,
                "--systems" => options.systems = systems(&value()?)?,
                option if option.starts_with('-') => return Err(format!("{option}: unknown")),
                workload => options.workloads.extend(select(workload)?),
            }
        }
        if options.workloads.is_empty() {
            options.workloads = workload::ALL.to_vec();
        }
        options.check().map(|()| options)
    }

    /// Whether the options go together.
    fn check(&self) -> Result<(), String> {
        let is_stress = self.seconds.is_some();
        let wrong = if is_stress && self.systems != ["gort"] {
            "--seconds: for gort only"
        } else if is_stress && (self.json || self.plot.is_some() || self.markdown.is_some()) {
            "--seconds: there is no table then"
        } else if self.trace.is_some() && !is_stress {
            "--trace: needs --seconds"
        } else if self.trace.is_some() && self.workloads.len() > 1 {
            "--trace: for one workload"
        } else if self.plot.is_some() && !self.systems.contains(&"gort") {
            "--plot: compares with gort"
        } else {
            return Ok(());
        };
        Err(wrong.to_owned())
    }
}

fn positive<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| *number > T::from(0));
    number.ok_or_else(|| format!("{text}: not a positive number"))
}

fn systems(names: &str) -> Result<Vec<&'static str>, String> {
    let all = || system::NAMES.into_iter().chain(system::TRACED);
    let known = |name| all().find(|known| *known == name);
    names.split(',').map(|name| known(name).ok_or_else(|| format!("{name}: no system"))).collect()
}

/// The workload of this name or, without one, those whose names begin with it.
fn select(name: &str) -> Result<Vec<Workload>, String> {
    let all = workload::ALL.into_iter();
    let exact: Vec<_> = all.clone().filter(|workload| workload.name == name).collect();
    let selected = match exact.is_empty() {
        false => exact,
        true => all.filter(|workload| workload.name.starts_with(name)).collect(),
    };
    if selected.is_empty() { Err(format!("{name}: no workload")) } else { Ok(selected) }
}
