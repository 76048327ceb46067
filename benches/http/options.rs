//! The command line.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use crate::system;

pub(crate) const USAGE: &str = "\
usage: cargo bench --features http --bench http -- [OPTION...]

  --systems A,B      of gort, go (both unless given), and either with -traced or -recorded: while a
                     trace is taken, or a flight recorder records
  --connections A,B  so many at a time (1,10,100,1000 unless given)
  --idle N           idle connections whose memory is measured; 0: none (10000 unless given)
  --procs N          GOMAXPROCS of the servers (their processors unless given)
  --apart            the client has the last processor for itself, and the servers the others
  --rounds N         runs of each system and number of connections (5 unless given)
  --seconds S        how long a run is measured, after a third of that to warm up (1 unless given)
  --smoke            tiny runs, one round, and gort only unless --systems is given
  --json             one object a line instead of a table
  --help             this text";

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) json: bool,
    pub(crate) procs: usize,
    /// The client and the servers share no processor.
    pub(crate) apart: bool,
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
    pub(crate) systems: Vec<&'static str>,
    pub(crate) connections: Vec<usize>,
    pub(crate) idle: usize,
}

impl Options {
    fn full() -> Options {
        Options {
            json: false,
            procs: processors(),
            apart: false,
            rounds: 5,
            time: Duration::from_secs(1),
            systems: system::NAMES.to_vec(),
            connections: vec![1, 10, 100, 1000],
            idle: 10_000,
        }
    }

    fn smoke() -> Options {
        let time = Duration::from_millis(50);
        let (connections, systems) = (vec![1, 10], vec!["gort"]);
        Options { rounds: 1, time, connections, systems, idle: 100, ..Options::full() }
    }

    /// What the command line asks for, or what is wrong with it.
    ///
    /// Without any argument, and so without the `--bench` of `cargo bench`, this is a test run
    /// (`cargo test --benches`), for which the smoke run is right.
    pub(crate) fn parse(arguments: Vec<String>) -> Result<Options, String> {
        let smoke = arguments.is_empty() || arguments.iter().any(|a| a == "--smoke");
        let mut options = if smoke { Options::smoke() } else { Options::full() };
        if arguments.iter().any(|a| a == "--apart") {
            options.apart = true;
            options.procs = match processors() {
                1 => return Err("--apart: there is one processor".to_owned()),
                all => all - 1,
            };
        }
        let mut arguments = arguments.into_iter().filter(|argument| argument != "--bench");
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument}: no value"));
            match argument.as_str() {
                "--smoke" | "--apart" => {}
                "--json" => options.json = true,
                "--procs" => options.procs = number(&value()?)?,
                "--rounds" => options.rounds = number(&value()?)?,
                "--seconds" => options.time = Duration::from_secs_f64(positive(&value()?)?),
                "--idle" => options.idle = value()?.parse().map_err(|_| "--idle: no number")?,
                "--systems" => options.systems = systems(&value()?)?,
                "--connections" => {
                    options.connections =
                        value()?.split(',').map(number).collect::<Result<_, _>>()?;
                }
                other => return Err(format!("{other}: unknown")),
            }
        }
        Ok(options)
    }
}

/// How many there are.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

fn positive<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| *number > T::from(0));
    number.ok_or_else(|| format!("{text}: not a positive number"))
}

fn number(text: &str) -> Result<usize, String> {
    positive::<u32>(text).map(|number| number as usize)
}

fn systems(names: &str) -> Result<Vec<&'static str>, String> {
    let all = || system::NAMES.into_iter().chain(system::TRACED);
    let known = |name| all().find(|known| *known == name);
    names.split(',').map(|name| known(name).ok_or_else(|| format!("{name}: no system"))).collect()
}
