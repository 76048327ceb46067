//! `gort trace repair FILE -o OUT`: the sound part of a damaged trace.

use std::io::{self, Write};

use clap::{Arg, ArgMatches, Command};
use gort::reader::{Error, Salvage, SoundPart};

use crate::failure::{Failure, one_line};
use crate::{arguments, files, output};

pub(crate) fn command() -> Command {
    let part = Arg::new("part").long("part").value_name("N");
    let part = part.value_parser(clap::value_parser!(u64).range(1..));
    Command::new("repair")
        .about("Write the sound part of a damaged trace, which Go's reader accepts")
        .long_about(
            "Write the sound part of a damaged trace, which Go's reader accepts: generations that \
             follow one another, before the damage, after it, or between two. Generations with damage \
             between them make no trace, so of several parts the largest is written. A line says what \
             was kept and what was dropped.",
        )
        .after_help("Exit status: 0 if something is sound, 1 if nothing is.")
        .arg(part.help("Write this part, counted from 1"))
        .arg(output::argument())
        .arg(arguments::file())
}

pub(crate) fn run(arguments: &ArgMatches) -> Result<(), Failure> {
    let file = arguments.get_one::<String>("FILE").expect("required");
    let mut input = files::open_whole(file)?;
    let salvage = Salvage::new(&mut input).map_err(|error| Failure::trace(file, error))?;
    let wanted = arguments.get_one::<u64>("part").map(|part| *part as usize - 1);
    let part = match wanted {
        Some(at) => salvage.parts().get(at).ok_or_else(|| {
            Failure::trace(file, format!("has {} sound parts", salvage.parts().len()))
        })?,
        None => salvage.largest().ok_or_else(|| nothing(file, &salvage))?,
    };
    let name = arguments.get_one::<String>("OUT").expect("required");
    let out = output::create_beside(name, file)?;
    salvage.copy(&mut input, part, out).map_err(|error| match error.downcast::<Error>() {
        Ok(error) => Failure::trace(file, error),
        Err(error) => Failure::Output(error),
    })?;
    let line = format!("{}: {}\n", one_line(file), told(&salvage, part));
    // Where the trace goes to standard output, the line must not.
    if name == "-" {
        let _ = io::stderr().write_all(line.as_bytes());
        return Ok(());
    }
    Ok(output::standard()?.write_all(line.as_bytes())?)
}

fn nothing(file: &str, salvage: &Salvage) -> Failure {
    let why = salvage.errors().first().map_or("it is empty".to_owned(), ToString::to_string);
    Failure::trace(file, format!("nothing is sound: {why}"))
}

/// What was kept, and what was not.
fn told(salvage: &Salvage, part: &SoundPart) -> String {
    let bytes = part.bytes.end - part.bytes.start;
    let (first, last) = part.generations;
    let numbers = if first == last { format!("{first}") } else { format!("{first} to {last}") };
    let plural = if part.count == 1 { "" } else { "s" };
    let kept = format!("kept generation{plural} {numbers} ({} events, {bytes} bytes)", part.events);
    let Some(error) = salvage.errors().first() else {
        return format!("{kept}: it is sound");
    };
    let header = 16;
    let dropped = salvage.bytes().saturating_sub(bytes + header);
    let parts = salvage.parts().len();
    let place = salvage.parts().iter().position(|other| other == part).unwrap_or(0) + 1;
    let of = if parts == 1 { String::new() } else { format!(" as part {place} of {parts}") };
    format!("{kept}{of}, dropped {dropped} bytes: {error}")
}
