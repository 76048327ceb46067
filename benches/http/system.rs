//! The servers that are compared: how each is built, started and ended.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::options::{self, Options};

pub(crate) const NAMES: [&str; 2] = ["gort", "go"];

/// The same while a trace is taken, which is thrown away, or a flight recorder records.
pub(crate) const TRACED: [&str; 4] = ["gort-traced", "go-traced", "gort-recorded", "go-recorded"];

/// In the environment of a server: `traced` or `recorded`.
pub(crate) const TRACING: &str = "GORT_BENCH_TRACING";

/// A server, or why there is none.
pub(crate) struct System {
    pub(crate) name: &'static str,
    program: Result<PathBuf, String>,
}

impl System {
    /// Builds the program if need be.
    pub(crate) fn build(name: &'static str) -> System {
        let program = match name {
            gort if gort.starts_with("gort") => {
                std::env::current_exe().map_err(|error| error.to_string())
            }
            _ => build_go(),
        };
        System { name, program }
    }

    /// Starts the server in a process of its own.
    pub(crate) fn start(&self, options: &Options) -> Result<Server, String> {
        let mut command = command(&self.program.clone()?, Party::Server, options);
        if self.name.starts_with("gort") {
            command.args(["--child", "server"]);
        }
        if let Some((_, how)) = self.name.split_once('-') {
            command.env(TRACING, how);
        }
        command.env("GOMAXPROCS", options.procs.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("not started: {error}"))?;
        let mut line = String::new();
        let read = BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line);
        let address = read.ok().and_then(|_| line.trim().parse().ok());
        let input = child.stdin.take();
        let mut server = Server { child, _input: input, address: ([0; 4], 0).into() };
        server.address = address.ok_or_else(|| format!("{}: no address: {line:?}", self.name))?;
        Ok(server)
    }
}

/// Whose processors a program gets where the two are apart.
pub(crate) enum Party {
    Server,
    Client,
}

/// Runs the program, by way of `taskset` (util-linux) where the client and the server are apart.
pub(crate) fn command(program: &Path, party: Party, options: &Options) -> Command {
    if !options.apart {
        return Command::new(program);
    }
    let last = options::processors() - 1;
    let processors = match party {
        Party::Server => format!("0-{}", last - 1),
        Party::Client => last.to_string(),
    };
    let mut command = Command::new("taskset");
    command.args(["-c", &processors]).arg(program);
    command
}

/// A server that runs; dropping this ends it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
    _input: Option<ChildStdin>,
}

impl Server {
    /// The memory that it has now. `None`: the system does not tell.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).ok()?;
        let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
        // SAFETY: it asks for a number.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        Some(pages * u64::try_from(page_bytes).ok()?)
    }

    /// The processor time that it has used.
    pub(crate) fn cpu_time(&self) -> Result<Duration, String> {
        let mut clock = 0;
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let pid = self.child.id() as libc::pid_t;
        // SAFETY: both results are values of our own.
        let is_told = unsafe {
            libc::clock_getcpuclockid(pid, &mut clock) == 0
                && libc::clock_gettime(clock, &mut time) == 0
        };
        let time = Duration::new(time.tv_sec as u64, time.tv_nsec as u32);
        is_told.then_some(time).ok_or_else(|| "the server is no more".to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn build_go() -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/http/go");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("http/go/hello");
    let go = std::env::var_os("GORT_GO").unwrap_or_else(|| OsString::from("go"));
    let mut command = Command::new(&go);
    command.current_dir(source).args(["build", "-o"]).arg(&program).arg(".");
    command.env("GOWORK", "off").env("GOTOOLCHAIN", "local");
    let go = go.display();
    let wanted = "(Go is what GORT_GO names, or in PATH)";
    let output = command.output().map_err(|error| format!("{go}: {error} {wanted}"))?;
    if output.status.success() {
        return Ok(program);
    }
    Err(format!("{go}: {} {wanted}", String::from_utf8_lossy(&output.stderr).trim()))
}
