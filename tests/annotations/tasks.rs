//! Tasks: of any number of goroutines and threads, in any generation and trace.

use std::collections::BTreeSet;
use std::time::Duration;

use gort::sync::WaitGroup;
use gort::{Context, context, go, trace};

use crate::support::Go;
use crate::support::parsed::{self, Event};
use crate::{named, only, traced, traced_in_many_generations, traces};

/// What may be handed to others.
const fn of_all<T: Send + Sync>() {}
const _: () = of_all::<trace::Task>();
const _: () = of_all::<gort::labels::Labels>();
const _: () = of_all::<trace::LogBridge>();

/// The task that each log with this message belongs to.
fn task_of(events: &[Event], message: &str) -> String {
    only(events, "Log", message).field("Task").to_owned()
}

#[test]
fn a_task_begins_here_and_ends_there() {
    let Some(tools) = Go::find("tasks that change hands") else { return };
    let text = traced(&tools, || {
        let (ctx, task) = trace::new_task(&Context::background(), "handed on");
        let on_thread = ctx.clone();
        let task = std::thread::spawn(move || {
            trace::log(&on_thread, "", "on a thread");
            task
        });
        let task = task.join().unwrap();
        go(move || {
            trace::with_region(&ctx, "elsewhere", || gort::sleep(Duration::from_micros(100)));
            task.end();
        })
        .join()
        .unwrap();
    });
    let events = parsed::events(&text);
    let (begin, end) =
        (only(&events, "TaskBegin", "handed on"), only(&events, "TaskEnd", "handed on"));
    assert_eq!(begin.field("ID"), end.field("ID"));
    let region = only(&events, "RegionBegin", "elsewhere");
    let goroutines: BTreeSet<i64> =
        [begin, only(&events, "Log", "on a thread"), region].map(|event| event.goroutine).into();
    assert_eq!(goroutines.len(), 3);
    assert_eq!(end.goroutine, region.goroutine);
    assert_eq!(region.field("Task"), begin.field("ID"));
    assert!(end.time - begin.time > 100_000);
}

#[test]
fn goroutines_work_for_the_task_of_their_creator() {
    let Some(tools) = Go::find("tasks of goroutines") else { return };
    let text = traced(&tools, || {
        trace::event("", "before");
        let outer = trace::task("outer");
        {
            let _working = outer.enter();
            trace::event("", "in outer");
            go(|| {
                trace::event("", "in a child");
                go(|| trace::event("", "in a grandchild")).join().unwrap();
            })
            .join()
            .unwrap();
            let inner = trace::task("inner");
            trace::event("", "still in outer");
            let inside = inner.enter();
            trace::event("", "in inner");
            drop(trace::region("region of inner"));
            drop(inside);
            trace::event("", "in outer again");
            trace::with_task(&Context::background(), || trace::event("", "in none"));
            let (ctx, _explicit) =
                trace::new_task(&trace::current_task(&Context::background()), "explicit");
            trace::with_task(&ctx, || trace::eventf!("", "in {}", "explicit"));
        }
        trace::event("", "after");
        go(|| trace::event("", "in a late child")).join().unwrap();
    });
    let events = parsed::events(&text);
    let task = |name: &str| only(&events, "TaskBegin", name).field("ID").to_owned();
    let (outer, inner, explicit) = (task("outer"), task("inner"), task("explicit"));
    for message in ["in outer", "in a child", "in a grandchild", "still in outer", "in outer again"]
    {
        assert_eq!(task_of(&events, message), outer, "{message}");
    }
    assert_eq!(task_of(&events, "in inner"), inner);
    assert_eq!(task_of(&events, "in explicit"), explicit);
    assert_eq!(only(&events, "RegionBegin", "region of inner").field("Task"), inner);
    let none = task_of(&events, "before");
    for message in ["in none", "after", "in a late child"] {
        assert_eq!(task_of(&events, message), none, "{message}");
    }
    for name in ["inner", "explicit"] {
        assert_eq!(only(&events, "TaskBegin", name).field("Parent"), outer);
    }
}

