//! Who waits for whom, in a program of which that is known; and differences between traces.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gort::trace::{self, Config};
use gort::{Context, chan, go, sleep};
use serde_json::Value;

use crate::program::{self, expect_failure, expect_success, run, text};
use crate::programs;
use crate::support::Go;
use crate::support::pieces::Sink;

/// How long each of two goroutines takes, one after the other.
const LONG: Duration = Duration::from_millis(30);

/// A trace of a task that waits for one goroutine that computes, and then for one that sleeps.
fn chain(test: &str, folder: &Path) -> Option<PathBuf> {
    let settings = [
        ("GORT_TEST_FOLDER", folder.to_str().unwrap()),
        // The path leads through many generations.
        ("GORTDEBUG", "traceadvanceperiod=5000000"),
    ];
    let Some(output) = crate::process::process(test, &settings) else {
        let folder = PathBuf::from(std::env::var_os("GORT_TEST_FOLDER").unwrap());
        fs::write(folder.join("chain.trace"), chain_taken()).unwrap();
        return None;
    };
    crate::process::assert_success(&output);
    Some(folder.join("chain.trace"))
}

fn chain_taken() -> Vec<u8> {
    let sink = Sink::default();
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe {
        gort::run(|| {
            Config::new().start(sink.clone()).unwrap();
            let (_ctx, task) = trace::new_task(&Context::background(), "chain");
            let (tx, rx) = chan(0);
            let other = tx.clone();
            go(move || computes(&tx));
            rx.recv().unwrap();
            go(move || sleeps(&other));
            rx.recv().unwrap();
            drop(task);
            trace::stop().unwrap();
        });
    }
    sink.bytes()
}

fn computes(tx: &gort::chan::Sender<()>) {
    let begin = Instant::now();
    while begin.elapsed() < LONG {
        std::hint::spin_loop();
    }
    tx.send(()).unwrap();
}

fn sleeps(tx: &gort::chan::Sender<()>) {
    sleep(LONG);
    tx.send(()).unwrap();
}

fn path(file: &Path, arguments: &[&str]) -> Value {
    let mut all: Vec<&dyn AsRef<OsStr>> = vec![&"critical-path", &"--json", &file];
    all.extend(arguments.iter().map(|argument| argument as &dyn AsRef<OsStr>));
    let output = run(&all);
    expect_success(&output);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn array<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value[field].as_array().unwrap()
}

/// The steps have all the time between the ends, without gaps.
fn expect_whole(path: &Value) {
    let (from, to) = (number(path, "from_ns"), number(path, "to_ns"));
    assert_eq!(number(&path["times"], "total_ns"), to - from, "{path}");
    let functions = array(path, "functions").iter();
    let total: i64 = functions.map(|function| number(&function["times"], "total_ns")).sum();
    assert_eq!(total, to - from);
    if path["steps_left_out"] == 0 {
        let mut at = from;
        for step in array(path, "steps") {
            assert_eq!(number(step, "begin_ns"), at);
            at += number(step, "duration_ns");
        }
        assert_eq!(at, to);
    }
}

#[test]
fn a_task_that_waits_for_two() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = chain("paths::a_task_that_waits_for_two", folder.path()) else { return };
    let tasks = program::json("tasks", &file);
    let task = &tasks["groups"].as_array().unwrap().iter().find(|g| g["name"] == "chain").unwrap();
    let task = &task["tasks"][0];
    let id = task["id"].to_string();
    let path = path(&file, &["--task", &id, "--steps", "100000"]);
    expect_whole(&path);
    let before = self::path(&file, &["--task", &id, "--to=-1s"]);
    assert_eq!((&before["from_ns"], &before["to_ns"]), (&Value::from(0), &Value::from(0)));
    assert_eq!((&path["from_ns"], &path["to_ns"]), (&task["begin_ns"], &task["end_ns"]));
    assert_eq!(path["goroutine"], task["goroutine"]);
    let main = &task["goroutine"];
    let long = LONG.as_nanos() as i64;
    let steps = array(&path, "steps");
    let lasts = |is_it: &dyn Fn(&Value) -> bool| -> i64 {
        steps.iter().filter(|step| is_it(step)).map(|step| number(step, "duration_ns")).sum()
    };
    let of = |step: &Value, name: &str| step["stack"].to_string().contains(name);
    let computed = lasts(&|step| {
        step["state"] == "Running" && of(step, "computes") && step["goroutine"] != *main
    });
    let slept = lasts(&|step| step["state"] == "Waiting" && step["reason"] == "sleep");
    assert!(computed > long / 2 && slept >= long - 1_000_000, "{computed} {slept} {path:#}");
    // Who is woken by somebody that is known does not wait on the path.
    assert_eq!(lasts(&|step| step["goroutine"] == *main && step["state"] == "Waiting"), 0);
    let woken =
        steps.iter().filter(|step| step["goroutine"] == *main && number(step, "waited_ns") > 0);
    assert_eq!(woken.count(), 2, "{path:#}");
}

