//! Who ran where: what the views of `go tool trace` by processor and by thread show.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::convert::{self, Slice};
use crate::program::{self, expect_success, run};
use crate::programs;
use crate::support::Go;

/// So many of Go's traces are compared: it takes a while for a large one.
const COMPARED: usize = 3;

fn timelines(file: &Path, arguments: &[&str]) -> Value {
    let mut all: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"timelines", &"--json"];
    all.extend(arguments.iter().map(|argument| argument as &dyn AsRef<std::ffi::OsStr>));
    all.push(&file);
    let output = run(&all);
    expect_success(&output);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The stays of one kind of rows.
fn stays(timelines: &Value, kind: &str) -> Vec<Slice> {
    let mut all = Vec::new();
    for row in timelines[kind].as_array().unwrap() {
        for stay in row["stays"].as_array().unwrap() {
            let number = |field: &str| stay[field].as_i64().unwrap();
            let (begin, end) = (number("begin_ns"), number("end_ns"));
            assert_eq!((number("count"), number("busy_ns")), (1, end - begin));
            let name = format!("G{}", number("goroutine"));
            all.push((row["id"].as_u64().unwrap(), begin, end - begin, name));
        }
    }
    all.sort();
    all
}

fn expect_the_views_of_go(go: &Go, file: &Path) {
    let viewer = go.viewer(file).unwrap();
    let ours = timelines(file, &["--stays", "1000000000"]);
    for (view, kind) in [("proc", "procs"), ("thread", "threads")] {
        let page = viewer.get(&format!("/jsontrace?view={view}")).unwrap();
        let page: Value = serde_json::from_slice(&page.body).unwrap();
        let is_goroutine = |name: &str| name.starts_with('G') && !name.starts_with("GC");
        let mut theirs = convert::slices(&page, 0);
        theirs.retain(|slice| is_goroutine(&slice.3));
        assert!(!theirs.is_empty());
        let what = format!("{kind} of {}", file.display());
        convert::expect_equal(&what, &stays(&ours, kind), &theirs);
    }
}

fn sum(timelines: &Value, field: &str) -> i64 {
    let rows = timelines["procs"].as_array().unwrap().iter();
    rows.flat_map(|row| row["stays"].as_array().unwrap()).map(|s| s[field].as_i64().unwrap()).sum()
}

/// Fewer stays are the same time, and parts of the time are the whole.
fn expect_the_same_in_parts(file: &Path) {
    let whole = timelines(file, &[]);
    let coarse = timelines(file, &["--stays", "7"]);
    let rows = coarse["procs"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["stays"].as_array().unwrap().len() <= 7));
    for field in ["busy_ns", "count"] {
        assert_eq!(sum(&coarse, field), sum(&whole, field));
    }
    let middle = whole["duration_ns"].as_i64().unwrap() / 2;
    let middle = format!("{middle}ns");
    let (left, right) =
        (timelines(file, &["--to", &middle]), timelines(file, &["--from", &middle]));
    assert_eq!(sum(&left, "busy_ns") + sum(&right, "busy_ns"), sum(&whole, "busy_ns"));
    assert!(sum(&left, "busy_ns") > 0 && sum(&right, "busy_ns") > 0);
    // What is not in the trace is nothing, and what is around it is all of it.
    for arguments in [&["--from=2s", "--to=1ms"], &["--from=9999999999s", "--to=99999999999s"]] {
        let none = timelines(file, arguments);
        assert!(none["from_ns"].as_i64() <= none["to_ns"].as_i64(), "{arguments:?}");
        assert_eq!(
            (&none["procs"], &none["threads"]),
            (&Value::from([0; 0]), &Value::from([0; 0]))
        );
        expect_success(&run(&[&"timelines", &arguments[0], &arguments[1], &file]));
    }
    let around = ["--from=-9223372036s", "--to=99999999999s"];
    assert_eq!(sum(&timelines(file, &around), "busy_ns"), sum(&whole, "busy_ns"));
    expect_success(&run(&[&"timelines", &around[0], &around[1], &file]));
}

#[test]
fn traces_of_go_programs() {
    let Some(go) = Go::find("timelines of Go's traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut files = programs::of_go(&go, folder.path());
    files.sort_by_key(|file| fs::metadata(file).unwrap().len());
    // The large ones have nothing that these lack.
    for file in &files[..COMPARED] {
        expect_the_views_of_go(&go, file);
        expect_the_same_in_parts(file);
    }
}

#[test]
fn traces_of_gort_programs() {
    let Some(go) = Go::find("timelines of gort's traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    let test = "timelines::traces_of_gort_programs";
    let Some(files) = programs::of_gort(test, folder.path()) else { return };
    for file in files {
        expect_the_views_of_go(&go, &file);
        expect_the_same_in_parts(&file);
        let output = run(&[&"timelines", &file]);
        expect_success(&output);
        let text = program::text(&output.stdout);
        for part in ["processor", "thread", "over time", "longest", "|"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
