//! Taking traces: start and stop, writers of all kinds, summaries, annotations.
//!
//! That Go reads what is written is for other tests to say; these are about the interface. There
//! is one trace in a process at a time, so they take turns, see [`turn`].

#[path = "support/process.rs"]
mod process;
mod support;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gort::trace::{
    self, DumpError, FlightRecorder, FlightRecorderConfig, StartError, StopError, Summary,
};
use gort::{Context, GoBuilder, chan, go, gosched, sleep};
use process::{assert_success, process};
use support::pieces::Sink;
use support::runtime::{eventually, run};
use support::traced::{contains, turn, work};

const HEADER: &[u8; 16] = b"go 1.23 trace\0\0\0";

/// A writer that does as the function says.
struct By<F>(F);

impl<F: FnMut(&[u8]) -> io::Result<usize>> Write for By<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.0)(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes a trace of `f` and returns it with its summary.
fn taken(f: impl FnOnce()) -> (Vec<u8>, Summary) {
    let sink = Sink::default();
    trace::start(sink.clone()).unwrap();
    f();
    let summary = trace::stop().unwrap();
    (sink.bytes(), summary)
}

/// A trace can be taken as if nothing had happened.
fn assert_traceable() {
    let (bytes, summary) = taken(work);
    assert_eq!(bytes.len() as u64, summary.bytes());
    assert!(bytes.starts_with(HEADER));
    assert!(summary.counts()["GoCreate"] >= 1);
}

fn events(summary: &Summary, name: &str) -> u64 {
    summary.counts().get(name).copied().unwrap_or(0)
}

#[test]
fn a_trace_is_what_was_written() {
    let _turn = turn();
    run(|| {
        let sink = Sink::default();
        trace::start(sink.clone()).unwrap();
        assert!(trace::is_enabled());
        work();
        let summary = trace::stop().unwrap();
        assert!(!trace::is_enabled());
        // Whoever closes a file when it is dropped has closed it by now.
        assert!(sink.is_let_go());
        let bytes = sink.bytes();
        assert!(bytes.starts_with(HEADER));
        assert_eq!(bytes.len() as u64, summary.bytes());
        assert!(summary.generations() >= 1);
        assert_eq!(summary.events(), summary.counts().values().sum::<u64>());
        work();
        assert_eq!(sink.bytes(), bytes);
        assert_traceable();
    });
}

#[test]
fn counts_are_those_of_what_happened() {
    let Some(output) = process("counts_are_those_of_what_happened", &[]) else {
        const MANY: u64 = 300;
        let summary = run(|| {
            let (_, summary) = taken(|| {
                let (tx, rx) = chan::<()>(0);
                let wait = |_| {
                    let rx = rx.clone();
                    go(move || assert!(rx.recv().is_err()))
                };
                let handles: Vec<_> = (0..MANY).map(wait).collect();
                // Every one of them waits by then.
                (0..50).for_each(|_| sleep(Duration::from_millis(1)));
                drop(tx);
                handles.into_iter().for_each(|h| h.join().unwrap());
                // They have results before they have ended.
                eventually("alone", || gort::num_goroutine() == 1);
            });
            summary
        });
        let is = |name, n| assert_eq!(events(&summary, name), n, "{name}");
        is("GoCreate", MANY);
        is("GoDestroy", MANY);
        let blocked = events(&summary, "GoBlock");
        assert!(blocked >= MANY + 50, "{blocked}");
        // Whether `stop` itself blocks before the trace ends or after is open.
        let unblocked = events(&summary, "GoUnblock");
        assert!((blocked - 1..=blocked).contains(&unblocked), "{blocked} {unblocked}");
        // On a busy machine some lose their turn, or their processor to somebody else.
        let again = events(&summary, "GoStop") + events(&summary, "GoSyscallEndBlocked");
        is("GoStart", MANY + unblocked + again);
        return;
    };
    assert_success(&output);
}

#[test]
fn a_second_start_is_refused() {
    let _turn = turn();
    run(|| {
        let (first, second) = (Sink::default(), Sink::default());
        trace::start(first.clone()).unwrap();
        let refused = trace::start(second.clone()).unwrap_err();
        assert!(matches!(refused, StartError::AlreadyEnabled));
        assert_eq!(refused.to_string(), "tracing is already enabled");
        assert!(second.is_let_go() && second.bytes().is_empty());
        work();
        assert_eq!(trace::stop().unwrap().bytes(), first.bytes().len() as u64);
        assert_traceable();
    });
}

#[test]
fn stop_without_start_is_refused() {
    let _turn = turn();
    let refused = || {
        let error = trace::stop().unwrap_err();
        assert!(matches!(error, StopError::NotEnabled));
        assert_eq!(error.to_string(), "tracing is not enabled");
    };
    refused();
    run(|| {
        refused();
        assert_traceable();
        refused();
    });
}

#[test]
fn before_any_run_there_is_nothing_to_trace() {
    let Some(output) = process("before_any_run_there_is_nothing_to_trace", &[]) else {
        let sink = Sink::default();
        let refused = trace::start(sink.clone()).unwrap_err();
        assert!(matches!(refused, StartError::NoRuntime));
        assert_eq!(refused.to_string(), "tracing needs a runtime: call gort::run first");
        assert!(sink.is_let_go() && sink.bytes().is_empty());
        assert!(matches!(trace::stop(), Err(StopError::NotEnabled)));
        assert!(!trace::is_enabled());
        annotate();
        run(assert_traceable);
        return;
    };
    assert_success(&output);
}

#[test]
fn plain_threads_start_and_stop_traces() {
    let _turn = turn();
    let sink = Sink::default();
    let out = sink.clone();
    thread::spawn(|| trace::start(out).unwrap()).join().unwrap();
    run(work);
    let summary = thread::spawn(|| trace::stop().unwrap()).join().unwrap();
    assert_eq!(summary.bytes(), sink.bytes().len() as u64);
}

#[test]
fn only_one_of_many_starts_and_stops() {
    let _turn = turn();
    let started = AtomicUsize::new(0);
    let contest = |started: &AtomicUsize| {
        for _ in 0..30 {
            gosched();
            if trace::start(io::sink()).is_ok() {
                assert_eq!(started.fetch_add(1, Ordering::SeqCst), 0);
                gosched();
                started.fetch_sub(1, Ordering::SeqCst);
                trace::stop().unwrap();
            }
        }
    };
    thread::scope(|scope| {
        (0..3).for_each(|_| drop(scope.spawn(|| run(|| contest(&started)))));
        (0..2).for_each(|_| drop(scope.spawn(|| contest(&started))));
    });
    // Of those who stop the same trace, one has.
    for _ in 0..20 {
        trace::start(io::sink()).unwrap();
        let stops: Vec<_> = (0..3).map(|_| go(|| trace::stop().is_ok())).collect();
        assert_eq!(stops.into_iter().filter_map(|h| h.join().ok()).filter(|&ok| ok).count(), 1);
    }
}

#[test]
fn generations_follow_one_another() {
    let short = [("GORTDEBUG", "traceadvanceperiod=2000000")];
    let Some(output) = process("generations_follow_one_another", &short) else {
        run(|| {
            // The first trace reads the program's symbols, which takes a while.
            taken(work);
            // Who cuts them may have to wait for a core: then it takes more work.
            let several = [100, 1000, 10_000, 100_000].into_iter().find(|&works| {
                let (bytes, summary) = taken(|| (0..works).for_each(|_| work()));
                assert_eq!(bytes.len() as u64, summary.bytes());
                assert!(summary.counts()["GoCreate"] >= works);
                summary.generations() > 3
            });
            assert!(several.is_some());
        });
        return;
    };
    assert_success(&output);
}

/// What a broken writer does in place of accepting more bytes.
#[derive(Clone, Copy, Debug)]
enum Break {
    Error,
    Nothing,
    Panic,
    Flush,
}

/// A writer that breaks once it has taken so many bytes.
struct Broken {
    room: usize,
    how: Break,
    taken: Sink,
}

impl Write for Broken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(self.room);
        if n > 0 {
            self.room -= n;
            return self.taken.write(&bytes[..n]);
        }
        match self.how {
            Break::Error | Break::Flush => Err(full()),
            Break::Nothing => Ok(0),
            Break::Panic => panic!("the test's writer panics"),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if matches!(self.how, Break::Flush) { Err(full()) } else { Ok(()) }
    }
}

