//! `gort trace convert --to FORMAT FILE`: a trace for another viewer.

use std::fs::File;

use clap::builder::PossibleValue;
use clap::{Arg, ArgMatches, Command, ValueEnum};
use gort::render::convert::{self, Target};

use crate::failure::Failure;
use crate::{arguments, files, output};

/// A [`Target`] by its name.
#[derive(Clone, Copy)]
enum Name {
    Perfetto,
    Chrome,
}

impl ValueEnum for Name {
    fn value_variants<'a>() -> &'a [Name] {
        &[Name::Perfetto, Name::Chrome]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Name::Perfetto => ("perfetto", "Perfetto's protobuf trace"),
            Name::Chrome => ("chrome", "JSON in Chrome's trace event format"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

pub(crate) fn command() -> Command {
    let parser = clap::builder::EnumValueParser::<Name>::new();
    let to = Arg::new("to").long("to").value_name("FORMAT").required(true).value_parser(parser);
    Command::new("convert")
        .about("Write a trace in the format of another viewer")
        .long_about(
            "Write a trace in the format of another viewer: processors with the goroutines that ran \
             on them, system calls, the garbage collector, tasks, regions, messages, who woke whom, \
             and counters. `gort trace events --json` writes the events themselves.",
        )
        .arg(to.help("The format"))
        .arg(output::argument())
        .arg(arguments::file())
}

pub(crate) fn run(arguments: &ArgMatches) -> Result<(), Failure> {
    let file = arguments.get_one::<String>("FILE").expect("required");
    let to = match arguments.get_one::<Name>("to").expect("required") {
        Name::Perfetto => Target::Perfetto,
        Name::Chrome => Target::Chrome,
    };
    let reader = files::events(file)?.map_err(|error| Failure::trace(file, error))?;
    let name = arguments.get_one::<String>("OUT").expect("required");
    let out: File = output::create_beside(name, file)?;
    let shown = convert::write(reader, to, out);
    shown.map_err(|error| Failure::shown(file, error))
}
