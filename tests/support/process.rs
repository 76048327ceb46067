//! Tests that run again in a process of their own, for what ends or changes a whole process.

#![allow(dead_code, reason = "each test uses its part")]

use std::os::unix::process::CommandExt;
use std::panic::catch_unwind;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Seconds after which a process that hangs dies of SIGALRM; so many that one on a busy machine, or
/// beside many others, does not.
const PATIENCE_S: u32 = 300;

/// So many at a time of processes that look up names, which takes a processor for a while.
pub(crate) const AT_ONCE: usize = 3;

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
    // SAFETY: it makes system calls only.
    unsafe { again.pre_exec(default_signals) };
    Some(again)
}

/// A shell that runs the tests in the background, or `nohup`, has them ignore some signals, and that
/// is inherited.
fn default_signals() -> std::io::Result<()> {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
        // SAFETY: the default action is no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    Ok(())
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

/// The main function of a test program without libtest: runs the tests that the arguments name, or
/// all, so many at a time; in a process that [`again`]'s command started, its test and nothing else.
pub(crate) fn main(at_once: usize, tests: &[(&'static str, fn())]) {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    if is_again() {
        let (_, test) = tests.iter().find(|(name, _)| *name == wanted[0]).expect("such a test");
        test();
        println!("1 passed");
        return;
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(&**w));
    let tests: Vec<_> = tests.iter().copied().filter(|(name, _)| is_wanted(name)).collect();
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..at_once.min(tests.len()) {
            scope.spawn(|| {
                while let Some((name, test)) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let is_ok = catch_unwind(test).is_ok();
                    println!("test {name} ... {}", if is_ok { "ok" } else { "FAILED" });
                    failed.fetch_add(usize::from(!is_ok), Ordering::Relaxed);
                }
            });
        }
    });
    let failed = failed.into_inner();
    println!("\ntest result: {} passed; {failed} failed", tests.len() - failed);
    std::process::exit(if failed == 0 { 0 } else { 101 });
}