fn full() -> io::Error {
    io::Error::new(ErrorKind::StorageFull, "the disk is full")
}

/// Asserts that stopping tells of the error of a writer that breaks in this way.
fn assert_stop_tells(how: Break) {
    let error = trace::stop().unwrap_err();
    let StopError::Write(cause) = &error else { panic!("{error:?}") };
    let (kind, text) = match how {
        Break::Error | Break::Flush => (ErrorKind::StorageFull, "the disk is full"),
        Break::Nothing => (ErrorKind::WriteZero, "failed to write whole buffer"),
        Break::Panic => (ErrorKind::Other, "the trace's writer panicked"),
    };
    assert_eq!((cause.kind(), cause.to_string().as_str()), (kind, text));
    assert_eq!(error.to_string(), format!("the trace ended early: {text}"));
    assert!(std::error::Error::source(&error).is_some());
    assert!(matches!(trace::stop(), Err(StopError::NotEnabled)));
}

#[test]
fn a_writer_that_breaks_at_once_ends_the_trace() {
    let _turn = turn();
    run(|| {
        for how in [Break::Error, Break::Nothing, Break::Panic] {
            let taken = Sink::default();
            trace::start(Broken { room: 0, how, taken: taken.clone() }).unwrap();
            eventually("the trace ends", || !trace::is_enabled());
            work();
            annotate();
            assert_stop_tells(how);
            assert!(taken.is_let_go() && taken.bytes().is_empty());
            assert_traceable();
        }
    });
}

