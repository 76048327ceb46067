//! What several test programs share: Go's own tools, and the examples.

#![allow(dead_code, unused_imports, reason = "each test program uses a part")]

mod example;
mod http;
pub(crate) mod parsed;
pub(crate) mod pieces;
pub(crate) mod random;
pub(crate) mod runtime;
mod tools;
pub(crate) mod traced;
mod viewer;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) use example::example;
pub(crate) use viewer::{Page, Viewer, unescape};

/// The first Go whose tools the checks are written for: 1.NN.
const FIRST_MINOR: u32 = 27;

/// Go's own tools for traces.
#[derive(Clone, Debug)]
pub(crate) struct Go {
    /// The checker: Go's reader and its tests' validator.
    gtv: PathBuf,
    /// `go tool trace`.
    trace: PathBuf,
    /// `go tool pprof`.
    pprof: PathBuf,
    /// The `go` command.
    go: PathBuf,
}

impl Go {
    /// Finds Go and builds its tools, or prints a line that `what` is skipped.
    ///
    /// `GORT_GO` in the environment names the `go` command, if it is not the one on `PATH`. With
    /// `GORT_REQUIRE_GO=1` a missing Go is a failure.
    pub(crate) fn find(what: &str) -> Option<Go> {
        match Installation::find() {
            Ok(installation) => Some(tools::built(&installation)),
            Err(reason) if std::env::var("GORT_REQUIRE_GO").is_ok_and(|v| v == "1") => {
                panic!("{what} needs Go (GORT_REQUIRE_GO=1): {reason}")
            }
            Err(reason) => {
                // Not println, which a passing test swallows.
                let _ = writeln!(io::stderr(), "skipped: {what}: {reason}");
                None
            }
        }
    }

    /// The `go` command, with none of the user's settings.
    pub(crate) fn command(&self) -> Command {
        tools::go(self.go.as_os_str())
    }

