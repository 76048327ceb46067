//! A kitchen that says in its trace what it does, and hands no context from function to function.
//!
//! Each order is a task that its goroutine works for, and so do the goroutines that it starts. What
//! the kitchen logs by the crate `log` is in the trace too, and labels tell whose order it is.
//!
//! ```text
//! cargo run --example annotations [FILE]
//! ```

use std::fs::File;
use std::time::Duration;

use gort::labels;
use gort::sync::WaitGroup;
use gort::trace::{self, LogBridge};

fn main() {
    log::set_boxed_logger(Box::new(LogBridge::new())).expect("there is no other logger");
    log::set_max_level(log::LevelFilter::Info);
    let file = std::env::args().nth(1).unwrap_or_else(|| "trace.out".to_owned());
    let out = File::create(&file).expect("a file for the trace");
    // SAFETY: no goroutine below keeps anything of its thread's own over a call that blocks.
    let summary = unsafe {
        gort::run(|| {
            trace::start(out).expect("no other trace");
            let guests = WaitGroup::new();
            for guest in ["Ada", "Grace", "Edsger"] {
                guests.go(move || serve(guest));
            }
            guests.wait();
            trace::stop().expect("a whole trace")
        })
    };
    let count = |event| summary.counts().get(event).copied().unwrap_or_default();
    println!("{} tasks with {} regions", count("UserTaskBegin"), count("UserRegionBegin"));
    println!("{} logs, in {file}", count("UserLog"));
}

fn serve(guest: &'static str) {
    let order = trace::task("serve");
    let _working = order.enter();
    labels::with(&[("guest", guest)].into(), || {
        log::info!("{guest} is seated");
        let kitchen = WaitGroup::new();
        for dish in ["soup", "bread", "tea"] {
            kitchen.go(move || cook(dish));
        }
        kitchen.wait();
        log::info!("{guest} is served");
    });
}

/// Knows nothing of the guest, but its goroutine does.
fn cook(dish: &str) {
    let _region = trace::region("cook");
    gort::sleep(Duration::from_millis(2));
    trace::eventf!("dish", "{dish} is ready");
}