#[test]
fn a_writer_that_breaks_later_ends_the_trace() {
    let _turn = turn();
    run(|| {
        let (whole, _) = taken(work);
        for how in [Break::Error, Break::Nothing, Break::Panic] {
            for room in [1, 15, 16, 17, 100, whole.len() / 2] {
                let taken = Sink::default();
                trace::start(Broken { room, how, taken: taken.clone() }).unwrap();
                work();
                assert_stop_tells(how);
                assert!(!trace::is_enabled());
                let bytes = taken.bytes();
                assert_eq!(bytes.len(), room);
                assert_eq!(bytes[..room.min(16)], HEADER[..room.min(16)]);
            }
            assert_traceable();
        }
    });
}

#[test]
fn a_writer_that_cannot_flush_ends_the_trace() {
    let _turn = turn();
    run(|| {
        let how = Break::Flush;
        trace::start(Broken { room: usize::MAX, how, taken: Sink::default() }).unwrap();
        assert_stop_tells(how);
        assert_traceable();
    });
}

#[test]
fn a_writer_may_panic_when_it_is_dropped() {
    struct Unwelcome;
    impl Drop for Unwelcome {
        fn drop(&mut self) {
            panic!("the test's writer panics when it is dropped");
        }
    }
    let _turn = turn();
    run(|| {
        let (sink, unwelcome) = (Sink::default(), Unwelcome);
        let mut out = sink.clone();
        let write = move |bytes: &[u8]| {
            let _ = &unwelcome;
            out.write(bytes)
        };
        trace::start(By(write)).unwrap();
        work();
        assert_eq!(trace::stop().unwrap().bytes(), sink.bytes().len() as u64);
        assert_traceable();
    });
}

#[test]
fn a_trace_may_follow_one_that_broke_and_was_not_stopped() {
    let _turn = turn();
    run(|| {
        trace::start(Broken { room: 0, how: Break::Error, taken: Sink::default() }).unwrap();
        eventually("the trace ends", || !trace::is_enabled());
        eventually("another starts", || trace::start(io::sink()).is_ok());
        work();
        assert!(trace::stop().unwrap().events() > 0);
        assert_traceable();
    });
}

