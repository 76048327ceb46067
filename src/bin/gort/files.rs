//! The files of the command line.

use std::fs::{self, File, Metadata};
use std::io::{self, IsTerminal, Read, Seek};
use std::os::fd::AsFd;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use gort::reader::{self, ReadAt, Reader};

use crate::failure::Failure;

/// The name of standard input.
const STANDARD: &str = "-";
/// Files below that are read before one has seen a progress bar.
const LONG_BYTES: u64 = 32 << 20;

/// A trace to read; a terminal sees how far that has come.
pub(crate) struct Input<F> {
    file: F,
    progress: ProgressBar,
}

/// A file that can be read at any place, or what can be read once only.
enum Opened {
    Regular(Input<File>),
    Other(Input<Box<dyn Read + Send>>),
}

/// What is there by this name, and what it is: no directory.
fn named(name: &str) -> Result<(File, Metadata), Failure> {
    let unreadable = |error: io::Error| Failure::trace(name, error);
    let file = File::open(name).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Failure::trace(name, "is a directory"));
    }
    Ok((file, metadata))
}

/// Opens a file; `-` is standard input. The progress is shown unless the output goes to the terminal,
/// too, where the two would mix.
fn open(name: &str) -> Result<Opened, Failure> {
    let hidden = ProgressBar::hidden();
    if name == STANDARD {
        return Ok(Opened::Other(Input { file: Box::new(io::stdin()), progress: hidden }));
    }
    let (file, metadata) = named(name)?;
    if !metadata.is_file() {
        return Ok(Opened::Other(Input { file: Box::new(file), progress: hidden }));
    }
    let is_seen = metadata.len() >= LONG_BYTES && !io::stdout().is_terminal();
    let progress = if is_seen { bar(name, metadata.len()) } else { hidden };
    Ok(Opened::Regular(Input { file, progress }))
}

/// Opens a file to be read byte by byte.
pub(crate) fn bytes(name: &str) -> Result<Box<dyn Read + Send>, Failure> {
    Ok(match open(name)? {
        Opened::Regular(input) => Box::new(input),
        Opened::Other(input) => Box::new(input),
    })
}

/// Opens a file for its events. What is wrong with it as a trace is the inner error.
pub(crate) fn events(name: &str) -> Result<Result<Reader<'static>, reader::Error>, Failure> {
    Ok(match open(name)? {
        Opened::Regular(input) => Reader::at(input),
        Opened::Other(input) => Reader::new(input),
    })
}

/// A trace that can be read again.
pub(crate) trait Whole: Read + Seek + Send {}

impl<T: Read + Seek + Send> Whole for T {}

/// Opens a file that can be read again; standard input is kept in memory, all of it, for that.
pub(crate) fn open_whole(name: &str) -> Result<Box<dyn Whole>, Failure> {
    let unreadable = |error: io::Error| Failure::trace(name, error);
    let mut kept = Vec::new();
    if name == STANDARD {
        io::stdin().read_to_end(&mut kept).map_err(unreadable)?;
        return Ok(Box::new(io::Cursor::new(kept)));
    }
    let (mut file, metadata) = named(name)?;
    if metadata.is_file() {
        return Ok(Box::new(file));
    }
    // A pipe by its name.
    file.read_to_end(&mut kept).map_err(unreadable)?;
    Ok(Box::new(io::Cursor::new(kept)))
}

/// What a file is; `-` is standard input.
pub(crate) fn metadata(name: &str) -> io::Result<Metadata> {
    if name == STANDARD {
        return File::from(io::stdin().as_fd().try_clone_to_owned()?).metadata();
    }
    fs::metadata(name)
}

/// Of a terminal only, on standard error.
fn bar(name: &str, bytes: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    let style = "{msg} {bar:40} {bytes}/{total_bytes} {eta}";
    bar.set_style(ProgressStyle::with_template(style).expect("a sound template"));
    bar.set_message(name.to_owned());
    bar
}

impl<F: Read> Read for Input<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        if n == 0 {
            self.progress.finish_and_clear();
        }
        self.progress.inc(n as u64);
        Ok(n)
    }
}

/// Most of a file is read once, so that the progress is what was read.
impl ReadAt for Input<File> {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let n = self.file.read_at(buffer, at)?;
        self.progress.inc(n as u64);
        Ok(n)
    }
}

impl<F> Drop for Input<F> {
    fn drop(&mut self) {
        self.progress.finish_and_clear();
    }
}
