//! `GORT_TRACE`: the trace of a whole run, without a word in the program.
//!
//! It begins with the runtime, and ends with the process: at exit; by a signal that ends the
//! process, unless the program has its own way with that; and by the fatal reports, which exit. The
//! process waits for the writer, but no longer than it seems to get on.

use std::error::Error;
use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Once, OnceLock};

use super::{StartError, StopError, config, file};
use crate::sched::own_threads;
use crate::signal::{self, Signal};
use crate::sys::signal::write_stderr;
use crate::sys::{caught, exit};
use crate::tracer::session::{self, Settings};
use crate::wire::version::Version;

const VARIABLE: &str = "GORT_TRACE";

/// Bytes written at a time: the process waits for one write at its end, not for all.
const PIECE_BYTES: usize = 1 << 20;

/// Signals that end a process, which then still has time to write.
const ENDS: [Signal; 3] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM];

/// The file, for reports.
static PATH: OnceLock<PathBuf> = OnceLock::new();

/// Starts the trace, if the environment asks for one. The runtime has been started.
pub(crate) fn begin() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else {
            return;
        };
        if let Err(why) = start(&value) {
            say(&format!("gort: {VARIABLE}={}: no trace: {why}\n", Path::new(&value).display()));
        }
    });
}

fn start(value: &OsStr) -> Result<(), Box<dyn Error>> {
    // A trace that is cut short by SIGKILL is to stay readable, which needs the marks of this one.
    let version = super::version(Version::Go126)?;
    let profile_hz = config::profile_hz(None)?;
    let (file, path) = open(value)?;
    let path = PATH.get_or_init(|| path);
    let output = Output { file, is_counted: false };
    let ended = move |result: Result<_, session::Failure>| {
        if let Err(failure) = result {
            let why = StopError::from(failure);
            say(&format!("gort: {VARIABLE}: {}: {why}\n", path.display()));
        }
        session::whole_run_ended();
    };
    let settings =
        Settings { version, limit_bytes: session::LIMIT_BYTES, roll_over: None, profile_hz };
    session::start(Box::new(output), settings, Some(Box::new(ended))).map_err(StartError::from)?;
    exit::at_exit(at_exit);
    if let Err(why) = signal::on_end(&ENDS, end_by) {
        let path = path.display();
        say(&format!("gort: {VARIABLE}: {path}: signals will end it unfinished: {why}\n"));
    }
    Ok(())
}

/// The process exits.
extern "C" fn at_exit() {
    end();
}

/// A signal is about to end the process.
fn end_by(signal: Signal) {
    let signal = signal.number();
    // A second one ends it at once.
    if caught::Disposition::default_action().set(signal).is_ok() {
        end();
        caught::raise(signal);
    }
}

fn end() {
    if !session::end_whole_run() {
        let path = PATH.get().map(|path| path.display().to_string()).unwrap_or_default();
        say(&format!("gort: {VARIABLE}: {path}: the process ends before all is written\n"));
    }
}

/// Not by way of `std`, whose lock somebody may hold who does not go on.
fn say(line: &str) {
    write_stderr(line.as_bytes());
}

/// The file of this process.
fn open(value: &OsStr) -> io::Result<(File, PathBuf)> {
    let path = file::path(Path::new(value))?;
    match open_own(&path)? {
        Some(file) => Ok((file, path)),
        None => {
            let path = file::with_number(&path, std::process::id());
            let file = open_own(&path)?.ok_or(io::ErrorKind::ResourceBusy)?;
            Ok((file, path))
        }
    }
}

/// Opens the file and empties it, unless it is another live process's trace.
fn open_own(path: &Path) -> io::Result<Option<File>> {
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(false).mode(file::MODE).open(path)?;
    if file.metadata()?.is_file() {
        // Where there are no locks, each for himself.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Ok(None);
        }
        file.set_len(0)?;
    }
    Ok(Some(file))
}

/// The file as the tracer's writer. Its thread only serves the runtime, as long as it has this.
struct Output {
    file: File,
    is_counted: bool,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_counted {
            self.is_counted = true;
            own_threads::count_me();
        }
        let piece = &bytes[..bytes.len().min(PIECE_BYTES)];
        session::in_write(|| self.file.write(piece))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.is_counted {
            own_threads::count_me_out();
        }
    }
}
