//! `gort trace -d=MODE` prints what `go tool trace -d=MODE` prints, byte for byte.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::program::{self, expect_failure};
use crate::programs;
use crate::support::Go;
use crate::support::pieces;

const MODES: [&str; 3] = ["parsed", "wire", "footprint"];

fn of_go(go: &Go, mode: &str, file: &Path, zone: &str) -> Output {
    go.trace_tool().env("TZ", zone).arg(format!("-d={mode}")).arg(file).output().unwrap()
}

fn ours(mode: &str, file: &Path, zone: &str) -> Command {
    let mut command = program::trace();
    command.env("TZ", zone).arg(format!("-d={mode}")).arg(file);
    command
}

#[track_caller]
fn expect_the_same(go: &Go, file: &Path) {
    for (mode, zone) in
        [("parsed", "UTC"), ("parsed", "America/St_Johns"), ("wire", "UTC"), ("footprint", "UTC")]
    {
        let theirs = of_go(go, mode, file, zone);
        assert!(theirs.status.success(), "{}", file.display());
        let ours = ours(mode, file, zone).output().unwrap();
        program::expect_success(&ours);
        expect_equal(&ours.stdout, &theirs.stdout, &format!("-d={mode} {}", file.display()));
    }
}

#[track_caller]
fn expect_equal(ours: &[u8], theirs: &[u8], what: &str) {
    if ours == theirs {
        return;
    }
    let mut lines = ours.split(|b| *b == b'\n').zip(theirs.split(|b| *b == b'\n')).enumerate();
    let text = String::from_utf8_lossy;
    if let Some((n, (ours, theirs))) = lines.find(|(_, (ours, theirs))| ours != theirs) {
        panic!("{what}, line {}:\n{}\n{}", n + 1, text(ours), text(theirs));
    }
    panic!("{what}: {} bytes, not {}", ours.len(), theirs.len());
}

#[test]
fn traces_of_go_programs() {
    let Some(go) = Go::find("dumps of Go's traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    for file in programs::of_go(&go, folder.path()) {
        expect_the_same(&go, &file);
    }
}

#[test]
fn traces_of_gort_programs() {
    let Some(go) = Go::find("dumps of gort's traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    let test = "debug::traces_of_gort_programs";
    for file in programs::of_gort(test, folder.path()).into_iter().flatten() {
        expect_the_same(&go, &file);
    }
}

/// What is printed before the damage is the same, too, and both say that there is some.
#[test]
fn damaged_traces() {
    let Some(go) = Go::find("dumps of damaged traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    let files = programs::of_gort("debug::damaged_traces", folder.path());
    for file in files.into_iter().flatten() {
        for damaged in damaged(&file) {
            let theirs = of_go(&go, "parsed", &damaged, "UTC");
            let ours = ours("parsed", &damaged, "UTC").output().unwrap();
            let what = damaged.display().to_string();
            expect_equal(&ours.stdout, &theirs.stdout, &what);
            assert_eq!(ours.status.code(), theirs.status.code(), "{what}");
        }
    }
}

/// Cut within the third generation, and changed there.
fn damaged(file: &Path) -> [PathBuf; 2] {
    let trace = fs::read(file).unwrap();
    let generations = pieces::generations(&trace);
    let middle = usize::midpoint(generations[1].at, generations[2].at);
    let mut changed = trace.clone();
    changed[middle..middle + 40].fill(0xee);
    [("cut", &trace[..middle]), ("changed", &changed)].map(|(name, bytes)| {
        let damaged = file.with_extension(name);
        fs::write(&damaged, bytes).unwrap();
        damaged
    })
}

/// A trace may come from a pipe, or be given twice over.
#[test]
fn standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let files = programs::of_gort("debug::standard_input", folder.path());
    for file in files.into_iter().flatten() {
        for mode in MODES {
            let named = ours(mode, &file, "UTC").output().unwrap();
            let mut command = ours(mode, Path::new("-"), "UTC");
            let piped = command.stdin(File::open(&file).unwrap()).output().unwrap();
            program::expect_success(&piped);
            expect_equal(&piped.stdout, &named.stdout, mode);
        }
    }
}

#[test]
fn what_is_no_trace() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    for mode in MODES {
        let output = ours(mode, &file, "UTC").output().unwrap();
        assert!(expect_failure(&output, 1).contains("Cargo.toml: "), "{mode}");
        assert_eq!(output.stdout, b"");
    }
}
