//! `gort trace diff OLD NEW`: what is different between two traces.

use std::io::Write;

use clap::{Arg, ArgMatches, Command};
use gort::analysis::{self, Difference, Traits};
use gort::render::{self, Detail, Report};
use serde::Serialize;

use crate::failure::Failure;
use crate::{arguments, files, output};

pub(crate) fn command() -> Command {
    let file = |id: &'static str, help| Arg::new(id).required(true).help(help);
    Command::new("diff")
        .about("Show what is different between two traces")
        .long_about(
            "Show what is different between two traces: goroutines by function with their times, \
             tasks and regions by name, and how long the woken waited for a processor; what changed \
             most comes first. A cell has the new figure, and in parentheses how much more it is.",
        )
        .arg(arguments::json())
        .arg(arguments::name("Show what has a name that contains this, all of it"))
        .arg(file("OLD", "A trace; `-` is standard input"))
        .arg(file("NEW", "Another trace"))
}

/// The answer in JSON.
#[derive(Serialize)]
struct OfFiles<'a> {
    old_file: &'a str,
    new_file: &'a str,
    #[serde(flatten)]
    difference: &'a Difference,
}

pub(crate) fn run(arguments: &ArgMatches) -> Result<(), Failure> {
    let [old_file, new_file] =
        ["OLD", "NEW"].map(|id| arguments.get_one::<String>(id).expect("required"));
    let mut complaints = Vec::new();
    let old = traits(old_file, &mut complaints)?;
    let new = traits(new_file, &mut complaints)?;
    let difference = Difference::new(&old, &new);
    let text = if arguments.get_flag("json") {
        render::json_line(&OfFiles { old_file, new_file, difference: &difference })
    } else {
        let names = arguments::values(arguments, "name");
        difference.text(&Detail { names, ..Detail::default() }, output::style())
    };
    output::standard()?.write_all(text.as_bytes())?;
    if complaints.is_empty() { Ok(()) } else { Err(Failure::Traces(complaints)) }
}

/// Of a damaged trace what comes before the damage counts.
fn traits(file: &str, complaints: &mut Vec<String>) -> Result<Traits, Failure> {
    let reader = files::events(file)?.map_err(|error| Failure::trace(file, error))?;
    let (traits, damage) = analysis::run(reader, Traits::listener());
    complaints.extend(damage.map(|error| format!("{file}: {error}")));
    Ok(traits)
}
