//! The program, run.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// `gort trace`, in UTC, and without anybody's settings for colours.
pub(crate) fn trace() -> Command {
    let mut command = gort();
    command.arg("trace");
    command
}

/// `gort`.
pub(crate) fn gort() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gort"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.env("TZ", "UTC");
    command
}

/// Runs `gort trace` with arguments.
pub(crate) fn run(arguments: &[&dyn AsRef<OsStr>]) -> Output {
    trace().args(arguments).output().unwrap()
}

/// What `gort trace COMMAND --json FILE` says.
pub(crate) fn json(command: &str, file: &Path) -> Value {
    let output = run(&[&command, &"--json", &file]);
    expect_success(&output);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
pub(crate) fn expect_success(output: &Output) {
    assert!(output.status.success(), "{}: {}", output.status, text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
}

/// A complaint is one line, and the status is this one.
#[track_caller]
pub(crate) fn expect_failure(output: &Output, status: i32) -> String {
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    complaint
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
