//! Spans and events of the crate `tracing`, by a whole stack of its subscribers.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gort::trace::{self, TracingLayer, TracingRegistry};
use gort::{block_on, chan, go, gosched};
use tracing::level_filters::LevelFilter;
use tracing::{Instrument, Span, debug, info, info_span, warn};
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::support::Go;
use crate::support::parsed::{self, Event};
use crate::support::runtime::eventually;
use crate::{Taker, annotations, count, named, only, process, traced, traces};

/// What the crate's own layer writes.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl io::Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Printed {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap();
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    }
}

/// gort's layer on gort's registry, with the crate's own layer beside it, for the whole process.
fn subscribe() -> Printed {
    let printed = Printed::default();
    let writer = printed.clone();
    let text = tracing_subscriber::fmt::layer()
        .without_time()
        .with_ansi(false)
        .with_target(false)
        .with_writer(move || writer.clone());
    let layer = TracingLayer::new().with_filter(LevelFilter::DEBUG);
    let subscriber = TracingRegistry::new().with(layer).with(text.with_filter(LevelFilter::INFO));
    tracing::subscriber::set_global_default(subscriber).unwrap();
    printed
}

/// In a process of its own, with settings for its runtime.
fn alone(what: &str, test: &str, environment: &[(&str, &str)]) -> Option<Go> {
    let go = Go::find(what)?;
    if let Some(output) = process::process(&format!("spans::{test}"), environment) {
        process::assert_success(&output);
        return None;
    }
    Some(go)
}

#[test]
fn spans_are_regions_and_roots_are_tasks() {
    let test = "spans_are_regions_and_roots_are_tasks";
    let Some(tools) = alone("spans", test, &[]) else { return };
    let printed = subscribe();
    let text = traced(&tools, || {
        let root = info_span!(target: "kitchen", "order", id = 7, guest = "Ada", table = tracing::field::Empty);
        {
            let _entered = root.enter();
            info!(target: "kitchen", milk = true, "steamed {} ml", 20);
            tracing::trace!(target: "kitchen", "filtered");
            root.record("table", 3);
            info_span!("step").in_scope(|| {
                debug!(target: "kitchen", "deep");
                trace::event("gort", "in a span");
                // Started in a span, it works for its task, and is in no span.
                go(|| {
                    trace::event("gort", "started in a span");
                    assert!(Span::current().is_none());
                })
                .join()
                .unwrap();
            });
        }
        // Outside of all spans.
        warn!(target: "kitchen", "alone");
        drop(root);
        info!(target: "kitchen", "closed");
    });
    assert_eq!(
        annotations(&text),
        [
            "TaskBegin order",
            "Log order: id=7 guest=\"Ada\"",
            "RegionBegin order",
            "Log kitchen: INFO steamed 20 ml milk=true",
            "Log order: table=3",
            "RegionBegin step",
            "Log kitchen: DEBUG deep",
            "Log gort: in a span",
            "Log gort: started in a span",
            "RegionEnd step",
            "RegionEnd order",
            "Log kitchen: WARN alone",
            "TaskEnd order",
            "Log kitchen: INFO closed",
        ]
    );
    let events = parsed::events(&text);
    let task = only(&events, "TaskBegin", "order").field("ID");
    for message in ["DEBUG deep", "in a span", "started in a span"] {
        assert_eq!(only(&events, "Log", message).field("Task"), task, "{message}");
    }
    assert_eq!(only(&events, "RegionBegin", "step").field("Task"), task);
    for message in ["WARN alone", "INFO closed"] {
        assert_ne!(only(&events, "Log", message).field("Task"), task, "{message}");
    }
    // The layer beside has seen the same.
    let lines = printed.lines();
    assert_eq!(
        lines,
        ["INFO order{id=7 guest=\"Ada\"}: steamed 20 ml milk=true", "WARN alone", "INFO closed"]
            .map(|line| format!(" {line}"))
    );
}

