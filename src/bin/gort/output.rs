//! Where the output goes.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use anstream::{AutoStream, ColorChoice};
use gort::render::Style;

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

/// A file to write, by its name; `-` is standard output.
pub(crate) fn create(name: &str) -> io::Result<File> {
    if name == "-" { standard() } else { File::create(name) }
}
