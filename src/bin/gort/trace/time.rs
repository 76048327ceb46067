//! `gort trace utilization|timelines|mmu FILE…`: what processors did over time.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use gort::analysis::{MutatorOptions, MutatorUtilization, Timelines, TimelinesQuery, Utilization};

use super::reports;
use crate::arguments;
use crate::failure::Failure;

/// As many steps fit on a screen.
const STEPS: &str = "40";
/// Of a row, so many stays are more than a screen shows.
const STAYS: &str = "1000";

pub(crate) fn utilization() -> Command {
    let steps = Arg::new("steps").long("steps").value_name("N").default_value(STEPS);
    let steps = steps.value_parser(clap::value_parser!(u16).range(10..));
    reports::command("utilization", "Show how busy the processors were, over time")
        .long_about(
            "Show how busy the processors were, over time: the share of them that was used, how many \
             goroutines ran, were in system calls, or waited for a processor, the most that did at \
             once, and how many waited for something else.",
        )
        .arg(steps.help("Show at most so many steps of time"))
}

pub(crate) fn run_utilization(arguments: &ArgMatches) -> Result<(), Failure> {
    let steps = *arguments.get_one::<u16>("steps").expect("has a default");
    reports::run(arguments, || Utilization::listener(steps.into()))
}

pub(crate) fn timelines() -> Command {
    let stays = Arg::new("stays").long("stays").value_name("N").default_value(STAYS);
    let stays = stays.value_parser(clap::value_parser!(u32).range(1..));
    reports::command("timelines", "Show which goroutine ran where, from when to when")
        .long_about(
            "Show which goroutine ran where, from when to when: how busy each processor and each \
             thread was over time, and the longest stays. JSON has the stays of each.",
        )
        .args([
            arguments::time("from", "From then on: a time since the trace's begin, as `1.5s`"),
            arguments::time("to", "Before then"),
            stays.help("Put short stays together, so that no row has more than so many"),
        ])
}

pub(crate) fn run_timelines(arguments: &ArgMatches) -> Result<(), Failure> {
    let everything = TimelinesQuery::default();
    let stays = *arguments.get_one::<u32>("stays").expect("has a default");
    let query = TimelinesQuery {
        from_ns: arguments::time_of(arguments, "from").unwrap_or(everything.from_ns),
        to_ns: arguments::time_of(arguments, "to").unwrap_or(everything.to_ns),
        stays: usize::try_from(stays).unwrap_or(everything.stays),
    };
    reports::run(arguments, || Timelines::listener(query))
}

pub(crate) fn mmu() -> Command {
    let per_proc = Arg::new("per-proc").long("per-proc").action(ArgAction::SetTrue);
    let without = Arg::new("without").long("without").value_name("WHAT").action(ArgAction::Append);
    let kinds = PossibleValuesParser::new(["stw", "background", "assist", "sweep"]);
    reports::command("mmu", "Show the minimum mutator utilization of a Go program")
        .long_about(
            "Show the minimum mutator utilization of a Go program: the smallest share of the \
             processors that the garbage collector left to it in any window of time, by the window's \
             length.",
        )
        .arg(per_proc.help("Look at each processor for itself"))
        .arg(without.value_parser(kinds).help("Leave out some of what the collector does"))
}

pub(crate) fn run_mmu(arguments: &ArgMatches) -> Result<(), Failure> {
    let without: Vec<String> = arguments::values(arguments, "without");
    let has = |kind: &str| !without.iter().any(|other| other == kind);
    let options = MutatorOptions {
        stw: has("stw"),
        background: has("background"),
        assist: has("assist"),
        sweep: has("sweep"),
        per_proc: arguments.get_flag("per-proc"),
    };
    reports::run(arguments, || MutatorUtilization::listener(options))
}
