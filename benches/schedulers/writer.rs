//! The other side of `blockers/fifo`: a process of its own, so that it is the same for every
//! system.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::blockers::BLOCK;
use crate::common::fifos::path;

/// Makes FIFOs, says in which folder, writes a byte to each every 10 ms, and says at the end how
/// many each got.
pub(crate) fn write(width: u64, ms: u64) {
    let until = Instant::now() + Duration::from_millis(ms);
    let folder = tempfile::tempdir().expect("a folder for FIFOs");
    let fifos: Vec<File> = (0..width).map(|n| make(&path(folder.path(), n))).collect();
    println!("{}", folder.path().display());
    io::stdout().flush().expect("somebody listens");
    let mut rounds = 0;
    let mut next = Instant::now() + BLOCK;
    while next < until {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        for mut fifo in &fifos {
            fifo.write_all(b".").expect("this process reads from it, too");
        }
        rounds += 1;
        next += BLOCK;
    }
    println!("{rounds}");
}

/// Opened for both directions: then it opens at once, whoever else is there.
fn make(path: &Path) -> File {
    let name = CString::new(path.as_os_str().as_bytes()).expect("no NUL in a path");
    // SAFETY: the name ends with NUL and is alive for the call.
    let made = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
    assert_eq!(made, 0, "{}: {}", path.display(), io::Error::last_os_error());
    OpenOptions::new().read(true).write(true).open(path).expect("just made")
}
