//! Plain threads annotate in the name of a goroutine that stands for each.

use std::time::Duration;

use gort::trace;
use gort::{Context, go};

use crate::support::Go;
use crate::support::parsed;
use crate::{count, only, traced, watchdog};

#[test]
fn a_plain_thread_annotates_while_no_processor_is_free() {
    let Some(tools) = Go::find("annotations of plain threads") else { return };
    let _alive = watchdog();
    let text = traced(&tools, || {
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
fn a_plain_thread_works_for_a_task() {
    let Some(tools) = Go::find("tasks of plain threads") else { return };
    let text = traced(&tools, || {
        let task = trace::task("both");
        let (outside, inside) = gort::chan::<u64>(0);
        let receiver = go(move || inside.recv().unwrap());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // A new thread works for nobody.
                trace::event("", "for nobody");
                let _working = task.enter();
                trace::event("", "on a thread");
                let _region = trace::region("on a thread");
                // What it starts inherits the task.
                go(|| trace::event("", "started by a thread")).join().unwrap();
                outside.send(1).unwrap();
            });
        });
        receiver.join().unwrap();
    });
    let events = parsed::events(&text);
    let task = only(&events, "TaskBegin", "both").field("ID");
    assert_ne!(only(&events, "Log", "for nobody").field("Task"), task);
    for (kind, name) in [
        ("Log", "on a thread"),
        ("RegionBegin", "on a thread"),
        ("RegionEnd", "on a thread"),
        ("Log", "started by a thread"),
    ] {
        assert_eq!(only(&events, kind, name).field("Task"), task, "{kind} {name}");
    }
    let thread = only(&events, "Log", "on a thread").goroutine;
    assert_ne!(only(&events, "Log", "started by a thread").goroutine, thread);
}

#[test]
fn regions_of_plain_threads_that_end() {
    let Some(tools) = Go::find("regions of threads that end") else { return };
    thread_local! {
        static KEPT: std::cell::RefCell<Vec<trace::Region>> =
            const { std::cell::RefCell::new(Vec::new()) };
    }
    let text = traced(&tools, || {
        for n in 0..4 {
            let thread = std::thread::spawn(move || {
                let ctx = Context::background();
                let keep = |region| KEPT.with(|kept| kept.borrow_mut().push(region));
                // Before or after the stand-in is made, so that it ends after or before it.
                if n % 2 == 0 {
                    keep(trace::start_region(&ctx, "kept by a thread"));
                } else {
                    KEPT.with(|_| ());
                    keep(trace::start_region(&ctx, "kept by a thread"));
                }
                std::thread::sleep(Duration::from_millis(1));
            });
            thread.join().unwrap();
        }
    });
    assert_eq!(count(&text, &["RegionBegin", "kept by a thread"]), 4, "{text}");
    assert!(count(&text, &["RegionEnd", "kept by a thread"]) >= 2, "{text}");
}
