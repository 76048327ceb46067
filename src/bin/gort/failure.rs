//! What can go wrong, and how the process ends then.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use gort::render;

/// Why a command did not do all it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A trace is damaged, is none, cannot be read, or has not what was asked for: a line for each.
    Traces(Vec<String>),
    /// The command line makes no sense.
    Usage(String),
    /// The output cannot be written.
    Output(io::Error),
}

impl Failure {
    /// About one trace.
    pub(crate) fn trace(file: &str, what: impl Display) -> Failure {
        Failure::Traces(vec![format!("{file}: {what}")])
    }

    /// What went wrong as a trace was shown.
    pub(crate) fn shown(file: &str, error: render::Error) -> Failure {
        match error {
            render::Error::Trace(error) => Failure::trace(file, error),
            render::Error::Output(error) => Failure::Output(error),
        }
    }

    /// What is wrong with a file, without its name.
    pub(crate) fn what(self, file: &str) -> String {
        match self {
            Failure::Traces(lines) => {
                let lines = lines.join("; ");
                lines.strip_prefix(&format!("{file}: ")).unwrap_or(&lines).to_owned()
            }
            Failure::Usage(line) => line,
            Failure::Output(error) => error.to_string(),
        }
    }

    /// Says it in a line, and gives the status.
    pub(crate) fn report(self) -> ExitCode {
        let (lines, status) = match self {
            // Whoever reads the output has had enough.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => (vec![], 0),
            Failure::Output(error) => (vec![format!("the output cannot be written: {error}")], 3),
            Failure::Usage(line) => (vec![line], 2),
            Failure::Traces(lines) => (lines, 1),
        };
        for line in lines {
            // Where nobody can be told there is still the status.
            let _ = writeln!(io::stderr(), "gort: {}", one_line(&line));
        }
        ExitCode::from(status)
    }
}

/// Names of files may have line breaks.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}