    /// Checks traces with Go's reader and strict validator. The error says which were rejected
    /// and why.
    pub(crate) fn check(&self, files: &[PathBuf]) -> Result<(), String> {
        let output = Command::new(&self.gtv).args(files).output().unwrap();
        let report = String::from_utf8_lossy(&output.stdout);
        if output.status.success() {
            assert_eq!(report.lines().count(), files.len(), "a line for each file:\n{report}");
            return Ok(());
        }
        let accepted = |line: &&str| line.starts_with("accepted ");
        let rejected: Vec<&str> = report.lines().filter(|line| !accepted(line)).collect();
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!("{}\n{complaint}", rejected.join("\n")))
    }

    /// As [`Go::check`], for traces in memory.
    pub(crate) fn check_bytes(
        &self,
        traces: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let file = |(n, trace)| {
            let path = folder.path().join(format!("{n}.trace"));
            std::fs::write(&path, trace).unwrap();
            path
        };
        self.check(&traces.into_iter().enumerate().map(file).collect::<Vec<_>>())
    }

    /// Reads damaged traces with Go's reader: how many events it finds in each, and what it then says
    /// of the rest.
    pub(crate) fn read(&self, files: &[PathBuf]) -> Vec<Reading> {
        let mut readings = Vec::new();
        for files in files.chunks(500) {
            let output = Command::new(&self.gtv).args(files).output().unwrap();
            let report = String::from_utf8_lossy(&output.stdout).into_owned();
            let of_file = report.lines().filter_map(Reading::parse);
            let before = readings.len();
            readings.extend(of_file);
            assert_eq!(readings.len() - before, files.len(), "a line for each file:\n{report}");
        }
        readings
    }

    /// What Go's reader alone makes of traces.
    pub(crate) fn verdicts(&self, files: &[PathBuf]) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        for files in files.chunks(500) {
            let output = Command::new(&self.gtv).arg("-read").args(files).output().unwrap();
            let report = String::from_utf8_lossy(&output.stdout).into_owned();
            let before = verdicts.len();
            verdicts.extend(report.lines().map(Verdict::parse));
            assert_eq!(verdicts.len() - before, files.len(), "a line for each file:\n{report}");
        }
        verdicts
    }

    /// The events of Go's reader as text: as [`parsed`](Self::parsed), but for events of kind `Sync`,
    /// which have all that they say.
    pub(crate) fn events(&self, file: &Path) -> Vec<u8> {
        let output = Command::new(&self.gtv).arg("-print").arg(file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Writes the cases of Go's own tests of its reader into a folder. The names, and whether Go says
    /// that they are to be accepted; of its fuzzer's corpus it does not say.
    pub(crate) fn cases(&self, folder: &Path) -> BTreeMap<String, bool> {
        let output = Command::new(&self.gtv).arg("-convert").arg(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report = String::from_utf8(output.stdout).unwrap();
        let case = |line: &str| {
            let (name, is_sound) = line.split_once(' ')?;
            Some((name.to_owned(), is_sound == "true"))
        };
        report.lines().filter_map(case).collect()
    }

    /// What Go's reader needs for a trace.
    pub(crate) fn cost(&self, file: &Path) -> Cost {
        let output = Command::new(&self.gtv).arg("-time").arg(file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Cost::parse(&String::from_utf8_lossy(&output.stdout)).expect("four numbers")
    }

    /// Where Go's own source is.
    pub(crate) fn root(&self) -> PathBuf {
        let output = self.command().args(["env", "GOROOT"]).output().unwrap();
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end())
    }

    /// What `go tool trace -d=parsed` prints; [`parsed::events`] reads it.
    pub(crate) fn parsed(&self, file: &Path) -> Result<String, String> {
        let output = Command::new(&self.trace).arg("-d=parsed").arg(file).output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8(output.stdout).expect("Go prints UTF-8"))
    }

    /// How often each event of the wire format occurs, by name.
    ///
    /// # Panics
    /// When Go cannot read the file.
    pub(crate) fn wire_counts(&self, file: &Path) -> BTreeMap<String, u64> {
        let mut command = Command::new(&self.trace);
        command.arg("-d=wire").arg(file).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let counts = count_events(BufReader::new(child.stdout.take().unwrap()));
        // The tool says at most a line there, so it never waits for us to read it.
        let mut complaint = String::new();
        child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
        assert!(child.wait().unwrap().success(), "{}: {complaint}", file.display());
        counts
    }

    /// `go tool trace` itself.
    pub(crate) fn trace_tool(&self) -> Command {
        tools::surroundings(&self.trace)
    }

    /// Opens a trace in the web viewer, `go tool trace`.
    pub(crate) fn viewer(&self, file: &Path) -> Result<Viewer, String> {
        Viewer::open(&self.trace, file, true)
    }

    /// Opens a trace that breaks off in the web viewer, which says so.
    pub(crate) fn viewer_of_cut(&self, file: &Path) -> Result<Viewer, String> {
        Viewer::open(&self.trace, file, false)
    }

    /// What `go tool pprof -top` prints of a profile, which may be a URL. It keeps a copy of what it
    /// fetches in `folder`.
    pub(crate) fn top(&self, profile: &str, folder: &Path) -> Result<String, String> {
        let mut command = Command::new(&self.pprof);
        command.args(["-top", profile]).env("PPROF_TMPDIR", folder).env("NO_PROXY", "*");
        let output = command.output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8(output.stdout).expect("Go prints UTF-8"))
    }

    /// Every page that the web viewer has for a trace, by path.
    pub(crate) fn pages(&self, file: &Path) -> Result<BTreeMap<String, Page>, String> {
        self.viewer(file)?.pages()
    }
}

/// What Go's reader made of a trace.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Events before it ended, or broke off.
    pub(crate) events: u64,
    /// The first line of its complaint, if it broke off.
    pub(crate) complaint: Option<String>,
}

