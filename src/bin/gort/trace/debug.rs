//! `gort trace -d=MODE FILE`: what `go tool trace` prints for it.

use clap::Arg;
use gort::render::{footprint, wire_text};

use crate::failure::Failure;
use crate::{files, output};

/// The option.
pub(crate) fn mode() -> Arg {
    Arg::new("MODE")
        .short('d')
        .value_name("MODE")
        .value_parser(["parsed", "wire", "footprint"])
        .hide_possible_values(true)
        .help(
            "Print what `go tool trace -d=MODE` prints: `parsed`, the events in order; `wire`, what \
             the file has; `footprint`, what takes how much of it",
        )
}

/// Prints it.
pub(crate) fn run(mode: &str, file: &str) -> Result<(), Failure> {
    let input = files::open(file)?;
    let output = output::standard()?;
    let shown = match mode {
        "wire" => wire_text::write(input, output),
        _ => footprint::write(input, output),
    };
    shown.map_err(|error| Failure::shown(file, error))
}
