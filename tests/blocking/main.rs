//! Nobody blocks the others: [`gort::blocking`], calls of `std` that block, goroutines that
//! compute, [`gort::lock_os_thread`]. Most tests need a number of processors of their own, so each
//! is a process.

#[path = "../support/process.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod calls;
mod limits;
mod locked;
mod quiet;
mod reports;
mod taken;
mod traced;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gort::JoinHandle;
use process::{assert_success, process};
use support::runtime::{PATIENCE, eventually, run};

/// Runs `test` in processes of its own, with so many processors each.
fn on_processors(test: &str, counts: &[&str], f: impl FnOnce() + Send) {
    for procs in counts {
        let Some(output) = process(test, &[("GOMAXPROCS", procs)]) else { return run(f) };
        assert_success(&output);
    }
}

fn figure(name: &str) -> u64 {
    gort::metrics::read(name).unwrap().uint64().unwrap()
}

/// Goroutines that compute without a call of gort until this is dropped.
struct Hogs {
    stop: Arc<AtomicBool>,
    hogs: Vec<JoinHandle<u64>>,
}

impl Hogs {
    fn new(count: usize) -> Hogs {
        let stop = Arc::new(AtomicBool::new(false));
        let hog = |stop: Arc<AtomicBool>| move || count_until(&stop);
        let hogs = (0..count).map(|_| gort::go(hog(stop.clone()))).collect();
        Hogs { stop, hogs }
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for hog in self.hogs.drain(..) {
            hog.join().unwrap();
        }
    }
}

#[inline(never)]
fn count_until(stop: &AtomicBool) -> u64 {
    let mut n = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        n = std::hint::black_box(n + 1);
    }
    n
}