#[test]
fn a_writer_may_take_little_at_a_time_and_be_interrupted() {
    let _turn = turn();
    run(|| {
        let sink = Sink::default();
        let (mut out, mut calls) = (sink.clone(), 0);
        let write = move |bytes: &[u8]| {
            calls += 1;
            match calls % 3 {
                0 => Err(ErrorKind::Interrupted.into()),
                n => out.write(&bytes[..bytes.len().min(n * 50)]),
            }
        };
        trace::start(By(write)).unwrap();
        annotate();
        assert_eq!(trace::stop().unwrap().bytes(), sink.bytes().len() as u64);
        assert!(contains(&sink.bytes(), b"the message"));
    });
}

#[test]
fn nobody_waits_for_a_slow_writer() {
    let _turn = turn();
    run(|| {
        let sink = Sink::default();
        let (open, gate) = mpsc::channel::<()>();
        let mut out = sink.clone();
        let write = move |bytes: &[u8]| {
            let _ = gate.recv();
            out.write(bytes)
        };
        trace::start(By(write)).unwrap();
        work();
        assert!(sink.bytes().is_empty());
        drop(open);
        // `stop` does wait, until all is written.
        assert_eq!(trace::stop().unwrap().bytes(), sink.bytes().len() as u64);
    });
}

#[test]
fn a_writer_may_use_goroutines() {
    let _turn = turn();
    run(|| {
        let (tx, rx) = chan(0);
        let collector = go(move || rx.iter().fold(Vec::new(), |all, part| [all, part].concat()));
        let write = move |bytes: &[u8]| {
            trace::log(&Context::background(), "writer", "from the writer's own thread");
            tx.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        };
        trace::start(By(write)).unwrap();
        work();
        let bytes = trace::stop().unwrap().bytes();
        assert_eq!(collector.join().unwrap().len() as u64, bytes);
    });
}

/// Every kind of annotation once.
fn annotate() {
    let (ctx, task) = trace::new_task(&Context::background(), "the task");
    let (inner, subtask) = trace::new_task(&ctx, "the subtask");
    let region = trace::start_region(&inner, "the region");
    assert_eq!(trace::with_region(&ctx, "the inner region", || 5), 5);
    trace::log(&inner, "the category", "the message");
    trace::log(&Context::default(), "", "");
    region.end();
    subtask.end();
    drop(task);
}

/// The annotations in a summary.
fn annotations(summary: &Summary) -> BTreeMap<&'static str, u64> {
    let counts = summary.counts().clone();
    counts.into_iter().filter(|(name, _)| name.starts_with("User")).collect()
}

/// As many as [`annotate`] makes, called so often.
fn expected(times: u64) -> BTreeMap<&'static str, u64> {
    let kinds = ["UserTaskBegin", "UserTaskEnd", "UserRegionBegin", "UserRegionEnd", "UserLog"];
    kinds.into_iter().map(|kind| (kind, 2 * times)).collect()
}

const TEXTS: [&str; 6] =
    ["the task", "the subtask", "the region", "the inner region", "the category", "the message"];

#[test]
fn annotations_are_in_the_trace() {
    let _turn = turn();
    run(|| {
        annotate();
        let (bytes, summary) = taken(|| {
            annotate();
            let others: Vec<_> = (0..9).map(|_| go(annotate)).collect();
            others.into_iter().for_each(|h| h.join().unwrap());
        });
        annotate();
        assert_eq!(annotations(&summary), expected(10));
        assert!(TEXTS.iter().all(|text| contains(&bytes, text.as_bytes())));
        let (bytes, summary) = taken(work);
        assert_eq!(annotations(&summary), BTreeMap::new());
        assert!(!TEXTS.iter().any(|text| contains(&bytes, text.as_bytes())));
    });
}