/// The page of tasks shows a root span complete, with what happened in it on several goroutines.
#[test]
fn the_viewer_shows_spans() {
    let test = "the_viewer_shows_spans";
    let Some(tools) = alone("spans in the viewer", test, &[("GOMAXPROCS", "2")]) else { return };
    subscribe();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spans.trace");
    let out = std::fs::File::create(&file).unwrap();
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe {
        gort::run(|| {
            trace::start(out).unwrap();
            let root = info_span!("request");
            let parts = (0..3).map(|n| {
                let part = info_span!(parent: &root, "part", n);
                go(move || part.in_scope(|| gort::sleep(Duration::from_micros(200))))
            });
            parts.collect::<Vec<_>>().into_iter().for_each(|part| part.join().unwrap());
            drop(root);
            trace::stop().unwrap();
        })
    };
    let viewer = tools.viewer(&file).unwrap();
    let page = viewer.get("/usertask?type=request").unwrap().text();
    assert!(page.contains("(complete)"), "{page}");
    assert_eq!(page.matches("region &#34;part&#34; begin").count(), 3, "{page}");
    assert!(page.contains("n=2"), "{page}");
}

#[test]
fn spans_that_are_exited_out_of_order() {
    let test = "spans_that_are_exited_out_of_order";
    let Some(tools) = alone("spans out of order", test, &[]) else { return };
    subscribe();
    let text = traced(&tools, || {
        let (outer, inner) = (info_span!("outer"), info_span!("inner"));
        let in_outer = outer.enter();
        let region = trace::region("region");
        let in_inner = inner.enter();
        drop(in_outer);
        trace::event("", "in inner");
        drop(in_inner);
        trace::event("", "in none");
        drop(region);
        // The same one twice.
        let (first, second) = (outer.enter(), outer.enter());
        drop(first);
        trace::event("", "in outer");
        drop(second);
    });
    let begun = ["RegionBegin outer", "RegionBegin region", "RegionBegin inner"];
    let turned = [
        "RegionEnd inner",
        "RegionEnd region",
        "RegionEnd outer",
        "RegionBegin region",
        "RegionBegin inner",
    ];
    let ended = ["Log : in inner", "RegionEnd inner", "Log : in none", "RegionEnd region"];
    let twice = ["RegionBegin outer", "RegionBegin outer", "RegionEnd outer"];
    let last = ["Log : in outer", "RegionEnd outer"];
    let regions: Vec<String> =
        annotations(&text).into_iter().filter(|line| !line.starts_with("Task")).collect();
    assert_eq!(regions, [&begun[..], &turned, &ended, &twice, &last].concat());
    let events = parsed::events(&text);
    let task = |kind, name| only(&events, kind, name).field("Task").to_owned();
    let id = |name| only(&events, "TaskBegin", name).field("ID").to_owned();
    assert_eq!(task("Log", "in inner"), id("inner"));
    assert_eq!(task("Log", "in outer"), id("outer"));
    assert!(![id("inner"), id("outer")].contains(&task("Log", "in none")));
}

/// A span that stays entered while its goroutine blocks is no other goroutine's, and stays entered
/// on the next thread.
#[test]
fn spans_stay_with_their_goroutine() {
    let test = "spans_stay_with_their_goroutine";
    let settings = [("GOMAXPROCS", "2"), ("GORTDEBUG", "migrate=1")];
    let Some(tools) = alone("spans over blocking calls", test, &settings) else { return };
    let printed = subscribe();
    let text = traced(&tools, || {
        let workers = (0..4).map(|n| {
            go(move || {
                for turn in 0..5 {
                    let span = info_span!("worker", n);
                    let _entered = span.enter();
                    gosched();
                    assert_eq!(Span::current().id(), span.id());
                    let part = info_span!("part", turn);
                    let _part = part.enter();
                    gort::sleep(Duration::from_micros(50));
                    info!(of = n, "done");
                }
                assert!(Span::current().is_none());
            })
        });
        workers.collect::<Vec<_>>().into_iter().for_each(|worker| worker.join().unwrap());
    });
    for n in 0..4 {
        for turn in 0..5 {
            let line = format!(" INFO worker{{n={n}}}:part{{turn={turn}}}: done of={n}");
            let lines = printed.lines();
            assert_eq!(lines.iter().filter(|l| **l == line).count(), 1, "{line} in {lines:?}");
        }
    }
    let events = parsed::events(&text);
    assert_eq!(named(&events, "TaskBegin", "worker").len(), 20);
    assert_eq!(named(&events, "TaskEnd", "worker").len(), 20);
    let tasks: BTreeSet<&str> =
        named(&events, "RegionBegin", "part").iter().map(|part| part.field("Task")).collect();
    assert_eq!(tasks.len(), 20);
}

