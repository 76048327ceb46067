//! The table of commands: what is not in it does not exist. Help, completions and manual pages come
//! from it.

use std::ffi::OsString;

use clap::{Arg, Command, ValueEnum};
use clap_complete::Shell;

use crate::trace;

const STATUS: &str = "\
Exit status: 0 if all went well; 1 if a trace is damaged, is none or cannot be read, after what comes \
before the damage was shown, or if it has not what was asked for; 2 if the command line makes no sense; 3 if the output cannot be written.

NO_COLOR in the environment switches colours off. The file `-` is standard input.";

/// All of it.
pub(crate) fn command() -> Command {
    Command::new("gort")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Tools for programs on gort, and for traces of Go programs")
        .after_help(STATUS)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([trace::command(), completions(), man()])
}

/// Arguments with Go's spelling `-pprof` of `--pprof`.
pub(crate) fn spelled(words: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    words.map(|word| match word.to_str() {
        Some(text) if text == "-pprof" || text.starts_with("-pprof=") => format!("-{text}").into(),
        _ => word,
    })
}

fn completions() -> Command {
    let shells = clap::builder::EnumValueParser::<Shell>::new();
    let shell = Arg::new("SHELL").required(true).value_parser(shells);
    let names = Shell::value_variants().iter().map(ToString::to_string).collect::<Vec<_>>();
    Command::new("completions")
        .about("Print a script that completes `gort` in a shell")
        .arg(shell.help(format!("One of {}", names.join(", "))).hide_possible_values(true))
}

fn man() -> Command {
    let name = Arg::new("COMMAND").num_args(0..).help("A command, as `trace events`");
    Command::new("man").about("Print a manual page, as `gort man | man -l -` shows").arg(name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_makes_sense() {
        super::command().debug_assert();
    }
}
