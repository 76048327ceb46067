//! `gort trace -d=MODE FILE`: what `go tool trace` prints for it.

use clap::Arg;

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
