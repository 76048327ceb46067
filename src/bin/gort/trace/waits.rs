//! `gort trace blocking|latency|leaks FILE…`: who waits, for what, and where.

use std::fs::File;

use clap::{Arg, ArgAction, ArgMatches, Command};
use gort::analysis::{self, Blocking, Latency, Leaks, Listener, Sampled};
use gort::render::{Report, folded, pprof};

use super::flame_graph;
use super::reports;
use crate::failure::Failure;
use crate::{arguments, files, output};

/// What an answer can be written as besides: the option, and what it is.
const FORMATS: [(&str, &str); 3] = [
    ("pprof", "Write a profile for `go tool pprof` to this file"),
    ("folded", "Write folded stacks for flame graphs to this file"),
    ("svg", "Write a flame graph, for browsers, to this file"),
];

fn command(name: &'static str, about: &'static str) -> Command {
    let format = |(name, help): (&'static str, &'static str)| {
        let arg = Arg::new(name).long(name).value_name("OUT").help(help);
        arg.conflicts_with("json")
    };
    reports::command(name, about).args(FORMATS.map(format)).after_help(
        "With these options there is one FILE, and nothing else is printed; OUT may be `-`, \
             standard output.",
    )
}

/// `--top N`
fn top() -> Arg {
    let arg = Arg::new("top").long("top").value_name("N").default_value("10");
    arg.value_parser(clap::value_parser!(u64)).help("Show so many stacks")
}

pub(crate) fn blocking() -> Command {
    let calls = Arg::new("all").long("syscalls").action(ArgAction::SetTrue);
    command("blocking", "Show what goroutines waited for, by reason, function and stack")
        .args(arguments::selection())
        .args([arguments::reason(), top()])
        .arg(calls.help("Show system calls of 100 µs and longer, and which lost their processor"))
}

pub(crate) fn run_blocking(arguments: &ArgMatches) -> Result<(), Failure> {
    run(arguments, || Blocking::listener(arguments::selection_of(arguments)))
}

pub(crate) fn latency() -> Command {
    let about = "Show how long goroutines that could run had to wait for a processor";
    command("latency", about).args(arguments::selection()).arg(top())
}

pub(crate) fn run_latency(arguments: &ArgMatches) -> Result<(), Failure> {
    run(arguments, || Latency::listener(arguments::selection_of(arguments)))
}

pub(crate) fn leaks() -> Command {
    let help = "Show the runtime's own goroutines, too, and each goroutine of a group";
    let all = Arg::new("all").long("all").action(ArgAction::SetTrue).help(help);
    let selection = arguments::selection();
    let selection =
        selection.into_iter().filter(|arg| !["from", "to"].contains(&arg.get_id().as_str()));
    command("leaks", "Show goroutines that wait to the end of the trace, by reason and stack")
        .args(selection)
        .arg(arguments::reason())
        .arg(arguments::time("at-least", "That have waited for so long, as `1.5s`"))
        .arg(all)
}

pub(crate) fn run_leaks(arguments: &ArgMatches) -> Result<(), Failure> {
    let at_least_ns = arguments::time_of(arguments, "at-least").unwrap_or(0);
    run(arguments, || Leaks::listener(arguments::selection_of(arguments), at_least_ns))
}

fn run<L>(arguments: &ArgMatches, listener: impl Fn() -> L) -> Result<(), Failure>
where
    L: Listener<Answer: Report + Sampled>,
{
    let is_asked = |(name, _): &(&str, &str)| arguments.contains_id(name);
    if !FORMATS.iter().any(is_asked) {
        return reports::run(arguments, listener);
    }
    let names: Vec<String> = arguments::values(arguments, "FILE");
    let [file] = &names[..] else {
        return Err(Failure::Usage("--pprof, --folded and --svg are about one file".into()));
    };
    let reader = files::events(file)?.map_err(|error| Failure::trace(file, error))?;
    let mut outs = Vec::new();
    for (format, _) in FORMATS {
        if let Some(out) = arguments.get_one::<String>(format) {
            outs.push((format, output::create_beside(out, file)?));
        }
    }
    let (answer, damage) = analysis::run(reader, listener());
    for (format, out) in outs {
        write(&answer, format, file, out)?;
    }
    damage.map_or(Ok(()), |error| Err(Failure::trace(file, error)))
}

fn write(answer: &impl Sampled, format: &str, file: &str, out: File) -> Result<(), Failure> {
    match format {
        "pprof" => pprof::write(answer, out)?,
        "folded" => folded::write(answer, out)?,
        _ => flame_graph::write(answer, file, out)?,
    }
    Ok(())
}
