//! Arguments that several commands have.

use clap::{Arg, ArgAction, ArgMatches};
use gort::analysis::Filter;
use gort::reader::{GoID, TaskID};
use jiff::SignedDuration;

/// `FILE…`
pub(crate) fn files() -> Arg {
    file().num_args(1..).value_name("FILE").help("Traces; `-` is standard input")
}

/// `FILE`
pub(crate) fn file() -> Arg {
    Arg::new("FILE").required(true).help("A trace; `-` is standard input")
}

/// `--json`
pub(crate) fn json() -> Arg {
    let help = "Print JSON, an object on a line; times are in nanoseconds";
    Arg::new("json").long("json").action(ArgAction::SetTrue).help(help)
}

/// `--function TEXT`
pub(crate) fn function(help: &'static str) -> Arg {
    many("function").short('f').long("function").value_name("TEXT").help(help)
}

/// `--name TEXT`
pub(crate) fn name(help: &'static str) -> Arg {
    many("name").short('n').long("name").value_name("TEXT").help(help)
}

/// `--task ID`
pub(crate) fn task(help: &'static str) -> Arg {
    let arg = many("task").short('t').long("task").value_name("ID").help(help);
    arg.value_parser(clap::value_parser!(u64))
}

/// What makes a [`Filter`].
pub(crate) fn filter() -> [Arg; 6] {
    let time = |id: &'static str, help| {
        let parser = clap::value_parser!(SignedDuration);
        Arg::new(id).long(id).value_name("TIME").value_parser(parser).help(help)
    };
    let goroutine = many("goroutine").short('g').long("goroutine").value_name("ID");
    let kind = many("kind").short('k').long("kind").value_name("NAME");
    [
        time("from", "From then on: a time since the trace's begin, as `1.5s` or `20ms`"),
        time("to", "Before then"),
        goroutine
            .value_parser(clap::value_parser!(i64))
            .help("What this goroutine did, and what was done to it"),
        kind.help(
            "Of this kind: as `GoBlock`, or as `StateTransition`, in Go's two naming schemes",
        ),
        function("With a function in a stack whose name contains this"),
        task("About this task"),
    ]
}

fn many(id: &'static str) -> Arg {
    Arg::new(id).action(ArgAction::Append)
}

/// All values that an option has.
pub(crate) fn values<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, id: &str) -> Vec<T> {
    matches.get_many(id).unwrap_or_default().cloned().collect()
}

/// The filter of the options.
pub(crate) fn filter_of(matches: &ArgMatches) -> Filter {
    let time = |id| {
        let time = matches.get_one::<SignedDuration>(id)?;
        // What is more than a trace can have is its end.
        Some(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
    };
    let mut filter = Filter::default();
    (filter.from_ns, filter.to_ns) = (time("from"), time("to"));
    filter.goroutines = values(matches, "goroutine").into_iter().map(GoID).collect();
    filter.kinds = values(matches, "kind");
    filter.functions = values(matches, "function");
    filter.tasks = values(matches, "task").into_iter().map(TaskID).collect();
    filter
}
