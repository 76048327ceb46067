//! Tests that run again in a process of their own, for what ends or changes a whole process.

#![allow(dead_code, reason = "each test uses its part")]

use std::process::{Command, Output};

/// Seconds after which a process that hangs dies of SIGALRM.
const PATIENCE_S: u32 = 60;

const CHILD: &str = "GORT_TEST_PROCESS";

/// Whether this is a process that [`again`]'s command started.
pub(crate) fn is_again() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// The command that runs the test called `test` again, alone; `None` in the process that it starts.
pub(crate) fn again(test: &str) -> Option<Command> {
    if is_again() {
        // SAFETY: alarm has no preconditions.
        unsafe { libc::alarm(PATIENCE_S) };
        return None;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, "1");
    Some(again)
}

/// Runs the test again with these settings: what became of it, or `None` in that process.
pub(crate) fn process(test: &str, environment: &[(&str, &str)]) -> Option<Output> {
    again(test).map(|mut again| again.envs(environment.iter().copied()).output().unwrap())
}

pub(crate) fn assert_success(output: &Output) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    assert!(out.contains("1 passed"), "no such test: {out}");
}
