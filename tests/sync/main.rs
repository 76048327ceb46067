//! Synchronisation: `gort::sync`, a module for each type.

mod barrier;
mod bubble;
mod cond;
mod errgroup;
mod mutex;
mod once;
mod pool;
mod rw_mutex;
mod semaphore;
mod singleflight;
mod wait_group;

#[path = "../support/process.rs"]
mod process;
#[path = "../support/runtime.rs"]
mod runtime;

use runtime::run;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// For what must not happen: long enough that it would.
const WHILE: Duration = Duration::from_millis(20);

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).expect("a text")
}

/// What `f` panics with.
fn panic_of<T>(f: impl FnOnce() -> T) -> String {
    let outcome = catch_unwind(AssertUnwindSafe(|| drop(f())));
    text_of(&*outcome.expect_err("it panics")).to_owned()
}

/// Waits until `condition` holds, which it does before long.
fn until(mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(30), "waited in vain");
        gort::sleep(Duration::from_micros(200));
    }
}

/// Waits until the goroutine waits, for this reason.
fn blocked<T>(handle: &gort::JoinHandle<T>, reason: &str) {
    until(|| {
        let mut is_blocked = false;
        gort::stacks::each(|g| is_blocked |= g.id == handle.id() && g.wait_reason == Some(reason));
        is_blocked
    });
}

/// Joins a thread as a goroutine may: without blocking the thread that it runs on.
fn joined<T>(thread: std::thread::JoinHandle<T>) -> std::thread::Result<T> {
    until(|| thread.is_finished());
    thread.join()
}
