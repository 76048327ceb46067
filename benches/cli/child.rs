//! What a process takes.

use std::process::{Command, Stdio};
use std::time::Instant;

/// What a process took.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    /// Of all processors together.
    pub(crate) used_seconds: f64,
    /// The most at a time.
    pub(crate) memory_mib: f64,
}

/// Runs a command, whose output goes nowhere, to its end, which has to be a good one.
#[expect(clippy::zombie_processes, reason = "`wait` waits for it")]
pub(crate) fn cost(command: &mut Command) -> Cost {
    let begin = Instant::now();
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let usage = wait(child.id());
    let seconds = begin.elapsed().as_secs_f64();
    let of = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Cost {
        seconds,
        used_seconds: of(usage.ru_utime) + of(usage.ru_stime),
        memory_mib: usage.ru_maxrss as f64 / 1024.0,
    }
}

/// Waits for a child, in the place of its handle, which does not say what it took.
fn wait(child: u32) -> libc::rusage {
    // SAFETY: zeros are a valid value of this struct of numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let mut status = 0;
    // SAFETY: both places are valid for a write.
    let waited = unsafe { libc::wait4(child as libc::pid_t, &raw mut status, 0, &raw mut usage) };
    assert_eq!(waited, child as libc::pid_t, "{}", std::io::Error::last_os_error());
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "status {status:#x}");
    usage
}
