//! Annotations that Rust makes easy to get wrong, read back by Go's own reader.

mod support;

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use gort::trace::{self, Region, start_region};
use gort::{Context, GoBuilder};

/// Only one trace can be taken at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Takes a trace of `f`, checks it with Go's reader, and returns it as text.
fn traced(go: &support::Go, f: impl FnOnce() + Send) -> String {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("annotations.trace");
    let out = File::create(&file).unwrap();
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe {
        gort::run(|| {
            trace::start(out).unwrap();
            f();
            trace::stop().unwrap();
        })
    };
    go.check(std::slice::from_ref(&file)).unwrap();
    go.parsed(&file).unwrap()
}

fn count(text: &str, words: &[&str]) -> usize {
    text.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
}

#[test]
fn an_assignment_ends_the_region_before_after_the_next_begins() {
    let Some(go) = support::Go::find("regions that are assigned") else { return };
    let text = traced(&go, || {
        let ctx = Context::background();
        let mut region = start_region(&ctx, "step 1");
        gort::gosched();
        region.end();
        region = start_region(&ctx, "step 2");
        std::hint::black_box(&region);
        let next = start_region(&ctx, "step 3");
        // The old value goes here, after the new one began.
        region = next;
        gort::gosched();
        drop(region);
    });
    for step in ["step 1", "step 2", "step 3"] {
        assert_eq!(count(&text, &["RegionBegin", step]), 1, "{text}");
        assert_eq!(count(&text, &["RegionEnd", step]), 1, "{text}");
    }
}

#[test]
fn regions_in_collections_and_structs_end_in_any_order() {
    struct Both {
        _outer: Region,
        _inner: Region,
    }
    let Some(go) = support::Go::find("regions in collections") else { return };
    let text = traced(&go, || {
        let ctx = Context::background();
        let list: Vec<Region> = ["a1", "a2", "a3"].map(|n| start_region(&ctx, n)).into();
        drop(list);
        let outer = start_region(&ctx, "b1");
        drop(Both { _outer: outer, _inner: start_region(&ctx, "b2") });
        let outer = start_region(&ctx, "c1");
        std::mem::forget(start_region(&ctx, "c2"));
        drop(outer);
    });
    for name in ["a1", "a2", "a3", "b1", "b2", "c1", "c2"] {
        let name = format!("\"{name}\"");
        assert_eq!(count(&text, &["RegionBegin", &name]), 1, "{name} in {text}");
        assert_eq!(count(&text, &["RegionEnd", &name]), 1, "{name} in {text}");
    }
}

/// Ends the process if the test hangs: what it tests is that it does not.
fn watchdog() -> Arc<()> {
    let alive = Arc::new(());
    let watched = Arc::downgrade(&alive);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(120));
        if watched.upgrade().is_some() {
            eprintln!("an annotation waits for the scheduler");
            std::process::abort();
        }
    });
    alive
}

#[test]
fn a_plain_thread_annotates_while_no_processor_is_free() {
    let Some(go) = support::Go::find("annotations of plain threads") else { return };
    let _alive = watchdog();
    let text = traced(&go, || {
        let procs = gort::gomaxprocs(1);
        // This goroutine keeps the one processor until the threads have ended.
        let annotate = || {
            let (ctx, task) = trace::new_task(&Context::background(), "outside task");
            trace::with_region(&ctx, "outside region", || trace::log(&ctx, "", "outside log"));
            task.end();
        };
        for n in 0..3 {
            let builder = std::thread::Builder::new().name(format!("annotator {n}"));
            builder.spawn(annotate).unwrap().join().unwrap();
        }
        gort::gomaxprocs(procs);
    });
    assert_eq!(count(&text, &["Log", "outside log"]), 3, "{text}");
    assert_eq!(count(&text, &["RegionEnd", "outside region"]), 3, "{text}");
    assert_eq!(count(&text, &["TaskEnd", "outside task"]), 3, "{text}");
    assert_eq!(count(&text, &["Label", "annotator"]), 3, "{text}");
    assert!(text.contains("(plain thread)"), "{text}");
}

#[test]
fn a_named_goroutine_that_runs_at_a_cut_has_its_label() {
    let Some(go) = support::Go::find("labels") else { return };
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("label.trace");
    let out = File::create(&file).unwrap();
    let work = move || {
        trace::start(out).unwrap();
        trace::log(&Context::background(), "", "here");
        trace::stop().unwrap();
    };
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { gort::run(|| GoBuilder::new().name("the starter").go(work).unwrap().join().unwrap()) };
    go.check(std::slice::from_ref(&file)).unwrap();
    let text = go.parsed(&file).unwrap();
    assert!(count(&text, &["Label", "the starter"]) >= 1, "{text}");
}
