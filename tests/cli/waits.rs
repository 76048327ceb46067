//! Waits, latencies and what is blocked to the end: beside figures that are found otherwise.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gort::reader::{EventKind, GoID, GoState, Reader, Time, Transition};
use gort::{chan, go};
use serde_json::Value;

use crate::program::{self, expect_success, text};
use crate::support::{Go, pieces};
use crate::{process, programs, raw};

/// Traces of Go programs, if there is Go, and of ours; none in the process that writes ours.
fn traces(test: &str, folder: &Path) -> Vec<PathBuf> {
    let ours = programs::of_gort(test, folder);
    let of_go = |_: &Vec<_>| Go::find(test).map(|go| programs::of_go(&go, folder));
    let theirs = ours.as_ref().and_then(of_go);
    ours.into_iter().chain(theirs).flatten().collect()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap()
}

fn number(value: &Value, path: &str) -> i64 {
    let value = value.pointer(path).unwrap_or_else(|| panic!("{path} in {value}"));
    value.as_i64().unwrap()
}

fn name(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap().to_owned()
}

/// What goroutines of a function waited for is what `gort trace goroutines` says that they did, which
/// are the figures of Go's tool.
#[test]
fn waits_are_those_of_the_goroutines() {
    let folder = tempfile::tempdir().unwrap();
    for file in traces("waits::waits_are_those_of_the_goroutines", folder.path()) {
        let (blocking, goroutines) =
            (program::json("blocking", &file), program::json("goroutines", &file));
        let waits: BTreeMap<String, BTreeMap<String, i64>> = list(&blocking, "functions")
            .iter()
            .map(|group| (name(group, "function"), times(&group["reasons_ns"])))
            .collect();
        for group in list(&goroutines, "groups") {
            let function = name(group, "function");
            let empty = BTreeMap::new();
            let waits = waits.get(&function).unwrap_or(&empty);
            assert_eq!(*waits, expected(&group["times"]), "{function} in {}", file.display());
        }
        let sum = |field: &str| -> i64 {
            list(&blocking, field).iter().map(|group| number(group, "/waits/total_ns")).sum()
        };
        assert_eq!(sum("reasons"), sum("functions"));
        assert_eq!(sum("reasons"), sum("stacks"));
    }
}

/// Without those that took no time, and with coroutines among those that the trace has no reason of.
fn times(reasons: &Value) -> BTreeMap<String, i64> {
    let mut times = BTreeMap::new();
    for (reason, ns) in reasons.as_object().unwrap() {
        let reason = if reason == "coroutine" { "" } else { reason };
        *times.entry(reason.to_owned()).or_default() += ns.as_i64().unwrap();
    }
    // Who waits for ever has ended, to Go's tool.
    times.retain(|reason, ns| *ns != 0 && reason != "forever");
    times
}

fn expected(of: &Value) -> BTreeMap<String, i64> {
    let mut times = times(&of["blocked_ns"]);
    let syscalls = number(of, "/syscall_ns") + number(of, "/syscall_blocked_ns");
    if syscalls != 0 {
        times.insert("system call".to_owned(), syscalls);
    }
    times
}

/// From when a goroutine could run to when it ran, by the state before, from the events.
fn delays(file: &Path) -> BTreeMap<&'static str, Vec<i64>> {
    let mut since = BTreeMap::<GoID, (Time, &'static str)>::new();
    let mut delays = BTreeMap::<&'static str, Vec<i64>>::new();
    for event in Reader::open(file).unwrap() {
        let event = event.unwrap();
        let EventKind::StateTransition(Transition::Goroutine { id, from, to, .. }) = event.kind()
        else {
            continue;
        };
        let cause = match from {
            GoState::NotExist => "created",
            GoState::Running => "stopped",
            GoState::Syscall => "system call",
            _ => "woken",
        };
        match to {
            GoState::Runnable if from != to && from != GoState::Undetermined => {
                since.insert(id, (event.time(), cause));
            }
            GoState::Running => {
                let since = since.remove(&id).into_iter();
                since.for_each(|(time, cause)| {
                    delays.entry(cause).or_default().push(event.time().since(time));
                });
            }
            _ => {}
        }
    }
    delays
}

