//! Arguments that several commands have.

use clap::{Arg, ArgAction, ArgMatches};
use gort::analysis::{Filter, Selection};
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
    let kind = many("kind").short('k').long("kind").value_name("NAME");
    [
        time("from", "From then on: a time since the trace's begin, as `1.5s` or `20ms`"),
        time("to", "Before then"),
        goroutine("What this goroutine did, and what was done to it"),
        kind.help(
            "Of this kind: as `GoBlock`, or as `StateTransition`, in Go's two naming schemes",
        ),
        function("With a function in a stack whose name contains this"),
        task("About this task"),
    ]
}

/// What makes a [`Selection`], but for the reasons.
pub(crate) fn selection() -> [Arg; 5] {
    [
        time("from", "From then on: a time since the trace's begin, as `1.5s` or `20ms`"),
        time("to", "Before then"),
        goroutine("Of this goroutine"),
        function("Of goroutines that began in a function whose name contains this"),
        many("region")
            .short('r')
            .long("region")
            .value_name("TEXT")
            .help("In a region whose name contains this"),
    ]
}

/// `--reason TEXT`
pub(crate) fn reason() -> Arg {
    let help = "For a reason whose name contains this, as `chan` or `sync`";
    many("reason").long("reason").value_name("TEXT").help(help)
}

/// A time, as `1.5s`.
pub(crate) fn time(id: &'static str, help: &'static str) -> Arg {
    let parser = clap::value_parser!(SignedDuration);
    Arg::new(id).long(id).value_name("TIME").value_parser(parser).help(help)
}

fn goroutine(help: &'static str) -> Arg {
    let arg = many("goroutine").short('g').long("goroutine").value_name("ID").help(help);
    arg.value_parser(clap::value_parser!(i64))
}

fn many(id: &'static str) -> Arg {
    Arg::new(id).action(ArgAction::Append)
}

/// All values that an option has. Not every command has each option.
pub(crate) fn values<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, id: &str) -> Vec<T> {
    matches.try_get_many(id).ok().flatten().unwrap_or_default().cloned().collect()
}

/// The time that an option has, in nanoseconds; what is before a trace or after it is its begin or end.
pub(crate) fn time_of(matches: &ArgMatches, id: &str) -> Option<i64> {
    let time = matches.try_get_one::<SignedDuration>(id).ok().flatten()?;
    let ns = time.as_nanos();
    Some(i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX }))
}

/// The filter of the options.
pub(crate) fn filter_of(matches: &ArgMatches) -> Filter {
    let mut filter = Filter::default();
    (filter.from_ns, filter.to_ns) = (time_of(matches, "from"), time_of(matches, "to"));
    filter.goroutines = values(matches, "goroutine").into_iter().map(GoID).collect();
    filter.kinds = values(matches, "kind");
    filter.functions = values(matches, "function");
    filter.tasks = values(matches, "task").into_iter().map(TaskID).collect();
    filter
}

/// The selection of the options.
pub(crate) fn selection_of(matches: &ArgMatches) -> Selection {
    let mut selection = Selection::default();
    (selection.from_ns, selection.to_ns) = (time_of(matches, "from"), time_of(matches, "to"));
    selection.goroutines = values(matches, "goroutine").into_iter().map(GoID).collect();
    selection.functions = values(matches, "function");
    selection.reasons = values(matches, "reason");
    selection.regions = values(matches, "region");
    selection
}
