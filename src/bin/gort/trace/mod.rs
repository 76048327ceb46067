//! `gort trace`: a file for each command.

mod check;
mod convert;
mod debug;
mod diff;
mod events;
mod flame_graph;
mod paths;
mod profile;
mod repair;
mod reports;
mod time;
mod waits;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::failure::Failure;

/// A command: how it is called, and what it does.
struct Entry {
    command: fn() -> Command,
    run: fn(&ArgMatches) -> Result<(), Failure>,
}

const COMMANDS: [Entry; 17] = [
    Entry { command: reports::summary, run: reports::run_summary },
    Entry { command: reports::goroutines, run: reports::run_goroutines },
    Entry { command: reports::tasks, run: reports::run_tasks },
    Entry { command: reports::regions, run: reports::run_regions },
    Entry { command: waits::blocking, run: waits::run_blocking },
    Entry { command: waits::latency, run: waits::run_latency },
    Entry { command: waits::leaks, run: waits::run_leaks },
    Entry { command: time::utilization, run: time::run_utilization },
    Entry { command: time::timelines, run: time::run_timelines },
    Entry { command: time::mmu, run: time::run_mmu },
    Entry { command: paths::wakeups, run: paths::run_wakeups },
    Entry { command: paths::critical_path, run: paths::run_critical_path },
    Entry { command: diff::command, run: diff::run },
    Entry { command: events::command, run: events::run },
    Entry { command: check::command, run: check::run },
    Entry { command: convert::command, run: convert::run },
    Entry { command: repair::command, run: repair::run },
];

const ABOUT: &str = "Show execution traces of programs on gort, and of Go programs";
const USAGE: &str = "gort trace COMMAND [OPTIONS] FILE…\n       gort trace -d=MODE FILE\n       \
     gort trace -pprof=TYPE [OPTIONS] FILE";

/// `gort trace` with all its commands.
pub(crate) fn command() -> Command {
    let words = Arg::new("WORD").num_args(0..).action(ArgAction::Append).hide(true);
    Command::new("trace")
        .about(ABOUT)
        .override_usage(USAGE)
        .args_conflicts_with_subcommands(true)
        .arg_required_else_help(true)
        .arg(debug::mode())
        .args(profile::options())
        .arg(words)
        .subcommands(COMMANDS.iter().map(|entry| (entry.command)()))
}

/// Does what the command line says.
pub(crate) fn run(arguments: &ArgMatches) -> Result<(), Failure> {
    if let Some((name, arguments)) = arguments.subcommand() {
        let is_it = |entry: &&Entry| (entry.command)().get_name() == name;
        let entry = COMMANDS.iter().find(is_it).expect("the table has the command");
        return (entry.run)(arguments);
    }
    let words: Vec<&String> = arguments.get_many("WORD").unwrap_or_default().collect();
    let (mode, of) = (arguments.get_one::<String>("MODE"), arguments.get_one::<String>("TYPE"));
    match (mode, of, &words[..]) {
        (Some(mode), _, [file]) => debug::run(mode, file),
        (Some(_), ..) => Err(Failure::Usage("`gort trace -d=MODE` shows one file".into())),
        (None, Some(of), [file]) => profile::run(of, file, arguments),
        (None, Some(_), _) => {
            Err(Failure::Usage("`gort trace -pprof=TYPE` is about one file".into()))
        }
        (None, None, words) => {
            let word = words.first().map_or("", |word| word.as_str());
            let see = "see `gort trace --help`";
            Err(Failure::Usage(format!("`gort trace` has no command `{word}`; {see}")))
        }
    }
}