impl Reading {
    /// Reads `accepted FILE with N events` and `rejected FILE after N events: WHY`.
    fn parse(line: &str) -> Option<Reading> {
        let mut words = line.split(' ');
        let is_whole = match words.next() {
            Some("accepted") => true,
            Some("rejected") => false,
            _ => return None,
        };
        let events = words.nth(2)?.parse().ok()?;
        let complaint = (!is_whole).then(|| words.skip(1).collect::<Vec<_>>().join(" "));
        Some(Reading { events, complaint })
    }
}

/// What Go's reader alone made of a trace.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) is_accepted: bool,
    pub(crate) events: u64,
    /// Of the events as text, with a newline after each: FNV-1a, 64 bits. 0 if Go dies of some.
    pub(crate) hash: u64,
    /// The first line of what it says about the rest.
    pub(crate) complaint: String,
}

impl Verdict {
    fn parse(line: &str) -> Verdict {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().expect("four words");
        Verdict {
            is_accepted: word() == "accepted",
            events: word().parse().unwrap(),
            hash: u64::from_str_radix(word(), 16).unwrap(),
            complaint: word().to_owned(),
        }
    }
}

/// What a reader needed for a trace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) events: u64,
    pub(crate) seconds: f64,
    /// Of processors.
    pub(crate) used_seconds: f64,
    pub(crate) memory_kib: u64,
}

impl Cost {
    pub(crate) fn parse(line: &str) -> Option<Cost> {
        let mut words = line.split_whitespace();
        Some(Cost {
            events: words.next()?.parse().ok()?,
            seconds: words.next()?.parse().ok()?,
            used_seconds: words.next()?.parse().ok()?,
            memory_kib: words.next()?.parse().ok()?,
        })
    }
}

/// Counts the events of `-d=wire`: a line each, and indented lines for what they carry.
fn count_events(mut lines: impl BufRead) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).unwrap() > 0 {
        if line[0] != b'\t' {
            let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
            let name = std::str::from_utf8(&line[..end]).expect("names are ASCII");
            match counts.get_mut(name) {
                Some(count) => *count += 1,
                None => drop(counts.insert(name.to_owned(), 1)),
            }
        }
        line.clear();
    }
    counts
}

/// Where Go is.
struct Installation {
    /// As in `go1.27.3`.
    version: String,
    root: PathBuf,
    go: PathBuf,
}

impl Installation {
    /// The error says why there is none that will do.
    fn find() -> Result<Installation, String> {
        let go = named().unwrap_or_else(|| OsString::from("go"));
        let name = Path::new(&go).display().to_string();
        let output = tools::go(&go)
            .args(["env", "GOVERSION", "GOROOT"])
            .output()
            .map_err(|error| format!("no Go 1.{FIRST_MINOR}: {name}: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut lines = text.lines().map(str::to_owned);
        let (Some(version), Some(root), true) =
            (lines.next(), lines.next(), output.status.success())
        else {
            return Err(format!("no Go 1.{FIRST_MINOR}: `{name} env` fails: {}", output.status));
        };
        if minor(&version).is_none_or(|minor| minor < FIRST_MINOR) {
            return Err(format!("no Go 1.{FIRST_MINOR}: {name} is {version}"));
        }
        let root = PathBuf::from(root);
        for source in ["cmd/trace/main.go", "internal/trace/testtrace/validation.go"] {
            if !root.join("src").join(source).exists() {
                return Err(format!("{version} comes without the source of {source}"));
            }
        }
        // Behind a wrapper or a version manager is the command itself.
        let direct = root.join("bin/go");
        let go = if direct.exists() { direct } else { PathBuf::from(go) };
        Ok(Installation { version, root, go })
    }
}

/// The command in the environment: a name to be found on `PATH` or a path.
fn named() -> Option<OsString> {
    let go = std::env::var_os("GORT_GO").filter(|go| !go.is_empty())?;
    let is_path = Path::new(&go).components().count() > 1;
    Some(if is_path { std::path::absolute(go).unwrap().into_os_string() } else { go })
}

/// The NN of `go1.NN.3`, also of `go1.NN-devel_…` and `devel go1.NN-…`.
fn minor(version: &str) -> Option<u32> {
    let (_, rest) = version.split_once("go1.")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
