//! `gort trace events`: text, JSON and filters.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{self, text};
use crate::programs;

/// A trace of gort's in the newest version.
fn trace(test: &str, folder: &Path) -> Option<PathBuf> {
    programs::of_gort(test, folder)?.pop()
}

/// The events that options let through.
fn events(file: &Path, options: &[&str]) -> Vec<Value> {
    let output =
        program::trace().args(["events", "--json"]).args(options).arg(file).output().unwrap();
    program::expect_success(&output);
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Whether a stack has a function whose name contains this.
fn has_function(event: &Value, part: &str) -> bool {
    let stacks = [&event["stack"], &event["own_stack"]].into_iter().filter_map(Value::as_array);
    stacks.flatten().any(|frame| frame["function"].as_str().unwrap().contains(part))
}

/// What each filter should let through is found among all events.
#[test]
fn filters() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = trace("events::filters", folder.path()) else { return };
    let all = events(&file, &[]);
    let goroutine = all.iter().find(|event| event["event"] == "UserRegionBegin").unwrap();
    let goroutine = goroutine["goroutine"].as_i64().unwrap();
    let task = all.iter().find(|event| event["event"] == "UserTaskBegin").unwrap()["task"].clone();
    // By events: where the machine is busy, a part of the time may have none.
    let [from_ns, to_ns] =
        [all.len() / 3, all.len() / 2].map(|at| all[at]["time_ns"].as_i64().unwrap());
    let is_of =
        |event: &Value| event["goroutine"] == goroutine || event["of_goroutine"] == goroutine;
    let expect = |options: &[&str], is_wanted: &dyn Fn(&Value) -> bool| {
        let expected: Vec<&Value> = all.iter().filter(|event| is_wanted(event)).collect();
        let found = events(&file, options);
        assert!(!found.is_empty() && found.len() < all.len(), "{options:?}: {}", found.len());
        assert!(found.iter().eq(expected.iter().copied()), "{options:?}");
    };
    let id = goroutine.to_string();
    expect(&["-g", &id], &is_of);
    expect(&["--kind", "goblock"], &|event| event["event"] == "GoBlock");
    expect(&["-k", "Log", "-k", "Metric"], &|event| {
        event["kind"] == "Log" || event["kind"] == "Metric"
    });
    expect(&["-t", &task.to_string()], &|event| event["task"] == task);
    expect(&["-f", "programs::work"], &|event| has_function(event, "programs::work"));
    let range = |event: &Value| (from_ns..to_ns).contains(&event["time_ns"].as_i64().unwrap());
    let (from, to) = (format!("{from_ns}ns"), format!("{to_ns}ns"));
    expect(&["--from", &from, "--to", &to], &range);
    expect(&["--from", &from, "--to", &to, "-g", &id, "-k", "GoBlock"], &|event| {
        range(event) && is_of(event) && event["event"] == "GoBlock"
    });
}

/// Text and JSON tell of the same events, a line each.
#[test]
fn lines_and_stacks() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = trace("events::lines_and_stacks", folder.path()) else { return };
    let all = events(&file, &[]);
    let output = program::run(&[&"events", &file]);
    program::expect_success(&output);
    let lines = text(&output.stdout);
    assert_eq!(lines.lines().count(), all.len());
    for (line, event) in lines.lines().zip(&all) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (s, ns) = words[0].split_once('.').unwrap();
        let time_ns = s.parse::<i64>().unwrap() * 1_000_000_000 + ns.parse::<i64>().unwrap();
        assert_eq!(event["time_ns"], time_ns, "{line}");
        assert_eq!(event["event"], words[4], "{line}");
        if let Some(goroutine) = event["goroutine"].as_i64() {
            assert_eq!(words[1], format!("G{goroutine}"));
        }
    }
    let output = program::run(&[&"events", &"--stacks", &file]);
    let with_stacks = text(&output.stdout);
    let frames = |event: &Value| {
        let own = event["own_stack"].as_array().map_or(0, Vec::len);
        event["stack"].as_array().map_or(0, Vec::len) + own
    };
    let shown = with_stacks.lines().filter(|line| line.starts_with("            ")).count();
    let same = |event: &&Value| event["stack"] == event["own_stack"];
    let twice: usize = all.iter().filter(same).map(|event| frames(event) / 2).sum();
    assert_eq!(shown, all.iter().map(frames).sum::<usize>() - twice);
}

/// The summary's figures are those of the events.
#[test]
fn summaries() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = trace("events::summaries", folder.path()) else { return };
    let all = events(&file, &[]);
    let count = |name: &str| all.iter().filter(|event| event["event"] == name).count();
    let summary = program::json("summary", &file);
    assert_eq!(summary["version"], "1.26");
    assert_eq!(summary["events"], all.len());
    assert_eq!(summary["bytes"], std::fs::metadata(&file).unwrap().len());
    assert_eq!(summary["generations"], count("Sync") - 1);
    assert_eq!(summary["duration_ns"], all.last().unwrap()["time_ns"]);
    assert_eq!(summary["events_by_name"]["GoBlock"], count("GoBlock"));
    assert_eq!(summary["goroutines"]["begun"], count("GoCreate"));
    assert_eq!(summary["goroutines"]["ended"], count("GoDestroy"));
    assert_eq!(summary["tasks"]["begun"], 1);
    assert_eq!(summary["regions"]["ended"], count("UserRegionEnd"));
    assert_eq!(summary["logs"], count("UserLog"));
    let by_name = summary["events_by_name"].as_object().unwrap();
    assert_eq!(by_name.values().map(|n| n.as_u64().unwrap()).sum::<u64>(), all.len() as u64);
    let output = program::run(&[&"summary", &file]);
    program::expect_success(&output);
    assert!(text(&output.stdout).contains(&format!("\nevents       {}\n", all.len())));
}
