//! `gort trace -pprof=TYPE` writes the profile that `go tool trace -pprof=TYPE` writes.

use std::collections::BTreeSet;
use std::path::Path;

use crate::program::{self, expect_failure, expect_success};
use crate::programs;
use crate::raw::{self, Samples};
use crate::support::Go;

const TYPES: [&str; 4] = ["net", "sync", "syscall", "sched"];

fn of_go(go: &Go, of: &str, file: &Path, folder: &Path) -> Samples {
    let output = go.trace_tool().arg(format!("-pprof={of}")).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    raw::samples(go, &output.stdout, folder)
}

fn ours(go: &Go, arguments: &[&str], file: &Path, folder: &Path) -> Samples {
    let output = program::trace().args(arguments).arg(file).output().unwrap();
    expect_success(&output);
    raw::samples(go, &output.stdout, folder)
}

/// Compares all, and says which there is something in.
fn expect_the_same(go: &Go, file: &Path, folder: &Path) -> BTreeSet<&'static str> {
    let mut filled = BTreeSet::new();
    for of in TYPES {
        let theirs = of_go(go, of, file, folder);
        let ours = ours(go, &[&format!("-pprof={of}")], file, folder);
        let differs = theirs.iter().find(|(stack, values)| ours.get(*stack) != Some(values));
        if let Some((stack, values)) = differs {
            let ours = ours.get(stack);
            panic!("-pprof={of} {}: {ours:?}, not {values:?}: {stack:#?}", file.display());
        }
        assert_eq!(ours.len(), theirs.len(), "-pprof={of} {}", file.display());
        if !ours.is_empty() {
            filled.insert(of);
        }
    }
    filled
}

#[test]
fn of_go_programs() {
    let Some(go) = Go::find("profiles of Go's traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    let files = programs::of_go(&go, folder.path());
    let filled = files.iter().flat_map(|file| expect_the_same(&go, file, folder.path()));
    assert_eq!(filled.collect::<BTreeSet<_>>(), BTreeSet::from(TYPES));
}

#[test]
fn of_gort_programs() {
    let Some(go) = Go::find("profiles of gort's traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    let files = programs::of_gort("profiles::of_gort_programs", folder.path());
    for file in files.into_iter().flatten() {
        let filled = expect_the_same(&go, &file, folder.path());
        assert_eq!(filled, BTreeSet::from(["sched", "sync", "syscall"]), "{}", file.display());
    }
}
