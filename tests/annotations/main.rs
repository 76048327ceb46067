//! Annotations, read back by Go's own reader: tasks, regions, logs and labels, in whatever order and
//! on whichever goroutine, thread and trace they begin and end.

#[path = "../support/process.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod labels;
mod log_bridge;
mod logs;
mod plain_threads;
mod regions;
#[cfg(feature = "tracing")]
mod spans;
mod tasks;

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use gort::trace;
use support::Go;
use support::parsed::{self, Event};

/// Only one trace can be taken at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Takes traces, one after the other.
struct Taker {
    folder: tempfile::TempDir,
    taken: Vec<PathBuf>,
}

impl Taker {
    fn start(&mut self) {
        let file = self.folder.path().join(format!("{}.trace", self.taken.len()));
        // One that has failed may be about to end.
        while let Err(error) = trace::start(File::create(&file).unwrap()) {
            assert!(matches!(error, trace::StartError::AlreadyEnabled), "{error}");
            gort::sleep(Duration::from_millis(1));
        }
        self.taken.push(file);
    }

    fn stop(&mut self) {
        trace::stop().unwrap();
    }
}

/// Runs `f`, which takes traces, checks these with Go's reader, and returns them as text.
fn traces(go: &Go, f: impl FnOnce(&mut Taker) + Send) -> Vec<String> {
    let _alone = alone();
    let mut taker = Taker { folder: tempfile::tempdir().unwrap(), taken: Vec::new() };
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { gort::run(|| f(&mut taker)) };
    go.check(&taker.taken).unwrap();
    taker.taken.iter().map(|file| go.parsed(file).unwrap()).collect()
}

/// Takes a trace of `f`, checks it with Go's reader, and returns it as text.
fn traced(go: &Go, f: impl FnOnce() + Send) -> String {
    let mut taken = traces(go, |taker| {
        taker.start();
        f();
        taker.stop();
    });
    taken.remove(0)
}

/// As [`traced`], with generations of 2 ms, so that what lasts longer lasts over some.
fn traced_in_many_generations(go: &Go, test: &str, f: impl FnOnce() + Send) -> Option<String> {
    let settings = [("GORTDEBUG", "traceadvanceperiod=2000000")];
    if let Some(output) = process::process(test, &settings) {
        process::assert_success(&output);
        return None;
    }
    let text = traced(go, f);
    let syncs = count(&text, &["Sync"]);
    assert!(syncs > 2, "{syncs} generations");
    Some(text)
}

fn count(text: &str, words: &[&str]) -> usize {
    text.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
}

/// The annotations of a trace, in their order, as in `RegionBegin "name"`.
fn annotations(text: &str) -> Vec<String> {
    let word = |event: &Event| match event.kind.as_str() {
        "RegionBegin" | "RegionEnd" | "TaskBegin" | "TaskEnd" => {
            Some(format!("{} {}", event.kind, event.field("Type")))
        }
        "Log" => Some(format!("Log {}: {}", event.field("Category"), event.field("Message"))),
        _ => None,
    };
    parsed::events(text).iter().filter_map(word).collect()
}

/// The events of this kind and with this name.
fn named<'a>(events: &'a [Event], kind: &str, name: &str) -> Vec<&'a Event> {
    let is_it = |event: &&Event| {
        let own = event.fields.get("Type").or_else(|| event.fields.get("Message"));
        event.kind == kind && own.is_some_and(|own| own == name)
    };
    events.iter().filter(is_it).collect()
}

/// The one event of this kind and with this name.
fn only<'a>(events: &'a [Event], kind: &str, name: &str) -> &'a Event {
    match named(events, kind, name)[..] {
        [event] => event,
        ref others => panic!("{kind} {name}: {others:?}"),
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
