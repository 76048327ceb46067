//! SIGQUIT: a dump of all goroutines, and the end of the process.
//!
//! The handler only wakes a thread that waits for this since the runtime's start and needs no
//! processor, so it works while all workers compute or hang. A second SIGQUIT ends the process
//! in the system's way, should the dump hang as well.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{fatal, own_threads};
use crate::sys::{futex, interrupt};

static ASKED: AtomicU32 = AtomicU32::new(0);

/// Starts the thread, if nobody else has a use for the signal.
pub(super) fn start() {
    if !interrupt::on_quit(asked) {
        return;
    }
    let started = std::thread::Builder::new().name("gort-quit".into()).spawn(help);
    if let Err(error) = started {
        log::warn!("gort: SIGQUIT will end the process without a dump: {error}");
        interrupt::default_quit();
    }
}

/// In the signal handler.
fn asked() {
    // ORDERING: Release, pairs with the Acquire in `help`.
    ASKED.store(1, Ordering::Release);
    futex::wake(&ASKED, 1);
}

fn help() {
    own_threads::count_me();
    // ORDERING: Acquire, pairs with the Release in `asked`.
    while ASKED.load(Ordering::Acquire) == 0 {
        futex::wait(&ASKED, 0, None);
    }
    fatal::quit();
}
