//! `gort trace -pprof=TYPE` writes the profile that `go tool trace -pprof=TYPE` writes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::{self, expect_failure, expect_success};
use crate::programs;
use crate::raw::{self, Samples};
use crate::support::{Go, Viewer};

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

/// C's threads come and go, and Go's numbers of goroutines with them.
#[test]
fn of_programs_with_c() {
    let Some(go) = Go::find("profiles of a program with C") else { return };
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/threads.go");
    let (program, file) = (folder.path().join("program"), folder.path().join("c.trace"));
    let mut build = go.command();
    build.env("CGO_ENABLED", "1").env("CC", "cc").args(["build", "-o"]).arg(&program).arg(source);
    let built = build.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let traced = fs::File::create(&file).unwrap();
    assert!(Command::new(program).stdout(traced).status().unwrap().success());
    let events = program::run(&[&"events", &"--kind=GoCreateSyscall", &file]);
    let events = program::text(&events.stdout);
    let numbers = events.lines().map(|line| line.split("goroutine ").nth(1).unwrap());
    let (count, numbers) = (events.lines().count(), numbers.collect::<BTreeSet<_>>());
    assert!(numbers.len() < count, "no number is used twice: {events}");
    let filled = expect_the_same(&go, &file, folder.path());
    assert_eq!(filled, BTreeSet::from(["sched", "sync", "syscall"]));
}

fn page(viewer: &Viewer, path: &str, go: &Go, folder: &Path) -> Samples {
    let page = viewer.get(path).unwrap();
    assert_eq!(page.status, 200, "{path}: {}", page.text());
    raw::samples(go, &page.body, folder)
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Of goroutines that began in a function, and of regions, as the pages of Go's tool have them.
#[test]
fn of_functions_and_regions() {
    let Some(go) = Go::find("profiles of parts of traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    let files = programs::of_go(&go, folder.path());
    let file = files.iter().find(|file| file.ends_with("mixture.trace")).unwrap();
    let viewer = go.viewer(file).unwrap();
    let pages = [("net", "io"), ("sync", "block"), ("syscall", "syscall"), ("sched", "sched")];
    let mut filled = [0; 2];
    for (of, path) in pages {
        for function in ["sync.(*WaitGroup).Go.func1", "main.channels.func1"] {
            let query = format!("/{path}?name={}&raw=1", escaped(function));
            let theirs = page(&viewer, &query, &go, folder.path());
            let arguments = [&format!("-pprof={of}"), "--function", function];
            assert_eq!(ours(&go, &arguments, file, folder.path()), theirs, "{of} {function}");
            filled[0] += usize::from(!theirs.is_empty());
        }
        for region in ["outer région", "inner"] {
            let query = format!("/region{path}?type={}&raw=1", escaped(region));
            let theirs = page(&viewer, &query, &go, folder.path());
            let arguments = [&format!("-pprof={of}"), "--region", region];
            assert_eq!(ours(&go, &arguments, file, folder.path()), theirs, "{of} {region}");
            filled[1] += usize::from(!theirs.is_empty());
        }
    }
    assert!(filled.iter().all(|count| *count > 0), "{filled:?}");
}

/// What is before a moment and what is after it are the whole.
#[test]
fn of_times() {
    let Some(go) = Go::find("profiles of times") else { return };
    let folder = tempfile::tempdir().unwrap();
    let files = programs::of_gort("profiles::of_times", folder.path());
    for file in files.into_iter().flatten() {
        let total = |arguments: &[&str]| {
            let samples = ours(&go, arguments, &file, folder.path());
            samples.values().map(|(_, delay_ns)| delay_ns).sum::<i64>()
        };
        let [whole, before, after] = [
            &["-pprof", "sched"][..],
            &["-pprof=sched", "--to=4ms"],
            &["-pprof=sched", "--from=4ms"],
        ]
        .map(total);
        assert_eq!(before + after, whole);
        assert!(before > 0 && after > 0, "{before} {after}");
    }
}

/// A profile of what comes before the damage.
#[test]
fn of_damaged_traces() {
    let Some(go) = Go::find("profiles of damaged traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(files) = programs::of_gort("profiles::of_damaged_traces", folder.path()) else {
        return;
    };
    let trace = fs::read(&files[0]).unwrap();
    let cut = folder.path().join("cut");
    fs::write(&cut, &trace[..trace.len() - trace.len() / 4]).unwrap();
    let output = program::run(&[&"-pprof=sched", &cut]);
    assert!(expect_failure(&output, 1).contains("cut: "));
    let part = raw::samples(&go, &output.stdout, folder.path());
    let whole = ours(&go, &["-pprof=sched"], &files[0], folder.path());
    let count = |samples: &Samples| samples.values().map(|(count, _)| count).sum::<i64>();
    assert!((1..count(&whole)).contains(&count(&part)));
}
