//! `gort`: the trace tool.
//!
//! `gort trace` shows execution traces, of programs on gort and of Go's own. Everything it knows it
//! has from the library; here is the command line.
//!
//! # Exit status
//! 0: all went well, also when whoever reads the output had enough of it. 1: a trace is damaged, is
//! none, or cannot be read, after what comes before the damage was shown; or it has not what was asked
//! for, as a task with that number. 2: the command line makes no sense. 3: the output cannot be written.

#![forbid(unsafe_code)]

mod arguments;
mod documents;
mod failure;
mod files;
mod output;
mod table;
mod trace;

use std::process::ExitCode;

use failure::Failure;

fn main() -> ExitCode {
    let matches = match table::command().try_get_matches_from(table::spelled(std::env::args_os())) {
        Ok(matches) => matches,
        Err(error) => return complain(&error),
    };
    let outcome = match matches.subcommand() {
        Some(("trace", arguments)) => trace::run(arguments),
        Some(("completions", arguments)) => documents::completions(arguments),
        Some(("man", arguments)) => documents::man(arguments),
        _ => unreachable!("the table has no other command"),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Shows what is wrong with the command line, or the help that was asked for.
fn complain(error: &clap::Error) -> ExitCode {
    match error.print() {
        Ok(()) => ExitCode::from(error.exit_code() as u8),
        Err(error) => Failure::Output(error).report(),
    }
}
