//! `gort trace events FILE`: a trace's events, a line each.

use clap::{Arg, ArgAction, ArgMatches, Command};
use gort::render::events::{self, EventFormat};

use crate::failure::Failure;
use crate::{arguments, files, output};

pub(crate) fn command() -> Command {
    let stacks = Arg::new("stacks").long("stacks").action(ArgAction::SetTrue);
    Command::new("events")
        .about("Print the events of a trace in their order, a line each")
        .long_about(
            "Print the events of a trace in their order, a line each: the time in seconds since the \
             trace's begin, the goroutine, processor and thread it happened on, what happened, and \
             where. Of several options all have to fit, of one that is given several times one.",
        )
        .args([arguments::json(), stacks.help("Print whole stacks").conflicts_with("json")])
        .args(arguments::filter())
        .arg(arguments::file())
}

pub(crate) fn run(arguments: &ArgMatches) -> Result<(), Failure> {
    let file = arguments.get_one::<String>("FILE").expect("required");
    let format = match (arguments.get_flag("json"), arguments.get_flag("stacks")) {
        (true, _) => EventFormat::Json,
        (false, true) => EventFormat::Stacks,
        (false, false) => EventFormat::Lines,
    };
    let reader = files::events(file)?.map_err(|error| Failure::trace(file, error))?;
    let filter = arguments::filter_of(arguments);
    let shown = events::write(reader, filter, format, output::standard()?);
    shown.map_err(|error| Failure::shown(file, error))
}
