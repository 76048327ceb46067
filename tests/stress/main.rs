//! The truth of traces under load: random programs run while traces are started and stopped at
//! random, and Go's own reader and strict validator must accept every one of them, with exactly
//! the events that were emitted.
//!
//! `GORT_STRESS_TRACES` sets how many traces are taken (200 unless set), `GORT_STRESS_SEED` the
//! seed, which is printed.

#[path = "../support/mod.rs"]
mod support;

mod blocking;
mod load;
mod vocabulary;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use load::{Load, Random};
use support::pieces::Sink;

/// How many traces one invocation of Go's checker reads.
const BATCH: usize = 25;

/// A trace on disk and what was emitted into it.
struct Taken {
    file: PathBuf,
    counts: BTreeMap<&'static str, u64>,
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |v| v.parse().unwrap_or_else(|_| panic!("{name}={v}")))
}

#[test]
fn every_trace_is_accepted_and_complete() {
    let Some(go) = support::Go::find("the stress test of traces") else { return };
    let seed = setting("GORT_STRESS_SEED", std::process::id().into());
    let traces = setting("GORT_STRESS_TRACES", 200) as usize;
    println!("GORT_STRESS_SEED={seed} GORT_STRESS_TRACES={traces}");
    // Short generations: many cuts. No thread of this process reads the environment yet.
    // SAFETY: the one test of this process, before any thread of gort's.
    unsafe { std::env::set_var("GORTDEBUG", debug_settings()) };
    std::panic::set_hook(Box::new(load::quiet_hook));

    let directory = tempfile::tempdir().unwrap();
    let mut random = Random::new(seed);
    let mut taken = Vec::new();
    // SAFETY: no goroutine of the load keeps anything of its thread's own over a blocking call.
    unsafe {
        gort::run(|| {
            let load = Load::start(random.fork());
            for n in 0..traces {
                taken.push(take(directory.path().join(format!("{n}.trace")), &mut random));
                if taken.len() == BATCH || n + 1 == traces {
                    check(&go, &taken, seed);
                    taken.drain(..).for_each(|t| std::fs::remove_file(t.file).unwrap());
                }
            }
            load.stop();
        })
    };
}

/// Keeps what the environment asks for (`migrate=1`) and adds short generations.
fn debug_settings() -> String {
    let given = std::env::var("GORTDEBUG").unwrap_or_default();
    format!("{given},traceadvanceperiod=3000000")
}

/// Takes a trace of some milliseconds of the load.
fn take(file: PathBuf, random: &mut Random) -> Taken {
    let sink = Sink::default();
    gort::gomaxprocs([1, 2, 4, 8][random.below(4) as usize]);
    gort::trace::start(sink.clone()).unwrap();
    assert_eq!(
        gort::trace::start(io::sink()).unwrap_err().to_string(),
        "tracing is already enabled"
    );
    for _ in 0..random.below(3) {
        gort::sleep(Duration::from_micros(random.below(8_000)));
        gort::gomaxprocs([1, 2, 4, 8][random.below(4) as usize]);
    }
    gort::sleep(Duration::from_micros(random.below(10_000)));
    let summary = gort::trace::stop().unwrap();
    let bytes = sink.bytes();
    assert_eq!(bytes.len() as u64, summary.bytes());
    std::fs::write(&file, bytes).unwrap();
    Taken { file, counts: summary.counts().clone() }
}

fn check(go: &support::Go, taken: &[Taken], seed: u64) {
    let files: Vec<PathBuf> = taken.iter().map(|t| t.file.clone()).collect();
    if let Err(report) = go.check(&files) {
        let kept = keep(&files);
        panic!("seed {seed}: rejected; traces kept in {kept:?}\n{report}");
    }
    for trace in taken {
        let mut read = go.wire_counts(&trace.file);
        read.retain(|name, _| is_timed(name));
        let emitted: BTreeMap<String, u64> =
            trace.counts.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        if read != emitted {
            let kept = keep(&files);
            panic!(
                "seed {seed}: events lost in {:?}, kept in {kept:?}\nread:    {read:?}\nemitted: \
                 {emitted:?}",
                trace.file
            );
        }
    }
}

/// Copies rejected traces to where they survive the test.
fn keep(files: &[PathBuf]) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("rejected");
    std::fs::create_dir_all(&directory).unwrap();
    for file in files {
        std::fs::copy(file, directory.join(file.file_name().unwrap())).unwrap();
    }
    directory
}

/// Whether an event is one that the program emits, not part of the file's structure.
fn is_timed(name: &str) -> bool {
    !matches!(
        name,
        "EventBatch"
            | "Stacks"
            | "Stack"
            | "Strings"
            | "String"
            | "CPUSamples"
            | "CPUSample"
            | "Frequency"
            | "Sync"
            | "ClockSnapshot"
            | "EndOfGeneration"
    )
}