#[test]
fn annotations_of_plain_threads_are_in_the_trace() {
    let _turn = turn();
    let (bytes, summary) = taken(|| {
        let threads: Vec<_> = (0..5)
            .map(|n| thread::Builder::new().name(format!("worker {n}")))
            .map(|builder| builder.spawn(|| (0..4).for_each(|_| annotate())).unwrap())
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        annotate();
    });
    assert_eq!(annotations(&summary), expected(21));
    assert!(TEXTS.iter().all(|text| contains(&bytes, text.as_bytes())));
    assert!((0..5).all(|n| contains(&bytes, format!("worker {n}").as_bytes())));
}

#[test]
fn annotations_cost_nothing_while_nothing_is_traced() {
    let _turn = turn();
    let ctx = Context::background();
    let long = "x".repeat(1 << 20);
    let took = || {
        let begin = Instant::now();
        for _ in 0..1000 {
            trace::log(&ctx, &long, &long);
            trace::with_region(&ctx, &long, || ());
            drop(trace::new_task(&ctx, &long));
        }
        begin.elapsed()
    };
    // To copy the texts would take more than a tenth of a second.
    assert!((0..20).map(|_| took()).min().unwrap() < Duration::from_millis(10));
    assert!((0..20).map(|_| run(took)).min().unwrap() < Duration::from_millis(10));
}

#[test]
fn what_began_before_the_trace_may_end_in_it_and_after() {
    let _turn = turn();
    run(|| {
        let ctx = Context::background();
        let before = (trace::new_task(&ctx, "early"), trace::start_region(&ctx, "early"));
        let mut after = None;
        let (_, summary) = taken(|| {
            drop(before);
            after = Some((trace::start_region(&ctx, "late"), trace::new_task(&ctx, "late")));
        });
        drop(after);
        // A region that the trace has no beginning of has no end in it; a task has.
        let expected = [("UserRegionBegin", 1), ("UserTaskBegin", 1), ("UserTaskEnd", 1)];
        assert_eq!(annotations(&summary), BTreeMap::from(expected));
    });
}

#[test]
fn regions_nest_in_whatever_order_they_end() {
    let _turn = turn();
    let ctx = Context::background();
    let crossed = || {
        let (outer, inner) = (trace::start_region(&ctx, "outer"), trace::start_region(&ctx, "in"));
        let innermost = trace::start_region(&ctx, "innermost");
        inner.end();
        drop((outer, innermost));
    };
    let (_, summary) = taken(|| {
        crossed();
        run(crossed);
    });
    assert!(annotations(&summary).into_iter().eq([("UserRegionBegin", 6), ("UserRegionEnd", 6)]));
}

#[test]
fn a_task_ends_wherever_it_is_dropped() {
    let _turn = turn();
    let (_, summary) = taken(|| {
        for n in 0..12 {
            let (ctx, task) = trace::new_task(&Context::background(), "wandering");
            let work = move || {
                trace::with_region(&ctx.clone(), "work", || trace::log(&ctx, "n", "1"));
                drop(task);
            };
            match n % 3 {
                0 => work(),
                1 => go(work).join().unwrap(),
                _ => thread::spawn(work).join().unwrap(),
            }
        }
    });
    assert!(annotations(&summary).into_values().eq([12; 5]));
}

#[test]
fn long_texts_are_cut_between_characters() {
    // The length of a string, as the format writes it, and the string.
    fn string(text: &str) -> Vec<u8> {
        let length = u16::try_from(text.len()).unwrap();
        [&[length as u8 | 0x80, (length >> 7) as u8], text.as_bytes()].concat()
    }
    let _turn = turn();
    run(|| {
        // A character of two, three and four bytes each, across the boundary at 1024 or before it.
        let cases =
            [("ä", 0), ("ö", 1), ("€", 0), ("₿", 1), ("₹", 2), ("𝄞", 1), ("🎼", 3), ("x", 0)];
        let texts = |(character, offset): (&str, usize)| {
            let fits = (1024 - offset) / character.len();
            let text = |n| "_".repeat(offset) + &character.repeat(n);
            (text(fits), text(fits + 1), text(5000))
        };
        let ctx = Context::background();
        let kinds: [&(dyn Fn(&str) + Sync); 5] = [
            &|text| trace::log(&ctx, "", text),
            &|text| trace::log(&ctx, text, ""),
            &|text| trace::with_region(&ctx, text, || ()),
            &|text| drop(trace::new_task(&ctx, text)),
            &|text| GoBuilder::new().name(text).go(|| ()).unwrap().join().unwrap(),
        ];
        for put in kinds {
            for case in cases {
                let (whole, longer, huge) = texts(case);
                for text in [&whole, &longer, &huge] {
                    let (bytes, _) = taken(|| put(text));
                    assert!(contains(&bytes, string(&whole)), "{case:?}");
                    assert!(!contains(&bytes, longer.as_bytes()), "{case:?}");
                }
            }
        }
        let (_, summary) = taken(|| kinds.into_iter().for_each(|put| put("")));
        assert_eq!(summary.counts()["UserLog"], 2);
    });
}

