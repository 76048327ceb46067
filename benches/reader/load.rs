//! The trace of a Go program that benches read.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Go;

/// What each goroutine of the traced program does, and in a smoke test.
const TURNS: u32 = 60_000;
const SMOKE_TURNS: u32 = 500;

/// The traces to read: those that the command line names, or else one that is made here, a small one
/// for a smoke test.
pub(crate) fn files(go: &Go, folder: &Path, arguments: &[String], is_smoke: bool) -> Vec<PathBuf> {
    let named = arguments.iter().filter(|argument| !argument.starts_with('-'));
    let files: Vec<PathBuf> = named.map(PathBuf::from).collect();
    match (files.is_empty(), is_smoke) {
        (false, _) => files,
        (true, true) => vec![trace(go, folder, SMOKE_TURNS)],
        (true, false) => vec![trace(go, folder, TURNS)],
    }
}

/// The trace, of goroutines with so many turns.
fn trace(go: &Go, folder: &Path, turns: u32) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/reader/load.go");
    let (program, file) = (folder.join("load"), folder.join("load.trace"));
    let built = go.command().args(["build", "-o"]).arg(&program).arg(source).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let mut command = Command::new(program);
    command.arg(turns.to_string()).stdout(File::create(&file).unwrap());
    assert!(command.status().unwrap().success());
    file
}
