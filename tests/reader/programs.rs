//! Traces of real programs, Go's and ours.

#![allow(dead_code, reason = "each test uses its part")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use gort::trace::{self, Config, Version};
use gort::{Context, chan, go};

use crate::process;
use crate::support::pieces::Sink;
use crate::support::{Go, Verdict};

/// A generation, in nanoseconds: short ones, so that there are many.
const GENERATION_NS: &str = "20000000";

/// Traces of our own program, in all versions that it writes; `None` in the process that writes them.
pub(crate) fn of_gort(test: &str, folder: &Path) -> Option<Vec<PathBuf>> {
    let place = folder.to_str().unwrap();
    let settings = [("GORTDEBUG", "traceadvanceperiod=2000000"), ("GORT_TEST_FOLDER", place)];
    let versions = [Version::Go123, Version::Go125, Version::Go126];
    let name = |folder: &Path, version: Version| folder.join(format!("gort-{version:?}.trace"));
    let Some(output) = process::process(test, &settings) else {
        let folder = PathBuf::from(std::env::var_os("GORT_TEST_FOLDER").unwrap());
        for version in versions {
            fs::write(name(&folder, version), taken(version)).unwrap();
        }
        return None;
    };
    process::assert_success(&output);
    Some(versions.map(|version| name(folder, version)).into())
}

fn taken(version: Version) -> Vec<u8> {
    let sink = Sink::default();
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe {
        gort::run(|| {
            Config::new().version(version).start(sink.clone()).unwrap();
            let ctx = Context::background();
            let (ctx, task) = trace::new_task(&ctx, "a task of many generations");
            while sink.flushes() < 5 {
                work(&ctx);
            }
            drop(task);
            trace::stop().unwrap();
        });
    }
    sink.bytes()
}

/// Something of all that there is.
fn work(ctx: &Context) {
    let (tx, rx) = chan(0);
    let sender = go(move || (0..20).for_each(|n| tx.send(n).unwrap()));
    trace::with_region(ctx, "receiving", || assert_eq!(rx.iter().sum::<i32>(), 190));
    sender.join().unwrap();
    gort::blocking(|| std::thread::sleep(std::time::Duration::from_micros(50)));
    trace::log(ctx, "work", "done");
}

/// Traces of Go programs that are sound: of one of ours, and of those that Go's own tests trace.
pub(crate) fn of_go(go: &Go, folder: &Path) -> Vec<PathBuf> {
    let theirs = go.root().join("src/internal/trace/testdata/testprog");
    let (experiment, verdict) = of_experiments(go, folder).pop().expect("one at least");
    assert!(verdict.is_accepted, "Go's reader takes none of {TRIES} traces: {verdict:?}");
    let mut traces = vec![mixture(go, folder, "mixture", &debug()), experiment];
    for name in ["annotations-stress", "gc-stress", "iter-pull", "stress", "gomaxprocs"] {
        let source = theirs.join(format!("{name}.go"));
        traces.push(run(go, folder, &source, name, &debug()));
    }
    traces
}

/// The most traces that are taken for one that is sound.
const TRIES: usize = 30;

/// Traces with the events of Go's experiment, and what Go's reader makes of each: several until it
/// accepts one, the last.
///
/// On a busy machine it takes one in ten not. With an event of the experiment Go's runtime writes that
/// the processor and goroutine run, if their states are not in the generation yet. But some happen
/// before that is so: a thread that comes to a processor first sweeps its cache, and only then writes
/// `ProcStart`. (`acquirep` in Go 1.27.3, and `HeapObjectFree` in its `traceallocfree.go`.)
pub(crate) fn of_experiments(go: &Go, folder: &Path) -> Vec<(PathBuf, Verdict)> {
    let debug = format!("{},traceallocfree=1", debug());
    let mut traces = Vec::new();
    while traces.len() < TRIES {
        let file = mixture(go, folder, &format!("mixture-experiment-{}", traces.len()), &debug);
        let verdict = go.verdicts(std::slice::from_ref(&file)).remove(0);
        let is_accepted = verdict.is_accepted;
        traces.push((file, verdict));
        if is_accepted {
            break;
        }
    }
    traces
}

/// A trace of a Go program with long generations.
pub(crate) fn of_long_generations(go: &Go, folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/reader/load.go");
    let program = build(go, folder, &source);
    let trace = folder.join("load.trace");
    trace_of(Command::new(program).arg("4000"), &trace);
    trace
}

fn debug() -> String {
    format!("traceadvanceperiod={GENERATION_NS}")
}

fn mixture(go: &Go, folder: &Path, name: &str, debug: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reader/mixture.go");
    run(go, folder, &source, name, debug)
}

fn run(go: &Go, folder: &Path, source: &Path, name: &str, debug: &str) -> PathBuf {
    let program = build(go, folder, source);
    let trace = folder.join(format!("{name}.trace"));
    trace_of(Command::new(program).env("GODEBUG", debug), &trace);
    trace
}

/// The program of a Go source.
fn build(go: &Go, folder: &Path, source: &Path) -> PathBuf {
    let program = folder.join(source.file_stem().unwrap());
    if !program.exists() {
        let built = go.command().args(["build", "-o"]).arg(&program).arg(source).output().unwrap();
        let error = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{}: {error}", source.display());
    }
    program
}

/// Runs a program that writes a trace.
fn trace_of(command: &mut Command, trace: &Path) {
    let output = command.stdout(File::create(trace).unwrap()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", trace.display());
}
