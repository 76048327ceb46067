//! The trace of a Go program that benches read.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Go;

/// What each goroutine of the traced program does, and in a smoke test.
const TURNS: u32 = 60_000;
const SMOKE_TURNS: u32 = 500;

/// The traces to read: those that the command line names, or else those that are made here, of programs
/// with each of `procs` processors, small ones for a smoke test.
pub(crate) fn files(
    go: &Go,
    folder: &Path,
    arguments: &[String],
    is_smoke: bool,
    procs: &[u32],
) -> Vec<PathBuf> {
    let named = arguments.iter().filter(|argument| !argument.starts_with('-'));
    let files: Vec<PathBuf> = named.map(PathBuf::from).collect();
    if !files.is_empty() {
        return files;
    }
    let turns = if is_smoke { SMOKE_TURNS } else { TURNS };
    procs.iter().map(|&procs| trace(go, folder, turns, procs)).collect()
}

/// The trace, of goroutines with so many turns on so many processors.
fn trace(go: &Go, folder: &Path, turns: u32, procs: u32) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/reader/load.go");
    let (program, file) = (folder.join("load"), folder.join(format!("load-{procs}.trace")));
    let built = go.command().args(["build", "-o"]).arg(&program).arg(source).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let mut command = Command::new(program);
    command.env("GOMAXPROCS", procs.to_string()).arg(turns.to_string());
    command.stdout(File::create(&file).unwrap());
    assert!(command.status().unwrap().success());
    file
}
