//! Where the output goes.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use anstream::{AutoStream, ColorChoice};
use clap::Arg;
use gort::render::Style;

use crate::failure::Failure;
use crate::files;

/// Standard output, without a buffer that is searched for line ends: what is written here comes in
/// large pieces.
pub(crate) fn standard() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Whether standard output shows colours: a terminal that is not asked not to.
pub(crate) fn style() -> Style {
    match AutoStream::choice(&io::stdout()) {
        ColorChoice::Never => Style::Plain,
        _ => Style::Terminal,
    }
}

/// `-o OUT`
pub(crate) fn argument() -> Arg {
    let arg = Arg::new("OUT").short('o').long("output").value_name("OUT").required(true);
    arg.help("The file to write; `-` is standard output")
}

/// A file to write, by its name, which must not be the trace that is read; `-` is standard output.
pub(crate) fn create_beside(name: &str, input: &str) -> Result<File, Failure> {
    if name == "-" {
        return Ok(standard()?);
    }
    // What is not there cannot be the same.
    if let (Ok(output), Ok(input)) = (fs::metadata(name), files::metadata(input))
        && output.is_file()
        // Links have many names.
        && (output.dev(), output.ino()) == (input.dev(), input.ino())
    {
        return Err(Failure::Usage(format!("{name}: the output is the trace itself")));
    }
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"));
    Ok(File::create(name).map_err(named)?)
}
