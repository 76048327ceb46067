//! `gort trace wakeups|critical-path`: who waits for whom.

use std::io::Write;

use clap::{Arg, ArgMatches, Command};
use gort::analysis::{self, PathQuery, Wakeups};
use gort::reader::{GoID, TaskID};
use gort::render::{self, Detail, Report};

use super::reports;
use crate::failure::Failure;
use crate::{arguments, files, output};

/// As many steps fit on a screen.
const STEPS: &str = "40";

pub(crate) fn wakeups() -> Command {
    let function = "Show where, for pairs with a function whose name contains this";
    reports::command("wakeups", "Show who woke whom, and how long it took until they ran")
        .arg(arguments::function(function))
}

pub(crate) fn run_wakeups(arguments: &ArgMatches) -> Result<(), Failure> {
    reports::run(arguments, Wakeups::listener)
}

pub(crate) fn critical_path() -> Command {
    let goroutine = Arg::new("goroutine").short('g').long("goroutine").value_name("ID");
    let goroutine = goroutine.value_parser(clap::value_parser!(i64));
    let task = Arg::new("task").short('t').long("task").value_name("ID");
    let task = task.value_parser(clap::value_parser!(u64));
    let steps = Arg::new("steps").long("steps").value_name("N").default_value(STEPS);
    let steps = steps.value_parser(clap::value_parser!(u32));
    Command::new("critical-path")
        .about("Show what took the time up to a point: who waited for whom")
        .long_about(
            "Show what took the time up to a point: the chain of who waited for whom, followed \
             backward from there. Without a goroutine and a task it ends where the last goroutine \
             ran that is not the runtime's own.",
        )
        .arg(arguments::json())
        .arg(goroutine.help("The path that ends with this goroutine"))
        .arg(task.help("The path between this task's begin and its end"))
        .arg(arguments::time("from", "It begins then: a time since the trace's begin, as `20ms`"))
        .arg(arguments::time("to", "It ends then"))
        .arg(steps.help("Show so many of its steps, the longest ones"))
        .arg(arguments::file())
}

pub(crate) fn run_critical_path(arguments: &ArgMatches) -> Result<(), Failure> {
    let file = arguments.get_one::<String>("FILE").expect("required");
    let query = PathQuery {
        goroutine: arguments.get_one("goroutine").copied().map(GoID),
        task: arguments.get_one("task").copied().map(TaskID),
        from_ns: arguments::time_of(arguments, "from"),
        to_ns: arguments::time_of(arguments, "to"),
        max_steps: *arguments.get_one::<u32>("steps").expect("has a default") as usize,
    };
    let input = files::open_whole(file)?;
    let found = analysis::critical_path(input, &query);
    let (path, damage) = found.map_err(|error| Failure::trace(file, error))?;
    let nothing = || Failure::trace(file, "there is no such goroutine or task");
    let Some(path) = path else {
        return Err(damage.map_or_else(nothing, |error| Failure::trace(file, error)));
    };
    let text = if arguments.get_flag("json") {
        render::json(file, &path)
    } else {
        path.text(&Detail::default(), output::style())
    };
    output::standard()?.write_all(text.as_bytes())?;
    damage.map_or(Ok(()), |error| Err(Failure::trace(file, error)))
}
