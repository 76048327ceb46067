//! A program that others watch: under `perf` and `valgrind` it runs to its end, and its trace, with
//! CPU samples, is accepted. Where they are not installed, or may not, a line says so.

mod support;

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::{Go, example};

/// For what takes seconds: valgrind is slow, and machines are.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs the command to its end. The error says what became of it, and what it said.
fn finish(command: &mut Command) -> Result<(), String> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| error.to_string())?;
    let mut complaints = child.stderr.take().unwrap();
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        let _ = complaints.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let result = wait(&mut child);
    let said = reader.join().unwrap();
    result.map_err(|what| format!("{what}\n{said}"))
}

fn wait(child: &mut Child) -> Result<(), String> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        match child.try_wait().unwrap() {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(status.to_string()),
            None => thread::sleep(Duration::from_millis(20)),
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    Err("it hangs".to_owned())
}

/// Whether the command works at all, on a program that does nothing.
fn works(tool: &[&str]) -> bool {
    let [name, arguments @ ..] = tool else { return false };
    match finish(Command::new(name).args(arguments).arg("true")) {
        Ok(()) => true,
        Err(why) => {
            // Not println, which a passing test swallows.
            let why = why.lines().next().unwrap_or_default().to_owned();
            let _ = writeln!(io::stderr(), "skipped: a traced program under {name}: {why}");
            false
        }
    }
}

/// The trace of some cappuccinos that were made under the tool.
fn check(go: &Go, tool: &[&str], folder: &Path) {
    let trace = folder.join("watched.trace");
    let mut command = Command::new(tool[0]);
    command.args(&tool[1..]).arg(example("cappuccino")).args(["--orders", "5", "--trace"]);
    command.arg(&trace).env("GORT_TRACE_PROFILE_HZ", "250");
    finish(&mut command).unwrap();
    go.check(std::slice::from_ref(&trace)).unwrap();
    let counts = go.wire_counts(&trace);
    assert_eq!(counts["UserTaskBegin"], 5, "{counts:?}");
    // What reads the symbols takes some time at least.
    assert!(counts.get("CPUSample").is_some_and(|&count| count > 0) || tool[0] == "perf");
}

#[test]
fn under_perf() {
    let Some(go) = Go::find("a traced program under perf") else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("perf.data");
    // Stacks by frame pointers: perf walks goroutines' stacks.
    let tool = ["perf", "record", "-q", "-F", "2000", "-g", "-o", data.to_str().unwrap(), "--"];
    if works(&tool) {
        check(&go, &tool, folder.path());
        assert!(data.metadata().unwrap().len() > 0);
    }
}

/// Nothing that valgrind calls an error, either: an access to what is not there.
#[test]
fn under_valgrind() {
    let Some(go) = Go::find("a traced program under valgrind") else { return };
    let folder = tempfile::tempdir().unwrap();
    let tool = ["valgrind", "-q", "--error-exitcode=9"];
    if works(&tool) {
        check(&go, &tool, folder.path());
    }
}
