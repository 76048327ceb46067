//! `tcp_echo`: messages, and the server side as a process of its own.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::load::{self, Kind, Load};

pub(crate) const MESSAGE_BYTES: usize = 64;

/// How many connect at once, so that the listener's queue does not overflow.
pub(crate) const BATCH: u64 = 100;

/// With more connections each side is a process of its own: each has two ends, and systems often
/// let a process have 20,000 files or fewer.
const MOST_IN_ONE_PROCESS: u64 = 5_000;

/// What a client sends at a time; no two are alike.
pub(crate) fn message(client: u64, turn: u64) -> [u8; MESSAGE_BYTES] {
    let mut message = [client as u8; MESSAGE_BYTES];
    message[..8].copy_from_slice(&client.to_le_bytes());
    message[8..16].copy_from_slice(&turn.to_le_bytes());
    message
}

/// Ends the process: with a connection that failed there is nothing to measure.
pub(crate) fn fail(what: &str, error: impl std::fmt::Display) -> ! {
    eprintln!("{what}: {error}");
    std::process::exit(1)
}

/// Watches that no file stays open.
pub(crate) struct OpenFiles(usize);

impl OpenFiles {
    pub(crate) fn count() -> OpenFiles {
        OpenFiles(open_files())
    }

    /// Whoever closes beside us gets a moment for it.
    pub(crate) fn check(self) {
        let deadline = Instant::now() + Duration::from_secs(1);
        while open_files() > self.0 {
            if Instant::now() > deadline {
                fail("open files", format!("{} before, {} after", self.0, open_files()));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux").count()
}

/// The server side in another process.
pub(crate) struct Elsewhere {
    server: Child,
    _says: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Elsewhere {
    /// Starts it if the load is of that kind: this program once more.
    pub(crate) fn start(load: Load) -> Option<Elsewhere> {
        if load.width <= MOST_IN_ONE_PROCESS {
            return None;
        }
        let serve = Load { kind: Kind::TcpServe, ..load };
        let warm_up = Load { kind: Kind::Yield, width: 1, capacity: 0, n: 1 };
        let program = std::env::current_exe().unwrap_or_else(|error| fail("program", error));
        let arguments: Vec<_> = std::env::args().skip(1).collect();
        let mut command = Command::new(program);
        command.args(&arguments[..arguments.len() - 2]);
        command.args([warm_up.to_string(), serve.to_string()]);
        // It serves one round of connections, and its trace would be written over this one's.
        command.env_remove(load::SECONDS).env_remove(load::TRACE_FILE);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut server = command.spawn().unwrap_or_else(|error| fail("server", error));
        let mut says = BufReader::new(server.stdout.take().expect("piped"));
        let mut line = String::new();
        let address = says.read_line(&mut line).ok().and_then(|_| line.trim_end().parse().ok());
        let address = address.unwrap_or_else(|| fail("server", format!("said {line:?}")));
        Some(Elsewhere { server, _says: says, address })
    }

    /// Waits for its end, which comes with that of the connections.
    pub(crate) fn finish(mut self) {
        match self.server.wait() {
            Ok(status) if status.success() => {}
            Ok(status) => fail("server", status),
            Err(error) => fail("server", error),
        }
    }
}

/// Tells the clients' process where the server is.
pub(crate) fn announce(address: SocketAddr) {
    println!("{address}");
    std::io::stdout().flush().unwrap_or_else(|error| fail("address", error));
}
