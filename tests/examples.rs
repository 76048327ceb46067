//! The examples run, say what they should, and are short. (`cappuccino` has a test of its own.)

mod support;

use std::path::Path;
use std::process::Command;

use support::example;

const LINES: usize = 80;

/// Runs an example to its end: what it printed.
fn output(name: &str, arguments: &[&str]) -> String {
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.rs"));
    let lines = std::fs::read_to_string(text).unwrap().lines().count();
    assert!(lines < LINES, "{name} has {lines} lines");
    let mut command = Command::new(example(name));
    let output = command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{complaint}", output.status);
    assert_eq!(complaint, "", "{name}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn prime_sieve() {
    let primes = "2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59 61 67 71 73 79 83 89 97\n";
    assert_eq!(output("prime_sieve", &[]), primes);
    assert!(output("prime_sieve", &["500"]).ends_with(" 3571\n"));
}

#[test]
fn pipeline() {
    let printed = output("pipeline", &[]);
    assert!(printed.contains("every stage has ended: context canceled"), "{printed}");
}

#[test]
fn worker_pool() {
    let expected = "100 jobs done: Ok(())\nnot all jobs done: job 40 failed\n";
    assert_eq!(output("worker_pool", &[]), expected);
}

#[test]
fn select_timeout() {
    let expected = "the fast mirror answers\nno answer within 20ms\nnothing yet\n";
    assert_eq!(output("select_timeout", &[]), expected);
}

#[test]
fn dining_philosophers() {
    let printed = output("dining_philosophers", &[]);
    assert!(printed.ends_with("100 meals were eaten, with two forks each\n"), "{printed}");
    assert_eq!(printed.matches(" is full\n").count(), 5);
}

#[test]
fn rate_limiter() {
    let expected = "10 requests, 3 of them at once and then one each 10ms\n";
    assert_eq!(output("rate_limiter", &[]), expected);
}

#[test]
fn annotations() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("annotations.trace");
    let name = file.to_str().unwrap();
    let printed = output("annotations", &[name]);
    assert_eq!(printed, format!("3 tasks with 9 regions\n15 logs, in {name}\n"));
    if let Some(go) = support::Go::find("the trace of the example") {
        go.check(std::slice::from_ref(&file)).unwrap();
        let text = go.parsed(&file).unwrap();
        let labelled = text.lines().filter(|line| line.contains("Label=\"{guest: "));
        assert!(labelled.count() >= 12, "{text}");
    }
}

#[test]
fn parallel_hash() {
    let printed = output("parallel_hash", &["examples"]);
    let mut files: Vec<_> =
        std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
    files.sort();
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), files.len());
    for (line, file) in lines.iter().zip(files) {
        let (sum, path) = line.split_once("  ").unwrap();
        assert!(sum.len() == 64 && sum.chars().all(|c| c.is_ascii_hexdigit()), "{line}");
        assert_eq!(path, format!("examples/{file}"));
    }
}

#[test]
fn async_bridge() {
    assert_eq!(output("async_bridge", &[]), "the squares' sum is 338350\nhello world\n");
}

#[test]
fn virtual_time() {
    assert_eq!(output("virtual_time", &[]), "two tests of more than an hour passed\n");
}

#[test]
fn echo_server() {
    assert_eq!(output("echo_server", &[]), "100 clients heard what they said\n");
}

#[test]
fn chat() {
    assert_eq!(output("chat", &[]), "1 came\n1: good evening\n");
}

#[test]
fn crawl() {
    assert_eq!(output("crawl", &["1000"]), "1000 pages, 16 at a time\n");
}