#[test]
fn latencies_are_those_of_the_events() {
    let folder = tempfile::tempdir().unwrap();
    for file in traces("waits::latencies_are_those_of_the_events", folder.path()) {
        let latency = program::json("latency", &file);
        let expected = delays(&file);
        let causes: BTreeMap<String, &Value> =
            list(&latency, "causes").iter().map(|group| (name(group, "name"), group)).collect();
        assert!(expected.keys().eq(causes.keys()), "{expected:?} {causes:?}");
        for (cause, delays) in &expected {
            expect_delays(causes[*cause], delays.clone());
        }
        expect_delays(&latency["all"], expected.values().flatten().copied().collect());
        let count = |group: &Value| number(group, "/durations/count");
        let sum = |field| list(&latency, field).iter().map(count).sum::<i64>();
        assert_eq!(sum("functions"), count(&latency["all"]));
        assert_eq!(sum("stacks"), count(&latency["all"]));
        assert_eq!(sum("wakers"), expected.get("woken").map_or(0, |all| all.len() as i64));
    }
}

fn expect_delays(group: &Value, mut delays: Vec<i64>) {
    delays.sort_unstable();
    let of = |field: &str| number(group, &format!("/durations/{field}"));
    assert_eq!(of("count"), delays.len() as i64);
    assert_eq!(of("total_ns"), delays.iter().sum::<i64>());
    assert_eq!((of("min_ns"), of("max_ns")), (delays[0], *delays.last().unwrap()));
    for (field, percent) in [("p50_ns", 50), ("p90_ns", 90), ("p99_ns", 99)] {
        let exact = delays[(delays.len() * percent).div_ceil(100) - 1];
        assert!((exact..=exact + exact / 32).contains(&of(field)), "{field} {exact} {group}");
    }
    for bucket in list(group, "histogram") {
        let (from, to) = (number(bucket, "/from_ns"), number(bucket, "/to_ns"));
        let count = delays.iter().filter(|ns| (from..to).contains(ns)).count();
        assert_eq!(number(bucket, "/count"), count as i64, "{bucket}");
    }
}

/// The function that those begin in which a trace leaves behind.
fn left_behind() {
    let (tx, rx) = chan::<()>(0);
    for _ in 0..3 {
        let rx = rx.clone();
        go(move || rx.recv().unwrap());
    }
    std::mem::forget(tx);
}

/// A trace of goroutines that wait for ever, and of long system calls; `None` in the process that
/// writes it.
fn of_waits(test: &str, folder: &Path) -> Option<PathBuf> {
    let file = folder.join("waits.trace");
    let settings = [("GORT_TEST_FOLDER", folder.to_str().unwrap())];
    if let Some(output) = process::process(test, &settings) {
        process::assert_success(&output);
        return Some(file);
    }
    let sink = pieces::Sink::default();
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe {
        gort::run(|| {
            gort::trace::start(sink.clone()).unwrap();
            left_behind();
            for _ in 0..4 {
                gort::blocking(|| std::thread::sleep(Duration::from_millis(3)));
            }
            gort::trace::stop().unwrap();
        });
    }
    let folder = PathBuf::from(std::env::var_os("GORT_TEST_FOLDER").unwrap());
    fs::write(folder.join("waits.trace"), sink.bytes()).unwrap();
    None
}

#[test]
fn what_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = of_waits("waits::what_is_left_behind", folder.path()) else { return };
    let leaks = program::json("leaks", &file);
    let groups: Vec<&Value> = list(&leaks, "groups")
        .iter()
        .filter(|group| name(group, "function").contains("left_behind"))
        .collect();
    let [group] = groups[..] else { panic!("{leaks}") };
    assert_eq!(name(group, "reason"), "chan receive");
    assert_eq!(number(group, "/count"), 3);
    let root = list(group, "stack").last().unwrap();
    assert!(name(root, "function").contains("left_behind"), "{group}");
    let duration_ns = number(&leaks, "/duration_ns");
    for leak in list(group, "goroutines") {
        let (since, waited) = (number(leak, "/since_ns"), number(leak, "/waited_ns"));
        assert_eq!(since + waited, duration_ns);
        assert!(waited >= 6_000_000, "{leak}");
    }
    let shown = |arguments: &[&str]| {
        let output = program::trace().arg("leaks").args(arguments).arg(&file).output().unwrap();
        expect_success(&output);
        text(&output.stdout)
    };
    assert!(shown(&[]).contains("3 goroutines of "), "{}", shown(&[]));
    assert!(shown(&["--reason=chan"]).contains("left_behind"));
    for nothing in ["--reason=nothing", "--at-least=1h", "--function=nothing", "--goroutine=-7"] {
        assert_eq!(shown(&[nothing]), "No goroutine waits at the end of the trace.\n");
    }
}

