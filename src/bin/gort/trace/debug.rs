//! `gort trace -d=MODE FILE`: what `go tool trace` prints for it.

use clap::Arg;
use gort::render::{footprint, parsed_text, wire_text};
use jiff::Timestamp;
use jiff::tz::TimeZone;

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
    let output = output::standard()?;
    let shown = match mode {
        "parsed" => files::events(file)?
            .map_err(Into::into)
            .and_then(|reader| parsed_text::write(reader, output, local_offset_s())),
        "wire" => wire_text::write(files::bytes(file)?, output),
        _ => footprint::write(files::bytes(file)?, output),
    };
    shown.map_err(|error| Failure::shown(file, error))
}

/// The local time's difference from UTC, by the seconds since 1970.
fn local_offset_s() -> impl Fn(i64) -> i32 {
    let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
    move |at_s| {
        let at = Timestamp::from_second(at_s).unwrap_or_default();
        zone.to_offset(at).seconds()
    }
}
