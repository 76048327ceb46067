//! Labels of goroutines: names, and what they are at work on.

use std::sync::Arc;

use gort::labels::{self, Labels};
use gort::{Context, GoBuilder, go, trace};

use crate::support::Go;
use crate::support::parsed;
use crate::{count, only, process, traced, traces};

#[test]
fn a_named_goroutine_that_runs_at_a_cut_has_its_label() {
    let Some(tools) = Go::find("labels") else { return };
    let texts = traces(&tools, |taker| {
        gort::scope(|scope| {
            let work = || {
                taker.start();
                trace::log(&Context::background(), "", "here");
                taker.stop();
            };
            GoBuilder::new().name("the starter").go_scoped(scope, work).unwrap().join().unwrap();
        });
    });
    assert!(count(&texts[0], &["Label", "the starter"]) >= 1, "{}", texts[0]);
}

/// The labels that a trace has of a goroutine, in their order.
fn labels_of(text: &str, goroutine: i64) -> Vec<String> {
    let events = parsed::events(text);
    let own = events.iter().filter(|e| e.kind == "Label" && e.goroutine == goroutine);
    own.map(|e| e.field("Label").to_owned()).collect()
}

#[test]
fn labels_are_in_the_trace_from_when_they_change() {
    let Some(tools) = Go::find("labels that change") else { return };
    let text = traced(&tools, || {
        let worker = GoBuilder::new().name("the worker").go(|| {
            trace::event("", "worker");
            labels::set(&[("order", "7")].into());
            labels::with(&[("step", "milk and sugar")].into(), || trace::event("", "labelled"));
            labels::set(&Labels::new());
        });
        worker.unwrap().join().unwrap();
        let nameless = go(|| {
            trace::event("", "nameless");
            labels::with(&[("a", "b")].into(), gort::gosched);
        });
        nameless.join().unwrap();
    });
    let events = parsed::events(&text);
    let worker = only(&events, "Log", "worker").goroutine;
    let named = "the worker {order: 7}";
    assert_eq!(
        labels_of(&text, worker),
        [
            "the worker",
            named,
            "the worker {order: 7, step: \"milk and sugar\"}",
            named,
            "the worker",
        ]
    );
    // There is no event that takes a label away.
    let nameless = only(&events, "Log", "nameless").goroutine;
    assert_eq!(labels_of(&text, nameless), ["{a: b}", "{}"]);
}

#[test]
fn labels_that_were_there_before_the_trace_are_in_it() {
    let Some(tools) = Go::find("labels from before") else { return };
    let texts = traces(&tools, |taker| {
        let (tx, rx) = gort::chan::<()>(0);
        let early = labels::with(&[("since", "before")].into(), || {
            go(move || {
                let _ = rx.recv();
                trace::event("", "early");
            })
        });
        for _ in 0..2 {
            taker.start();
            gort::gosched();
            if taker.taken.len() == 2 {
                tx.send(()).unwrap();
                gort::sleep(std::time::Duration::from_millis(5));
            }
            taker.stop();
        }
        early.join().unwrap();
    });
    let early = only(&parsed::events(&texts[1]), "Log", "early").goroutine;
    assert_eq!(labels_of(&texts[1], early), ["{since: before}"]);
}

#[test]
fn labels_are_inherited() {
    let values = |name: &'static str| move || labels::current().get(name).map(str::to_owned);
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe {
        gort::run(|| {
            assert!(labels::current().is_empty());
            let work = Labels::from([("order", "1"), ("step", "milk")]);
            let grandchild = labels::with(&work, || {
                let child = go(move || {
                    labels::set(&labels::current().and(&[("step", "coffee")].into()));
                    (go(values("order")).join().unwrap(), go(values("step")).join().unwrap())
                });
                let grandchild = child.join().unwrap();
                // The child's were its own.
                assert_eq!(values("step")().as_deref(), Some("milk"));
                grandchild
            });
            assert_eq!(grandchild, (Some("1".to_owned()), Some("coffee".to_owned())));
            assert!(labels::current().is_empty());
            assert_eq!(go(values("order")).join().unwrap(), None);
            let panics = std::panic::catch_unwind(|| labels::with(&work, || gort::goexit()));
            assert!(panics.is_err() && labels::current().is_empty());
            // Threads have their own; goroutines that they start inherit them.
            let thread = labels::with(&work, || {
                std::thread::spawn(move || {
                    assert!(labels::current().is_empty());
                    assert!(labels::set(&[("thread", "t")].into()).is_empty());
                    assert_eq!(labels::current().get("thread"), Some("t"));
                    go(values("thread")).join().unwrap()
                })
            });
            assert_eq!(thread.join().unwrap().as_deref(), Some("t"));
        })
    };
}

#[test]
fn sets_of_labels() {
    let a = Labels::from([("b", "1"), ("a", "2"), ("b", "3")]);
    assert_eq!((a.len(), a.get("b"), a.get("c")), (2, Some("3"), None));
    assert_eq!(a.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "3")]);
    assert_eq!(a.and(&[("c", "4"), ("a", "5")].into()).to_string(), "{a: 5, b: 3, c: 4}");
    assert_eq!((a.and(&Labels::new()), Labels::new().and(&a)), (a.clone(), a.clone()));
    assert_eq!(format!("{a:?} {}", Labels::new()), r#"{"a": "2", "b": "3"} {}"#);
    assert_eq!(Labels::new(), Labels::from([("", ""); 0]));
}

#[test]
fn dumps_show_labels() {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    let (text, infos) = unsafe {
        gort::run(|| {
            let (tx, rx) = gort::chan::<()>(0);
            let labelled = labels::with(&[("guest", "at the window")].into(), || {
                go(move || rx.recv().is_err())
            });
            while !gort::stacks().contains("[chan receive] {") {
                gort::gosched();
            }
            let shown = (gort::stacks(), gort::goroutines());
            drop(tx);
            assert!(labelled.join().unwrap());
            shown
        })
    };
    assert!(text.contains(" [chan receive] {guest: \"at the window\"}:\n"), "{text}");
    let labelled = infos.iter().filter(|info| info.labels.get("guest") == Some("at the window"));
    assert_eq!(labelled.count(), 1, "{infos:?}");
}

/// Whoever looks at goroutines takes a share of labels that are being replaced.
#[test]
fn labels_change_while_others_look() {
    let test = "labels::labels_change_while_others_look";
    if let Some(output) = process::process(test, &[("GOMAXPROCS", "4")]) {
        return process::assert_success(&output);
    }
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe {
        gort::run(|| {
            let end = Arc::new(std::sync::atomic::AtomicBool::new(false));
            let changers = (0..3).map(|n| {
                let end = Arc::clone(&end);
                go(move || {
                    for turn in 0u64.. {
                        labels::set(&[("n", format!("{n} {turn}"))].into());
                        if end.load(std::sync::atomic::Ordering::Relaxed) {
                            return;
                        }
                    }
                })
            });
            let changers: Vec<_> = changers.collect();
            let mut seen = 0;
            for _ in 0..30 {
                seen += gort::goroutines().iter().filter(|g| !g.labels.is_empty()).count();
            }
            end.store(true, std::sync::atomic::Ordering::Relaxed);
            changers.into_iter().for_each(|changer| changer.join().unwrap());
            assert!(seen > 30, "{seen}");
        })
    };
}