#[test]
fn a_task_outlives_generations() {
    let Some(tools) = Go::find("tasks over generations") else { return };
    let test = "tasks::a_task_outlives_generations";
    let work = || {
        let task = trace::task("long");
        let workers = WaitGroup::new();
        let working = task.enter();
        for n in 0..4 {
            workers.go(move || {
                for turn in 0..10 {
                    let _region = trace::region("part");
                    gort::sleep(Duration::from_millis(20));
                    trace::eventf!("turn", "{n}.{turn}");
                }
            });
        }
        drop(working);
        workers.wait();
        go(move || task.end()).join().unwrap();
    };
    let Some(text) = traced_in_many_generations(&tools, test, work) else { return };
    let events = parsed::events(&text);
    let task = only(&events, "TaskBegin", "long").field("ID");
    assert_eq!(only(&events, "TaskEnd", "long").field("ID"), task);
    let parts = named(&events, "RegionBegin", "part");
    assert_eq!(parts.len(), 40);
    assert!(parts.iter().all(|part| part.field("Task") == task));
    let goroutines: BTreeSet<i64> = parts.iter().map(|part| part.goroutine).collect();
    assert_eq!(goroutines.len(), 4);
}

#[test]
fn tasks_end_in_other_traces_than_they_begin_in() {
    let Some(tools) = Go::find("tasks over several traces") else { return };
    let texts = traces(&tools, |taker| {
        let before = trace::task("before");
        taker.start();
        let first = trace::task("first");
        let working = first.enter();
        let (end, ended) = gort::chan::<()>(0);
        let later = go(move || {
            let _ = ended.recv();
            trace::event("", "works for first");
        });
        taker.stop();
        taker.start();
        before.end();
        drop(end);
        later.join().unwrap();
        drop(working);
        let below = {
            let _working = first.enter();
            trace::task("below first")
        };
        first.end();
        below.end();
        taker.stop();
    });
    let (first, second) = (parsed::events(&texts[0]), parsed::events(&texts[1]));
    assert_eq!(named(&first, "TaskEnd", "first").len(), 0);
    let task = only(&first, "TaskBegin", "first").field("ID");
    assert_eq!(only(&second, "Log", "works for first").field("Task"), task);
    assert_eq!(only(&second, "TaskBegin", "below first").field("Parent"), task);
    let ends: Vec<&str> =
        second.iter().filter(|e| e.kind == "TaskEnd").map(|e| e.field("Type")).collect();
    assert_eq!(ends, ["", "", "below first"]);
}

/// The page of tasks of `go tool trace` has each one complete, with its goroutines and messages.
#[test]
fn the_viewer_shows_tasks_of_goroutines_and_threads() {
    let Some(tools) = Go::find("the page of tasks") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tasks.trace");
    {
        let _alone = crate::alone();
        let out = std::fs::File::create(&file).unwrap();
        // SAFETY: nothing here keeps a thread's own data over a blocking call.
        unsafe {
            gort::run(|| {
                trace::start(out).unwrap();
                let task = trace::task("shown");
                let working = task.enter();
                let child = go(|| {
                    trace::with_task(&trace::current_task(&context::background()), || {
                        let _region = trace::region("of a goroutine");
                        trace::event("said", "by a goroutine");
                    })
                });
                child.join().unwrap();
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        let _working = task.enter();
                        let _region = trace::region("of a thread");
                        trace::event("said", "by a thread");
                    });
                });
                drop(working);
                task.end();
                trace::stop().unwrap();
            })
        };
    }
    let viewer = tools.viewer(&file).unwrap();
    assert!(viewer.get("/usertasks").unwrap().text().contains("shown"));
    let page = viewer.get("/usertask?type=shown").unwrap().text();
    assert!(page.contains("(complete)"), "{page}");
    for words in ["said", "by a goroutine", "by a thread", "of a goroutine", "of a thread"] {
        assert!(page.contains(words), "no {words:?} in {page}");
    }
}
