//! The command line.

use std::num::NonZeroUsize;
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
  --help            this text";

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) json: bool,
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

    /// What the command line asks for, or what is wrong with it.
    ///
    /// Without any argument, and so without the `--bench` of `cargo bench`, this is a test run
    /// (`cargo test --benches`), for which the smoke run is right.
    pub(crate) fn parse(arguments: Vec<String>) -> Result<Options, String> {
        let smoke = arguments.is_empty() || arguments.iter().any(|a| a == "--smoke");
        let mut options = if smoke { Options::smoke() } else { Options::full() };
        let mut arguments = arguments.into_iter().filter(|argument| argument != "--bench");
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument}: no value"));
            match argument.as_str() {
                "--smoke" => {}
                "--json" => options.json = true,
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
        Ok(options)
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
