//! The files of the command line.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::Failure;

/// The name of standard input.
const STANDARD: &str = "-";
/// Files below that are read before one has seen a progress bar.
const LONG_BYTES: u64 = 32 << 20;

/// A trace to read; a terminal sees how far that has come.
pub(crate) struct Input {
    file: Box<dyn Read + Send>,
    progress: ProgressBar,
}

/// Opens a file; `-` is standard input. The progress is shown unless the output goes to the terminal,
/// too, where the two would mix.
pub(crate) fn open(name: &str) -> Result<Input, Failure> {
    let unreadable = |error: io::Error| Failure::trace(name, error);
    if name == STANDARD {
        return Ok(Input { file: Box::new(io::stdin()), progress: ProgressBar::hidden() });
    }
    let file = File::open(name).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Failure::trace(name, "is a directory"));
    }
    let is_seen = metadata.len() >= LONG_BYTES && !io::stdout().is_terminal();
    let progress = if is_seen { bar(name, metadata.len()) } else { ProgressBar::hidden() };
    Ok(Input { file: Box::new(file), progress })
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
    let mut file = File::open(name).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_file() {
        return Ok(Box::new(file));
    }
    if metadata.is_dir() {
        return Err(Failure::trace(name, "is a directory"));
    }
    // A pipe by its name.
    file.read_to_end(&mut kept).map_err(unreadable)?;
    Ok(Box::new(io::Cursor::new(kept)))
}

/// Of a terminal only, on standard error.
fn bar(name: &str, bytes: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    let style = "{msg} {bar:40} {bytes}/{total_bytes} {eta}";
    bar.set_style(ProgressStyle::with_template(style).expect("a sound template"));
    bar.set_message(name.to_owned());
    bar
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        if n == 0 {
            self.progress.finish_and_clear();
        }
        self.progress.inc(n as u64);
        Ok(n)
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.progress.finish_and_clear();
    }
}