#[test]
fn a_span_of_several_goroutines_and_threads() {
    let test = "a_span_of_several_goroutines_and_threads";
    let Some(tools) = alone("spans that are shared", test, &[]) else { return };
    subscribe();
    let text = traced(&tools, || {
        let span = info_span!("shared");
        let work = |span: Span| {
            span.in_scope(|| std::thread::sleep(Duration::from_millis(1)));
            drop(span);
        };
        let workers: Vec<_> = (0..3).map(|_| span.clone()).map(|s| go(move || work(s))).collect();
        let threads = (0..2).map(|_| span.clone()).map(|s| std::thread::spawn(move || work(s)));
        threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
        drop(span);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
    let events = parsed::events(&text);
    let task = only(&events, "TaskBegin", "shared").field("ID");
    let end = only(&events, "TaskEnd", "shared");
    let (begun, ended) =
        (named(&events, "RegionBegin", "shared"), named(&events, "RegionEnd", "shared"));
    let goroutines = |regions: &[&Event]| -> BTreeSet<i64> {
        regions.iter().map(|region| region.goroutine).collect()
    };
    assert_eq!((begun.len(), goroutines(&begun).len()), (5, 5));
    assert_eq!(goroutines(&begun), goroutines(&ended));
    assert!(begun.iter().all(|region| region.field("Task") == task));
    assert!(ended.iter().all(|region| region.time < end.time));
}

#[test]
fn async_functions_enter_their_span_with_each_poll() {
    let test = "async_functions_enter_their_span_with_each_poll";
    let settings = [("GOMAXPROCS", "2"), ("GORTDEBUG", "migrate=1")];
    let Some(tools) = alone("spans of async functions", test, &settings) else { return };
    subscribe();
    let text = traced(&tools, || {
        let (tx, rx) = chan::<u32>(0);
        let receive = async move {
            let mut sum = 0;
            while let Ok(n) = rx.recv_async().await {
                info!(n, "got");
                sum += n;
            }
            sum
        };
        let receiver = go(move || block_on(receive.instrument(info_span!("receive"))));
        for n in 1..=10 {
            gort::sleep(Duration::from_micros(100));
            tx.send(n).unwrap();
        }
        drop(tx);
        assert_eq!(receiver.join().unwrap(), 55);
    });
    let events = parsed::events(&text);
    let task = only(&events, "TaskBegin", "receive").field("ID");
    assert_eq!(only(&events, "TaskEnd", "receive").field("ID"), task);
    let polls = named(&events, "RegionBegin", "receive").len();
    assert!(polls > 5, "{polls} polls");
    // Entered once more to be dropped.
    assert_eq!(named(&events, "RegionEnd", "receive").len(), polls);
    let gots = events.iter().filter(|e| e.kind == "Log" && e.field("Message").contains("got n="));
    assert_eq!(gots.filter(|e| e.field("Task") == task).count(), 10);
}

#[test]
fn spans_from_before_the_trace() {
    let test = "spans_from_before_the_trace";
    let Some(tools) = alone("spans over several traces", test, &[]) else { return };
    subscribe();
    let texts = traces(&tools, |taker| {
        let root = info_span!("root");
        let untouched = info_span!("untouched");
        let entered = root.enter();
        for turn in 0..3 {
            taker.start();
            info_span!("child", turn).in_scope(|| info!("turn {turn}"));
            taker.stop();
            info_span!("between").in_scope(|| info!("nobody listens"));
        }
        taker.start();
        let child = info_span!("child");
        let in_child = child.enter();
        taker.stop();
        drop(entered);
        taker.start();
        drop(in_child);
        drop(child);
        drop(root);
        drop(untouched);
        taker.stop();
    });
    for (turn, text) in texts[..3].iter().enumerate() {
        let order = [
            "TaskBegin root".to_owned(),
            format!("Log child: turn={turn}"),
            "RegionBegin child".to_owned(),
            format!("Log annotations::spans: INFO turn {turn}"),
            "RegionEnd child".to_owned(),
        ];
        assert_eq!(annotations(text), order);
        let events = parsed::events(text);
        let task = only(&events, "TaskBegin", "root").field("ID");
        assert_eq!(only(&events, "RegionBegin", "child").field("Task"), task);
    }
    assert_eq!(annotations(&texts[3]), ["TaskBegin root", "RegionBegin child"]);
    assert_eq!(annotations(&texts[4]), [""; 0]);
}

/// The next number of a simple generator (George Marsaglia, "Xorshift RNGs", 2003).
fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

/// Enters and exits, regions and ends, in any order, on goroutines that change threads, while traces
/// begin and end: each is accepted. With `stays`, goroutines block where they are in no span only.
fn at_random(taker: &mut Taker, traces: usize, stays: bool) {
    let (end, ended) = chan::<()>(0);
    let turns = Arc::new(AtomicUsize::new(0));
    let workers = (1..=4u64).map(|seed| {
        let (ended, turns) = (ended.clone(), Arc::clone(&turns));
        go(move || {
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            while ended.try_recv() != Err(gort::chan::TryRecvError::Closed) {
                gort::sleep(Duration::from_micros(100));
                turns.fetch_add(1, Ordering::Relaxed);
                let (mut spans, mut regions) = (Vec::new(), Vec::new());
                for _ in 0..next(&mut random) % 20 {
                    let at = next(&mut random) as usize;
                    match next(&mut random) % 7 {
                        0 | 1 => spans.push(info_span!("span").entered()),
                        2 if !spans.is_empty() => drop(spans.remove(at % spans.len())),
                        3 => regions.push(trace::region("region")),
                        4 if !regions.is_empty() => drop(regions.remove(at % regions.len())),
                        5 if !stays || spans.is_empty() => gosched(),
                        _ => info!("event"),
                    }
                }
            }
        })
    });
    let workers: Vec<_> = workers.collect();
    for n in 0..traces {
        taker.start();
        let before = turns.load(Ordering::Relaxed);
        gort::sleep(Duration::from_millis(3 + n as u64 % 3));
        // On a busy machine there may be few by then.
        eventually("some turns", || turns.load(Ordering::Relaxed) - before > 40);
        taker.stop();
    }
    drop(end);
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

#[test]
fn whatever_spans_do_the_trace_is_accepted() {
    let test = "whatever_spans_do_the_trace_is_accepted";
    let settings = [("GOMAXPROCS", "2"), ("GORTDEBUG", "migrate=1,traceadvanceperiod=1000000")];
    let Some(tools) = alone("spans at random", test, &settings) else { return };
    subscribe();
    let texts = traces(&tools, |taker| at_random(taker, 3, false));
    let mut counts = BTreeMap::new();
    for kind in ["RegionBegin", "RegionEnd", "TaskBegin", "TaskEnd", "Log"] {
        counts.insert(kind, texts.iter().map(|text| count(text, &[kind])).sum::<usize>());
    }
    assert!(counts.values().all(|&count| count > 20), "{counts:?}");
}

/// On the crate's own registry, which knows threads and no goroutines.
#[test]
fn on_the_registry_of_threads_the_trace_is_accepted() {
    let test = "on_the_registry_of_threads_the_trace_is_accepted";
    let settings = [("GOMAXPROCS", "2"), ("GORTDEBUG", "migrate=1,traceadvanceperiod=1000000")];
    let Some(tools) = alone("spans of threads", test, &settings) else { return };
    let subscriber = tracing_subscriber::registry().with(TracingLayer::new());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let texts = traces(&tools, |taker| at_random(taker, 2, true));
    let begins: usize = texts.iter().map(|text| count(text, &["RegionBegin", "span"])).sum();
    assert!(begins > 20, "{begins}");
}