#[test]
fn the_environment_chooses_the_version() {
    const KNOWN: [&str; 3] = ["1.23", "1.25", "1.26"];
    const UNKNOWN: [&str; 7] =
        ["garbage", "", "1.22", "1.24", "-1", "1.23x", "18446744073709551639"];
    for version in KNOWN.into_iter().chain(UNKNOWN) {
        let chosen = [("GORT_TRACE_VERSION", version)];
        let Some(output) = process("the_environment_chooses_the_version", &chosen) else {
            let version = std::env::var("GORT_TRACE_VERSION").unwrap();
            if KNOWN.contains(&&*version) {
                let (bytes, summary) = run(|| taken(work));
                assert!(bytes.starts_with(format!("go {version} trace\0\0\0").as_bytes()));
                return assert_eq!(bytes.len() as u64, summary.bytes());
            }
            let sink = Sink::default();
            let error = run(|| trace::start(sink.clone())).unwrap_err();
            assert!(matches!(error, StartError::Version(_)));
            let text = error.to_string();
            assert!(text.starts_with("no such trace version: "), "{text}");
            assert!(text.contains(&version), "{text}");
            assert!(text.ends_with("(there are 1.23, 1.25 and 1.26)"), "{text}");
            assert!(!trace::is_enabled() && sink.is_let_go() && sink.bytes().is_empty());
            return assert!(matches!(trace::stop(), Err(StopError::NotEnabled)));
        };
        assert_success(&output);
    }
}

/// It has none of the threads that record and write.
#[test]
fn a_forked_child_takes_no_trace_and_waits_for_none() {
    let Some(output) = process("a_forked_child_takes_no_trace_and_waits_for_none", &[]) else {
        return run(|| {
            let recorder = FlightRecorder::new(FlightRecorderConfig::default());
            recorder.start().unwrap();
            in_a_fork(|| {
                assert!(!trace::is_enabled());
                trace::event("fork", "nobody writes it");
                let started = trace::start(io::sink());
                assert!(matches!(started, Err(StartError::Forked)), "{started:?}");
                assert!(matches!(recorder.write_to(io::sink()), Err(DumpError::NotEnabled)));
                recorder.stop();
                assert!(matches!(recorder.start(), Err(StartError::Forked)));
            });
            trace::start(io::sink()).unwrap();
            in_a_fork(|| assert!(matches!(trace::stop(), Err(StopError::NotEnabled))));
            // The parent's go on.
            work();
            assert!(trace::stop().unwrap().events() > 0);
            assert!(recorder.write_to(io::sink()).unwrap() > 0);
        });
    };
    assert_success(&output);
}

/// Runs `f` in a forked child, which it must not hang.
fn in_a_fork(f: impl FnOnce()) {
    // SAFETY: the child calls `f`, which waits for no other thread, and ends.
    unsafe {
        match libc::fork() {
            0 => {
                libc::alarm(30);
                let is_ok = catch_unwind(AssertUnwindSafe(f)).is_ok();
                libc::_exit(if is_ok { 0 } else { 1 });
            }
            child => {
                let mut status = 0;
                assert_eq!(libc::waitpid(child, &mut status, 0), child);
                assert_eq!(status, 0);
            }
        }
    }
}
