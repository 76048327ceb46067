//! What the command line asks for.

use std::path::PathBuf;
use std::time::Duration;

const USAGE: &str =
    "usage: soak [--minutes N | --seconds N | --smoke] [--rate EVENTS] [--folder PATH]
  --minutes N     how long; 10 unless said otherwise
  --smoke         a second, to see whether it works
  --rate EVENTS   how many events a second the load aims at; 1250000
  --folder PATH   where the trace is written; the folder for temporary files";

pub(crate) struct Options {
    pub(crate) duration: Duration,
    pub(crate) is_smoke: bool,
    pub(crate) events_per_s: u64,
    pub(crate) folder: PathBuf,
    /// How often a line is printed.
    pub(crate) line: Duration,
}

impl Options {
    /// The error is what to say.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut arguments = arguments.peekable();
        let mut options = Options {
            duration: Duration::from_secs(600),
            is_smoke: arguments.peek().is_none(),
            events_per_s: 1_250_000,
            folder: std::env::temp_dir(),
            line: Duration::from_secs(5),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            let mut number = || value()?.parse::<u64>().map_err(|_| USAGE);
            match &*argument {
                "--bench" => {}
                "--smoke" => options.is_smoke = true,
                "--minutes" => options.duration = Duration::from_secs(60 * number()?),
                "--seconds" => options.duration = Duration::from_secs(number()?),
                "--rate" => options.events_per_s = number()?,
                "--folder" => options.folder = value()?.into(),
                _ => return Err(USAGE.into()),
            }
        }
        if options.is_smoke {
            options.duration = Duration::from_secs(1);
        }
        options.line = options.line.min(options.duration / 10);
        Ok(options)
    }
}