#[test]
fn paths_between_moments() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = chain("paths::paths_between_moments", folder.path()) else { return };
    let whole = path(&file, &["--steps", "100000"]);
    expect_whole(&whole);
    // The last goroutine ran then, so that is where the path ends.
    let end = number(&whole, "to_ns");
    let (from, to) = (format!("{}ns", end - 20_000_000), format!("{end}ns"));
    let part = path(&file, &["--from", &from, "--to", &to, "--steps", "1"]);
    expect_whole(&part);
    assert_eq!((number(&part, "from_ns"), number(&part, "to_ns")), (end - 20_000_000, end));
    assert_eq!(array(&part, "steps").len(), 1);
    let id = whole["goroutine"].to_string();
    assert_eq!(path(&file, &["-g", &id])["goroutine"], whole["goroutine"]);
    let output = run(&[&"critical-path", &"--task", &"12345", &file]);
    assert!(expect_failure(&output, 1).contains("no such goroutine or task"));
    let output = run(&[&"critical-path", &file]);
    expect_success(&output);
    assert!(text(&output.stdout).contains("waiting"), "{}", text(&output.stdout));
}

#[test]
fn wakeups_of_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = chain("paths::wakeups_of_the_chain", folder.path()) else { return };
    let wakeups = program::json("wakeups", &file);
    let pairs = array(&wakeups, "pairs");
    let stacks: Vec<&Value> = pairs.iter().flat_map(|pair| array(pair, "stacks")).collect();
    let from = |name: &str| {
        let is_it = |stacks: &&&Value| {
            stacks["waker_stack"].to_string().contains(name) && stacks["reason"] != ""
        };
        stacks.iter().filter(is_it).map(|stacks| number(&stacks["times"], "count")).sum::<i64>()
    };
    assert_eq!((from("computes"), from("sleeps")), (1, 1), "{wakeups:#}");
    let slept = stacks.iter().find(|stacks| stacks["reason"] == "sleep").unwrap();
    assert!(number(&slept["times"], "waited_ns") >= LONG.as_nanos() as i64 - 1_000_000);
    assert!(slept["woken_stack"].to_string().contains("sleeps"));
    let sum = |field: &str| pairs.iter().map(|pair| number(&pair["times"], field)).sum::<i64>();
    for field in ["count", "latency_ns", "waited_ns"] {
        assert_eq!(sum(field), number(&wakeups["total"], field));
    }
}

/// Every wake-up that is followed by running is counted, and every path is whole.
#[test]
fn traces_of_go_programs() {
    let Some(go) = Go::find("paths through Go's traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    for file in programs::of_go(&go, folder.path()) {
        let wakeups = program::json("wakeups", &file);
        let summary = program::json("summary", &file);
        let events = |name: &str| summary["events_by_name"][name].as_i64().unwrap_or(0);
        let starts = events("GoStart") + events("GoSwitch") + events("GoSwitchDestroy");
        let count = number(&wakeups["total"], "count");
        assert!(count > 0 && count <= starts, "{count} of {starts} in {}", file.display());
        expect_whole(&path(&file, &["--steps", "1000000"]));
        expect_whole(&path(&file, &["-g", "1"]));
    }
}

#[test]
fn a_trace_is_not_different_from_itself() {
    let folder = tempfile::tempdir().unwrap();
    let test = "paths::a_trace_is_not_different_from_itself";
    let Some(files) = programs::of_gort(test, folder.path()) else { return };
    let json = |old: &Path, new: &Path| -> Value {
        let output = run(&[&"diff", &"--json", &old, &new]);
        expect_success(&output);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    expect_no_change(&json(&files[0], &files[0]));
    let difference = json(&files[0], &files[1]);
    let (old, new) = (figures(&files[0]), figures(&files[1]));
    for function in array(&difference, "functions") {
        let name = function["function"].as_str().unwrap();
        let of =
            |figures: &BTreeMap<String, (i64, i64)>| figures.get(name).copied().unwrap_or((0, 0));
        for (which, of_trace) in [("old", of(&old)), ("new", of(&new))] {
            let ours = (number(&function["count"], which), number(&function["running_ns"], which));
            assert_eq!(ours, of_trace, "{name} {which}");
        }
    }
    assert_eq!(difference["tasks"][0]["name"], "a task of many generations");
    assert_eq!(difference["regions"][0]["name"], "receiving");
    let output = run(&[&"diff", &files[0], &files[1]]);
    expect_success(&output);
    assert!(text(&output.stdout).contains("mean latency"));
    let trace = fs::read(&files[2]).unwrap();
    let cut = folder.path().join("cut");
    fs::write(&cut, &trace[..trace.len() * 3 / 4]).unwrap();
    let output = run(&[&"diff", &files[2], &cut]);
    assert!(expect_failure(&output, 1).contains("cut: "));
    assert!(text(&output.stdout).contains("mean latency"));
}

/// Count and running time of the goroutines of each function.
fn figures(file: &Path) -> BTreeMap<String, (i64, i64)> {
    let goroutines = program::json("goroutines", file);
    let figure = |group: &Value| {
        let times = number(&group["times"], "running_ns");
        (group["function"].as_str().unwrap().to_owned(), (number(group, "count"), times))
    };
    array(&goroutines, "groups").iter().map(figure).collect()
}

/// Wherever there are an old and a new figure, they are the same.
fn expect_no_change(value: &Value) {
    match value {
        Value::Object(fields) => {
            assert_eq!(fields.get("old"), fields.get("new"), "{value}");
            fields.values().for_each(expect_no_change);
        }
        Value::Array(values) => values.iter().for_each(expect_no_change),
        _ => {}
    }
}
