//! `gort trace check FILE…`: whether traces are sound.

use std::io::Write;

use clap::{ArgMatches, Command};
use gort::reader::{Error, Reader};
use serde::Serialize;

use crate::failure::Failure;
use crate::{arguments, files, output};

pub(crate) fn command() -> Command {
    Command::new("check")
        .about("Say of each trace whether it is sound, in the eyes of Go's reader")
        .after_help("Exit status: 0 if all are, 1 if one is not.")
        .args([arguments::json(), arguments::files()])
}

/// What is found out about a file; an object of JSON with `--json`.
#[derive(Default, Serialize)]
struct Verdict {
    file: String,
    is_sound: bool,
    /// As `1.26`; missing where it is no trace.
    version: Option<String>,
    events: u64,
    /// What is wrong.
    error: Option<String>,
    /// The byte of the file where that is, as far as it is known.
    offset: Option<u64>,
}

pub(crate) fn run(arguments: &ArgMatches) -> Result<(), Failure> {
    let is_json = arguments.get_flag("json");
    let mut output = output::standard()?;
    let mut is_all_sound = true;
    for file in arguments::values::<String>(arguments, "FILE") {
        let verdict = check(&file);
        is_all_sound &= verdict.is_sound;
        let line = if is_json { gort::render::json_line(&verdict) } else { verdict.line() };
        output.write_all(line.as_bytes())?;
    }
    if is_all_sound { Ok(()) } else { Err(Failure::Traces(Vec::new())) }
}

fn check(file: &str) -> Verdict {
    let verdict = Verdict { file: file.to_owned(), ..Verdict::default() };
    match files::events(file) {
        Ok(Ok(reader)) => verdict.read(reader),
        Ok(Err(error)) => verdict.wrong(&error),
        Err(failure) => Verdict { error: Some(failure.what(file)), ..verdict },
    }
}

impl Verdict {
    fn read(mut self, reader: Reader<'_>) -> Verdict {
        self.version = Some(format!("1.{}", reader.version().minor()));
        for event in reader {
            match event {
                Ok(_) => self.events += 1,
                Err(error) => return self.wrong(&error),
            }
        }
        Verdict { is_sound: true, ..self }
    }

    fn wrong(self, error: &Error) -> Verdict {
        Verdict { error: Some(error.to_string()), offset: error.offset(), ..self }
    }

    fn line(&self) -> String {
        let what = match (&self.error, &self.version) {
            (Some(error), None) => format!("no trace: {error}"),
            (Some(error), Some(_)) => format!("damaged after {} events: {error}", self.events),
            (None, version) => {
                let version = version.as_deref().unwrap_or_default();
                format!("sound: {} events, version Go {version}", self.events)
            }
        };
        crate::failure::one_line(&format!("{}: {what}", self.file)) + "\n"
    }
}
