//! Regions: they nest, whatever Rust does with them, and are in the trace that they began in.

use std::time::Duration;

use gort::Context;
use gort::trace::{self, Region, region, start_region, with_region};

use crate::support::Go;
use crate::support::parsed::{self, Event};
use crate::{annotations, count, named, only, traced, traced_in_many_generations, traces};

#[test]
fn an_assignment_ends_the_region_before_after_the_next_begins() {
    let Some(go) = Go::find("regions that are assigned") else { return };
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
    let Some(go) = Go::find("regions in collections") else { return };
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

#[test]
fn a_region_inside_ends_with_the_one_around_it() {
    let Some(go) = Go::find("regions that end out of order") else { return };
    let text = traced(&go, || {
        let ctx = Context::background();
        let outer = start_region(&ctx, "outer");
        let inner = start_region(&ctx, "inner");
        drop(outer);
        trace::log(&ctx, "", "between");
        drop(inner);
    });
    let order = ["RegionBegin outer", "RegionBegin inner", "RegionEnd inner", "RegionEnd outer"];
    assert_eq!(annotations(&text), [&order[..], &["Log : between"]].concat());
}

#[test]
fn a_region_lasts_from_generation_to_generation() {
    let Some(go) = Go::find("regions over generations") else { return };
    let test = "regions::a_region_lasts_from_generation_to_generation";
    let Some(text) = traced_in_many_generations(&go, test, || {
        let ctx = Context::background();
        with_region(&ctx, "around", || {
            for _ in 0..20 {
                with_region(&ctx, "short", || gort::sleep(Duration::from_millis(10)));
            }
        });
    }) else {
        return;
    };
    let events = parsed::events(&text);
    let (begin, end) =
        (only(&events, "RegionBegin", "around"), only(&events, "RegionEnd", "around"));
    assert_eq!(begin.goroutine, end.goroutine);
    for kind in ["RegionBegin", "RegionEnd"] {
        assert_eq!(named(&events, kind, "short").len(), 20);
    }
}

#[test]
fn a_region_is_in_the_trace_that_it_began_in() {
    let Some(go) = Go::find("regions over several traces") else { return };
    let texts = traces(&go, |taker| {
        let ctx = Context::background();
        let before = start_region(&ctx, "before");
        taker.start();
        let first = start_region(&ctx, "first");
        let in_first = start_region(&ctx, "in first");
        in_first.end();
        let over_the_end = start_region(&ctx, "over the end");
        taker.stop();
        let between = start_region(&ctx, "between");
        over_the_end.end();
        taker.start();
        let second = start_region(&ctx, "second");
        // Those of before end while one of this trace is open.
        between.end();
        first.end();
        before.end();
        second.end();
        let last = start_region(&ctx, "last");
        taker.stop();
        last.end();
    });
    let first = [
        "RegionBegin first",
        "RegionBegin in first",
        "RegionEnd in first",
        "RegionBegin over the end",
    ];
    assert_eq!(annotations(&texts[0]), first);
    // "first" is around "second", which so ends with it.
    assert_eq!(
        annotations(&texts[1]),
        ["RegionBegin second", "RegionEnd second", "RegionBegin last"]
    );
}

/// A flight recorder that is on makes of several traces one recording: a region that began in it is
/// there to its end, and in a part of it from the part's beginning.
#[test]
fn regions_beside_a_flight_recorder() {
    let Some(go) = Go::find("regions beside a flight recorder") else { return };
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("dump.trace");
    let texts = traces(&go, |taker| {
        let ctx = Context::background();
        let recorder = trace::FlightRecorder::new(trace::FlightRecorderConfig::default());
        recorder.start().unwrap();
        let outer = start_region(&ctx, "outer");
        let task = trace::task("task");
        taker.start();
        let inner = start_region(&ctx, "inner");
        outer.end();
        inner.end();
        task.end();
        taker.stop();
        let last = start_region(&ctx, "last");
        recorder.write_to(std::fs::File::create(&dump).unwrap()).unwrap();
        last.end();
        recorder.stop();
    });
    let inside = ["RegionBegin inner", "RegionEnd inner", "RegionEnd outer"];
    assert_eq!(annotations(&texts[0]), [&inside[..], &["TaskEnd "]].concat());
    go.check(std::slice::from_ref(&dump)).unwrap();
    let whole = annotations(&go.parsed(&dump).unwrap());
    let begun = ["RegionBegin outer", "TaskBegin task"];
    assert_eq!(whole, [&begun[..], &inside, &["TaskEnd task", "RegionBegin last"]].concat());
}

#[test]
fn a_region_lives_no_longer_than_its_goroutine() {
    let Some(go) = Go::find("regions and ends of goroutines") else { return };
    gort::local! {
        static KEPT: std::cell::RefCell<Option<Region>> = std::cell::RefCell::new(None);
    }
    let text = traced(&go, || {
        // Forgotten: it lasts as long as the goroutine.
        gort::go(|| std::mem::forget(region("forgotten"))).join().unwrap();
        // Ended by the goroutine's end.
        gort::go(|| KEPT.with(|kept| *kept.borrow_mut() = Some(region("kept")))).join().unwrap();
        let ends = gort::go(|| {
            let _region = region("left by a panic");
            gort::goexit();
        });
        assert!(ends.join().is_err());
        // The slot of one that is gone may be the next one's, whose regions are its own.
        for _ in 0..100 {
            gort::go(|| drop(region("next"))).join().unwrap();
        }
    });
    let events = parsed::events(&text);
    assert_eq!(named(&events, "RegionBegin", "forgotten").len(), 1);
    assert_eq!(named(&events, "RegionEnd", "forgotten").len(), 0);
    for name in ["kept", "left by a panic"] {
        let begin: &Event = only(&events, "RegionBegin", name);
        assert_eq!(only(&events, "RegionEnd", name).goroutine, begin.goroutine, "{name}");
    }
    assert_eq!(named(&events, "RegionEnd", "next").len(), 100);
}

#[test]
fn regions_move_with_their_goroutine() {
    let Some(go) = Go::find("regions on several threads") else { return };
    let text = traced(&go, || {
        let workers = (0..8).map(|n| {
            gort::go(move || {
                for _ in 0..50 {
                    let _outer = region(&format!("outer {n}"));
                    gort::gosched();
                    let _inner = region(&format!("inner {n}"));
                    gort::sleep(Duration::from_micros(20));
                }
            })
        });
        workers.collect::<Vec<_>>().into_iter().for_each(|worker| worker.join().unwrap());
    });
    for kind in ["RegionBegin", "RegionEnd"] {
        assert_eq!(count(&text, &[kind, "outer"]), 400);
        assert_eq!(count(&text, &[kind, "inner"]), 400);
    }
}

#[test]
fn names_that_are_too_long_are_cut() {
    let Some(go) = Go::find("long names") else { return };
    let text = traced(&go, || {
        let long = "ö".repeat(2000);
        drop(region(&long));
        drop(region(""));
        trace::task(&long).end();
        trace::event(&long, &long);
    });
    let cut = "ö".repeat(512);
    let log = format!("Log {cut}: {cut}");
    let begin = [format!("RegionBegin {cut}"), format!("RegionEnd {cut}")];
    let task = [format!("TaskBegin {cut}"), format!("TaskEnd {cut}")];
    let expected = [begin.as_slice(), &["RegionBegin ".into(), "RegionEnd ".into()], &task, &[log]];
    assert_eq!(annotations(&text), expected.concat());
}
