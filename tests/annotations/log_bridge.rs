//! Records of the crate `log`: in the trace, and passed on.

use std::sync::{Arc, Mutex};

use gort::trace::{self, LogBridge};
use log::{LevelFilter, Log, Metadata, Record};

use crate::support::Go;
use crate::support::parsed::{self, Event};
use crate::{annotations, process, traced, traces};

/// Keeps what it is asked to log above `trace`, in a lock that only it uses.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl Log for Kept {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() < log::Level::Trace
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {
        self.0.lock().unwrap().push("flushed".to_owned());
    }
}

/// The messages with this category, each with its task.
fn messages(events: &[Event], category: &str) -> Vec<(String, String)> {
    let is_it = |e: &&Event| e.kind == "Log" && e.field("Category") == category;
    let logs = events.iter().filter(is_it);
    logs.map(|e| (e.field("Message").to_owned(), e.field("Task").to_owned())).collect()
}

#[test]
fn records_are_in_the_trace_and_passed_on() {
    let Some(go) = Go::find("records of log") else { return };
    let test = "log_bridge::records_are_in_the_trace_and_passed_on";
    if let Some(output) = process::process(test, &[]) {
        return process::assert_success(&output);
    }
    let kept = Kept::default();
    let bridge = LogBridge::new().level(LevelFilter::Debug).pass_on(kept.clone());
    log::set_boxed_logger(Box::new(bridge)).unwrap();
    log::set_max_level(LevelFilter::Trace);
    log::info!(target: "kitchen", "before the trace");
    assert!(!log::log_enabled!(target: "kitchen", log::Level::Trace));
    let text = traced(&go, || {
        assert!(log::log_enabled!(target: "kitchen", log::Level::Debug));
        log::warn!(target: "kitchen", "out of {}", "milk");
        let task = trace::task("order");
        let working = task.enter();
        log::debug!(target: "kitchen", guest = 7, dish:? = "soup"; "served");
        log::trace!(target: "kitchen", "too fine for the trace");
        drop(working);
        std::thread::spawn(|| log::error!(target: "kitchen", "fire")).join().unwrap();
    });
    log::logger().flush();
    let events = parsed::events(&text);
    let task = crate::only(&events, "TaskBegin", "order").field("ID");
    let all = messages(&events, "kitchen");
    let words: Vec<&str> = all.iter().map(|(message, _)| message.as_str()).collect();
    assert_eq!(words, ["WARN out of milk", "DEBUG served guest=7 dish=\"soup\"", "ERROR fire"]);
    assert_eq!(all.iter().map(|(_, of)| of == task).collect::<Vec<_>>(), [false, true, false]);
    let kept = kept.0.lock().unwrap();
    assert_eq!(*kept, ["before the trace", "out of milk", "served", "fire", "flushed"]);
}

/// A disk that is full.
struct Full;

impl std::io::Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        log::info!(target: "disk", "full");
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What gort itself logs comes to the bridge as well, and what a trace's writer logs.
#[test]
fn gorts_own_records_are_in_the_trace() {
    let Some(go) = Go::find("records of gort") else { return };
    let test = "log_bridge::gorts_own_records_are_in_the_trace";
    if let Some(output) = process::process(test, &[("GOMAXPROCS", "2")]) {
        return process::assert_success(&output);
    }
    let kept = Kept::default();
    log::set_boxed_logger(Box::new(LogBridge::new().pass_on(kept.clone()))).unwrap();
    log::set_max_level(LevelFilter::Debug);
    let texts = traces(&go, |taker| {
        trace::start(Full).unwrap();
        while trace::is_enabled() {
            gort::sleep(std::time::Duration::from_millis(1));
        }
        // The trace that failed is told of when the next one starts.
        taker.start();
        let outer = trace::region("outer");
        let inner = trace::region("inner");
        outer.end();
        inner.end();
        taker.stop();
    });
    let own: Vec<_> = texts.iter().flat_map(|text| annotations(text)).collect();
    let is_there = |words: &str| own.iter().any(|line| line.contains(words));
    assert!(is_there("ERROR gort: the trace before ended early: Write("), "{own:?}");
    let region =
        "gort::trace: DEBUG gort: region \"outer\" ended before what began inside it: [\"inner\"]";
    assert!(is_there(region), "{own:?}");
    assert_eq!(kept.0.lock().unwrap()[0], "full");
}

/// A value that logs while it is formatted, and a logger that logs.
#[test]
fn records_in_records() {
    struct Talks;
    impl std::fmt::Display for Talks {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            log::info!(target: "inner", "asked");
            f.write_str("an answer")
        }
    }
    struct Echo;
    impl Log for Echo {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &Record<'_>) {
            if record.target() == "outer" {
                log::info!(target: "echo", "{}", record.level());
            }
        }
        fn flush(&self) {}
    }
    let Some(go) = Go::find("records in records") else { return };
    if let Some(output) = process::process("log_bridge::records_in_records", &[]) {
        return process::assert_success(&output);
    }
    log::set_boxed_logger(Box::new(LogBridge::new().pass_on(Echo))).unwrap();
    log::set_max_level(LevelFilter::Info);
    let text = traced(&go, || log::warn!(target: "outer", "{}", Talks));
    let logs: Vec<String> =
        annotations(&text).into_iter().filter(|line| line.starts_with("Log ")).collect();
    let expected = ["Log inner: INFO asked", "Log outer: WARN an answer", "Log echo: INFO WARN"];
    assert_eq!(logs, expected);
}
