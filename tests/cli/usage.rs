//! The command line itself: its ends, its documents, its manners.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use crate::program::{self, expect_failure, expect_success, text};
use crate::programs;

/// Those that need nothing but a file.
const COMMANDS: [&str; 13] = [
    "summary",
    "goroutines",
    "tasks",
    "regions",
    "blocking",
    "latency",
    "leaks",
    "utilization",
    "timelines",
    "wakeups",
    "critical-path",
    "events",
    "check",
];
/// Those that need more, or have nothing to say of our own programs.
const OTHERS: [&str; 4] = ["mmu", "diff", "convert", "repair"];

#[test]
fn command_lines_that_make_no_sense() {
    for arguments in [
        &["trace", "sumary", "x"][..],
        &["trace", "-d=wire"],
        &["trace", "-d=wire", "x", "y"],
        &["trace", "-pprof=sync", "x", "y"],
        &["trace", "blocking", "--svg=-", "x", "y"],
        &["man", "nothing"],
    ] {
        let output = program::gort().args(arguments).output().unwrap();
        expect_failure(&output, 2);
    }
    for arguments in [
        &["nothing"][..],
        &["trace", "-d=x", "x"],
        &["trace", "blocking", "--svg=-", "--json", "x"],
        &["trace", "--from=1s", "x"],
        &["trace", "-pprof=sync", "-d=wire", "x"],
        &["trace", "-pprof=heap", "x"],
        &["trace", "events"],
        &["trace"],
        &["completions", "x"],
        &["trace", "events", "--from", "x", "y"],
        &["trace", "convert", "x", "-o", "y"],
        &["trace", "convert", "--to", "svg", "x", "-o", "y"],
        &["trace", "repair", "x"],
        &["trace", "diff", "x"],
        &["trace", "mmu", "--without", "x", "y"],
        &["trace", "utilization", "--steps", "1", "y"],
        &["trace", "timelines", "--stays", "0", "y"],
    ] {
        let output = program::gort().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn files_that_are_no_traces() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old\nname");
    fs::write(&old, b"go 1.21 trace\0\0\0\0").unwrap();
    for command in COMMANDS.iter().filter(|command| **command != "check") {
        let missing = folder.path().join("missing");
        assert!(expect_failure(&program::run(&[command, &missing]), 1).contains("missing: "));
        assert!(expect_failure(&program::run(&[command, &folder.path()]), 1).contains("directory"));
        let complaint = expect_failure(&program::run(&[command, &old]), 1);
        assert!(complaint.contains("Go 1.21"), "{complaint}");
    }
}

/// Of a damaged trace the answers are about what comes before the damage.
#[test]
fn damaged_traces() {
    let folder = tempfile::tempdir().unwrap();
    let Some(files) = programs::of_gort("usage::damaged_traces", folder.path()) else { return };
    let trace = fs::read(&files[2]).unwrap();
    let cut = folder.path().join("cut");
    fs::write(&cut, &trace[..trace.len() - trace.len() / 4]).unwrap();
    for command in COMMANDS.iter().filter(|command| **command != "check") {
        let whole = program::run(&[command, &files[2]]);
        expect_success(&whole);
        let part = program::run(&[command, &cut]);
        assert!(expect_failure(&part, 1).contains("cut: "), "{command}");
        assert!(!part.stdout.is_empty() && part.stdout != whole.stdout, "{command}");
    }
}

/// Whoever reads the output may have had enough of it.
#[test]
fn a_broken_pipe_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let Some(files) = programs::of_gort("usage::a_broken_pipe_is_no_failure", folder.path()) else {
        return;
    };
    for arguments in [&["events"][..], &["events", "--json"], &["-d=parsed"], &["-d=wire"]] {
        let mut command = program::trace();
        command.args(arguments).arg(&files[2]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut first = [0];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        expect_success(&output);
    }
}

#[test]
fn an_output_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let test = "usage::an_output_that_cannot_be_written";
    let Some(files) = programs::of_gort(test, folder.path()) else { return };
    for command in COMMANDS {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = program::trace().arg(command).arg(&files[0]).stdout(full).output().unwrap();
        assert!(expect_failure(&output, 3).contains("cannot be written"), "{command}");
    }
    let out = folder.path().join("nowhere").join("out");
    let output = program::run(&[&"latency", &"--folded", &out, &files[0]]);
    assert!(expect_failure(&output, 3).contains("nowhere/out: "));
}

/// Colours are for terminals, and for those who insist.
#[test]
fn colours() {
    let folder = tempfile::tempdir().unwrap();
    let Some(files) = programs::of_gort("usage::colours", folder.path()) else { return };
    let shown = |settings: &[(&str, &str)]| {
        let mut command = program::trace();
        command.arg("summary").arg(&files[0]).envs(settings.iter().copied());
        text(&command.output().unwrap().stdout)
    };
    assert!(!shown(&[]).contains('\x1b'));
    let forced = ("CLICOLOR_FORCE", "1");
    assert!(shown(&[forced]).contains("\x1b[1mevents"));
    assert!(!shown(&[forced, ("NO_COLOR", "1")]).contains('\x1b'));
}

/// Help, pages and completions come from the same table: each has all commands.
#[test]
fn documents() {
    let run = |arguments: &[&str]| {
        let output = program::gort().args(arguments).output().unwrap();
        expect_success(&output);
        text(&output.stdout)
    };
    let help = run(&["trace", "--help"]);
    let page = run(&["man", "trace"]);
    assert!(page.starts_with(".ie"), "{page}");
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        assert!(page.contains(&command.replace('-', "\\-")), "{page}");
        assert!(run(&["man", "trace", command]).contains("\\-\\-json"));
    }
    for command in OTHERS {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        assert!(run(&["man", "trace", command]).contains("SYNOPSIS"), "{command}");
    }
    assert!(run(&["--help"]).contains("Exit status: 0"));
    assert!(run(&["man"]).contains("NO_COLOR"));
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(run(&["completions", shell]).contains("goroutines"), "{shell}");
    }
    assert_eq!(run(&["--version"]), format!("gort {}\n", env!("CARGO_PKG_VERSION")));
}
