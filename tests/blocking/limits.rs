//! Where the system has no more threads.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use std::{fs, thread};

use gort::{blocking, go};

use super::process::{assert_success, process};
use super::{eventually, run};

/// Threads that the process may have beside those that its user has already.
const SPARE: usize = 8;

/// Limits the threads of the process, which must not be the superuser's for that.
fn limit_threads() {
    const NOBODY: libc::uid_t = 65_534;
    // SAFETY: plain numbers, in a process of its own that has one thread of its own by now.
    unsafe {
        if libc::geteuid() == 0 {
            assert_eq!(libc::setresuid(NOBODY, NOBODY, NOBODY), 0);
        }
        let threads = threads_of(libc::geteuid()) + SPARE;
        let limit = libc::rlimit { rlim_cur: threads as u64, rlim_max: threads as u64 };
        assert_eq!(libc::setrlimit(libc::RLIMIT_NPROC, &limit), 0);
    }
}

/// How many threads a user has.
fn threads_of(user: u32) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let own = processes.filter(|entry| entry.metadata().is_ok_and(|m| m.uid() == user));
    own.filter_map(|entry| Some(fs::read_dir(entry.path().join("task")).ok()?.count())).sum()
}

/// More calls than threads: some wait, all are made, and the runtime says why it took so long.
#[test]
fn calls_wait_for_threads() {
    let test = "limits::calls_wait_for_threads";
    let Some(output) = process(test, &[("GOMAXPROCS", "2"), ("RUST_TEST_THREADS", "1")]) else {
        limit_threads();
        run(|| {
            let calls: Vec<_> = (0..64)
                .map(|n| {
                    go(move || {
                        blocking(|| thread::sleep(Duration::from_millis(20)));
                        thread::sleep(Duration::from_millis(5));
                        n
                    })
                })
                .collect();
            let sum: i32 = calls.into_iter().map(|call| call.join().unwrap()).sum();
            assert_eq!(sum, 63 * 64 / 2);
            eventually("all have ended", || gort::num_goroutine() == 1);
        });
        return;
    };
    assert_success(&output);
    let said = String::from_utf8_lossy(&output.stderr);
    let complaint = "gort: goroutines wait for a thread: ";
    assert_eq!(said.matches(complaint).count(), 1, "{said}");
}
