//! Figures of the runtime.

#[path = "support/process.rs"]
mod process;
#[path = "support/runtime.rs"]
mod runtime;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gort::metrics::{self, Kind, Snapshot, Value};
use gort::{Builder, JoinHandle, chan, go, gosched};
use runtime::eventually;

fn run_on<T: Send>(procs: usize, f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { Builder::new().procs(procs).run(f) }.unwrap()
}

fn number(of: &Snapshot, name: &str) -> u64 {
    of.get(name).unwrap_or_else(|| panic!("no {name}")).uint64().unwrap()
}

#[test]
fn descriptions_and_values_agree() {
    let all = metrics::all();
    assert!(all.is_sorted_by(|a, b| a.name < b.name), "by name, each once");
    let now = gort::metrics();
    assert_eq!(now.samples().len(), all.len());
    for (figure, sample) in all.iter().zip(now.samples()) {
        assert_eq!(figure.name, sample.name);
        let (path, unit) = figure.name.split_once(':').expect("a unit");
        assert!(path.starts_with('/') && !unit.is_empty() && figure.description.ends_with('.'));
        let kind = match sample.value {
            Value::Uint64(_) => Kind::Uint64,
            _ => Kind::Histogram,
        };
        assert_eq!(kind, figure.kind);
        assert!(metrics::read(figure.name).is_some());
    }
    assert!(now.get("/no/such:thing").is_none() && metrics::read("").is_none());
}

#[test]
fn figures_are_what_happens() {
    let Some(output) = process::process("figures_are_what_happens", &[]) else {
        // Before the start: nothing, but GOMAXPROCS is known.
        let before = gort::metrics();
        assert_eq!(number(&before, "/sched/goroutines:goroutines"), 0);
        assert_eq!(number(&before, "/sched/threads/total:threads"), 0);
        assert_eq!(number(&before, "/sched/gomaxprocs:threads"), gort::gomaxprocs(0) as u64);
        run_on(3, || {
            let (tx, rx) = chan::<u32>(0);
            let wait = |_| {
                let rx = rx.clone();
                go(move || assert!(rx.recv().is_err()))
            };
            let waiting: Vec<JoinHandle<()>> = (0..50).map(wait).collect();
            let stop = Arc::new(AtomicBool::new(false));
            let ends = Arc::clone(&stop);
            let spins = go(move || while !ends.load(Ordering::Relaxed) {});
            eventually("they wait and one runs", || {
                let now = gort::metrics();
                let are = |state| number(&now, &format!("/sched/goroutines/{state}:goroutines"));
                // Who computes for long may have lost its processor to those who were about to wait.
                are("waiting") == 50 && are("running") + are("not-in-go") == 2
            });
            let now = gort::metrics();
            assert_eq!(number(&now, "/sched/goroutines:goroutines"), 52);
            assert_eq!(number(&now, "/sched/goroutines-created:goroutines"), 52);
            assert_eq!(number(&now, "/sched/goroutines/runnable:goroutines"), 0);
            assert_eq!(number(&now, "/sched/gomaxprocs:threads"), 3);
            let workers = number(&now, "/gort/sched/workers:threads");
            assert!((1..=20).contains(&workers), "{workers}");
            assert!(number(&now, "/sched/threads/total:threads") >= workers);
            assert!(number(&now, "/gort/stacks/total:bytes") >= 52 * (192 << 10));
            let mapped = number(&now, "/gort/stacks/mapped:bytes");
            assert!(mapped >= number(&now, "/gort/stacks/total:bytes"));
            assert!(number(&now, "/gort/goroutines/slots:bytes") >= 52 * 128);
            assert!(number(&now, "/gort/sched/spins:events") > 0);
            stop.store(true, Ordering::Relaxed);
            drop(tx);
            waiting.into_iter().chain([spins]).for_each(|handle| handle.join().unwrap());
        });
        return;
    };
    process::assert_success(&output);
}

#[test]
fn work_is_stolen_and_counted() {
    let Some(output) = process::process("work_is_stolen_and_counted", &[]) else {
        run_on(2, || {
            eventually("a theft", || {
                let handles: Vec<_> = (0..1000).map(|_| go(gosched)).collect();
                // Meanwhile the creator computes.
                let begin = Instant::now();
                while begin.elapsed() < Duration::from_millis(2) {}
                handles.into_iter().for_each(|handle| handle.join().unwrap());
                number(&gort::metrics(), "/gort/sched/steals:events") > 0
            });
        });
        return;
    };
    process::assert_success(&output);
}

#[test]
fn latencies_are_a_histogram_of_samples() {
    // With a seed, nobody loses a processor for computing long.
    let seed = [("GORTDEBUG", "seed=1")];
    let Some(output) = process::process("latencies_are_a_histogram_of_samples", &seed) else {
        run_on(1, || {
            let histogram = || match metrics::read("/sched/latencies:seconds") {
                Some(Value::Histogram(histogram)) => histogram,
                other => panic!("{other:?}"),
            };
            let first = histogram();
            assert_eq!(first.buckets.len(), first.counts.len() + 1);
            assert!(first.buckets.is_sorted_by(|a, b| a < b));
            assert_eq!(first.buckets[0], 0.0);
            assert!(*first.buckets.last().unwrap() > 60.0);
            const READIES: usize = 200_000;
            let ((tx, rx), (back, forth)) = (chan::<u32>(0), chan::<u32>(0));
            let echo = go(move || rx.iter().for_each(|n| back.send(n).unwrap()));
            for _ in 0..READIES / 2 {
                tx.send(1).unwrap();
                forth.recv().unwrap();
            }
            drop(tx);
            echo.join().unwrap();
            let quick = histogram();
            let samples = quick.total() - first.total();
            assert!((READIES as u64 / 1000..READIES as u64 / 10).contains(&samples), "{samples}");
            assert!(quick.quantile(0.5).unwrap() < 0.01, "{:?}", quick.quantile(0.5));
            // Behind one that computes for 50 ms, somebody waits for so long.
            let long = |h: &metrics::Histogram| -> u64 {
                let pairs = h.counts.iter().zip(&h.buckets);
                pairs.filter(|(_, bound)| **bound >= 0.02).map(|(count, _)| count).sum()
            };
            let before = long(&quick);
            eventually("a long wait is sampled", || {
                let handles: Vec<_> = (0..200).map(|_| go(gosched)).collect();
                let begin = Instant::now();
                while begin.elapsed() < Duration::from_millis(50) {}
                handles.into_iter().for_each(|handle| handle.join().unwrap());
                (0..61).for_each(|_| gosched());
                long(&histogram()) > before
            });
        });
        return;
    };
    process::assert_success(&output);
}

#[test]
fn quantiles_of_nothing_and_of_something() {
    let mut all = gort::metrics();
    let Value::Histogram(mut histogram) = metrics::read("/sched/latencies:seconds").unwrap() else {
        unreachable!()
    };
    histogram.counts.fill(0);
    assert_eq!((histogram.total(), histogram.quantile(0.5)), (0, None));
    histogram.counts[3] = 99;
    histogram.counts[7] = 1;
    assert_eq!(histogram.quantile(0.0), Some(histogram.buckets[4]));
    assert_eq!(histogram.quantile(0.99), Some(histogram.buckets[4]));
    assert_eq!(histogram.quantile(1.0), Some(histogram.buckets[8]));
    all.clone_from(&gort::metrics());
    assert!(all.get("/sched/latencies:seconds").unwrap().uint64().is_none());
}
