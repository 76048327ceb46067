//! Tests of traces: what is traced, and whose turn it is.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gort::{chan, go, gosched, sleep, trace};

use super::runtime::{eventually, run};

/// A test's turn, which its thread holds: no other test traces meanwhile.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    run(|| ());
    eventually("the trace before has ended", || !trace::is_enabled());
    turn
}

/// A little of everything that the scheduler does.
pub(crate) fn work() {
    let (tx, rx) = chan(0);
    let sender = go(move || (0..20).for_each(|n| tx.send(n).unwrap()));
    assert_eq!(rx.iter().sum::<i32>(), 190);
    sender.join().unwrap();
    gosched();
    sleep(Duration::from_micros(100));
}

/// Whether a trace has this text.
pub(crate) fn contains(trace: &[u8], text: impl AsRef<[u8]>) -> bool {
    let text = text.as_ref();
    trace.windows(text.len()).any(|window| window == text)
}

/// Bytes of memory that the process has.
pub(crate) fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