#[test]
fn long_system_calls() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = of_waits("waits::long_system_calls", folder.path()) else { return };
    let blocking = program::json("blocking", &file);
    let calls = &blocking["hand_offs"];
    assert!(number(calls, "/durations/count") >= 4, "{calls}");
    assert!(number(calls, "/taken") >= 4, "{calls}");
    let longest = list(calls, "longest");
    let mut durations: Vec<i64> = longest.iter().map(|call| number(call, "/duration_ns")).collect();
    assert!(durations[3] >= 3_000_000, "{calls}");
    durations.reverse();
    assert!(durations.is_sorted(), "{calls}");
    let taken_after = longest[0]["taken_after_ns"].as_i64().unwrap();
    assert!((0..durations[3]).contains(&taken_after), "{calls}");
    let whole = program::run(&[&"blocking", &"--syscalls", &file]);
    assert!(text(&whole.stdout).contains("System calls of 100µs and longer: "));
}

/// Profiles, folded stacks and flame graphs have the times of the answer itself.
#[test]
fn other_formats() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = of_waits("waits::other_formats", folder.path()) else { return };
    for (command, stacks, times) in [
        ("blocking", "stacks", ["/waits/count", "/waits/total_ns"]),
        ("latency", "stacks", ["/durations/count", "/durations/total_ns"]),
    ] {
        let answer = program::json(command, &file);
        let sum = |path: &str| -> i64 {
            list(&answer, stacks).iter().map(|stack| number(stack, path)).sum()
        };
        let sums = times.map(sum);
        let written = |option: &str| {
            let output = program::run(&[&command, &option, &"-", &file]);
            expect_success(&output);
            output.stdout
        };
        let folded = text(&written("--folded"));
        let of_line = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<i64>().unwrap();
        assert_eq!(folded.lines().map(of_line).sum::<i64>(), sums[1], "{folded}");
        let picture = text(&written("--svg"));
        assert!(picture.starts_with("<?xml") && picture.contains("</svg>"), "{picture}");
        assert!(command == "latency" || picture.contains("left_behind"), "{picture}");
        let out = folder.path().join("out");
        expect_success(&program::run(&[&command, &"--pprof", &out, &file]));
        let Some(go) = Go::find("profiles of waits") else { continue };
        let samples = raw::samples(&go, &fs::read(&out).unwrap(), folder.path());
        let count = samples.values().map(|(count, _)| count).sum::<i64>();
        let delay_ns = samples.values().map(|(_, delay_ns)| delay_ns).sum::<i64>();
        assert_eq!([count, delay_ns], sums);
        assert!(samples.keys().all(|stack| stack.last().unwrap().starts_with('[')), "{samples:?}");
    }
}

/// No option writes over the trace, whichever of its names is used.
#[test]
fn the_trace_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let test = "waits::the_trace_is_not_written_over";
    let Some(file) = of_waits(test, folder.path()) else { return };
    let trace = fs::read(&file).unwrap();
    let link = folder.path().join("link");
    fs::hard_link(&file, &link).unwrap();
    for option in ["--pprof", "--folded", "--svg"] {
        for out in [&file, &link] {
            let output = program::run(&[&"blocking", &option, out, &file]);
            assert!(program::expect_failure(&output, 2).contains("is the trace itself"));
            let mut piped = program::trace();
            piped.args(["blocking", option]).arg(out).arg("-");
            let output = piped.stdin(fs::File::open(&file).unwrap()).output().unwrap();
            assert!(program::expect_failure(&output, 2).contains("is the trace itself"));
            assert!(fs::read(&file).unwrap() == trace, "{option}");
        }
    }
}

/// A flame graph of nothing says so.
#[test]
fn a_picture_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = of_waits("waits::a_picture_of_nothing", folder.path()) else { return };
    let output = program::run(&[&"blocking", &"--reason=nothing", &"--svg=-", &file]);
    expect_success(&output);
    assert!(text(&output.stdout).contains("</svg>"));
}

#[test]
fn lives() {
    let folder = tempfile::tempdir().unwrap();
    let files = traces("waits::lives", folder.path());
    let mut most = 0;
    for file in &files {
        let goroutines = program::json("goroutines", file);
        let groups = list(&goroutines, "groups").iter();
        let all = groups.flat_map(|group| list(group, "goroutines"));
        let ended = all.filter(|goroutine| !goroutine["ended_ns"].is_null()).count() as i64;
        let count = number(&goroutines, "/lives/durations/count");
        // Those that were there before the trace are not among them.
        assert!((0..=ended).contains(&count), "{count} of {ended}");
        most = most.max(count);
        let buckets = list(&goroutines["lives"], "histogram").iter();
        assert_eq!(buckets.map(|bucket| number(bucket, "/count")).sum::<i64>(), count);
    }
    assert!(most > 0 || files.is_empty());
}
