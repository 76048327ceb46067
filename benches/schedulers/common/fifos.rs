//! FIFOs that a process of its own writes to: the harness's program, started once more.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::blockers;
use crate::load::Load;

/// The variable of the environment that names the harness's program.
pub(crate) const HARNESS: &str = "SCHEDULERS_HARNESS";

/// Its first argument; the number of FIFOs and the milliseconds it writes follow.
pub(crate) const WRITER: &str = "--fifo-writer";

/// What the writer lives longer than the window of time that is measured.
const RESERVE: Duration = Duration::from_millis(100);

pub(crate) struct Fifos {
    writer: Child,
    says: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Fifos {
    /// Starts the writer. From now on there is something to read.
    pub(crate) fn new(load: Load) -> Fifos {
        let lifetime = blockers::lead_in(load) + Duration::from_millis(load.n) + RESERVE;
        let program = std::env::var_os(HARNESS).expect("the harness");
        let mut command = Command::new(program);
        command.arg(WRITER).args([load.width.to_string(), lifetime.as_millis().to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut writer = command.spawn().expect("the harness starts");
        let mut says = BufReader::new(writer.stdout.take().expect("piped"));
        let folder = PathBuf::from(line(&mut says));
        Fifos { writer, says, folder }
    }

    /// Opened while the writer lives, and so at once.
    pub(crate) fn open(&self, n: u64) -> File {
        File::open(path(&self.folder, n)).expect("the writer made it")
    }

    /// Waits for the writer. How many bytes each FIFO got.
    pub(crate) fn finish(mut self) -> u64 {
        let bytes = line(&mut self.says).parse().expect("a number");
        assert!(self.writer.wait().expect("a child").success());
        bytes
    }
}

/// Where a FIFO lies.
pub(crate) fn path(folder: &Path, n: u64) -> PathBuf {
    folder.join(n.to_string())
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("the writer's word");
    line.trim_end().to_owned()
}
