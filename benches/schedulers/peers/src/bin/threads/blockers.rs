//! Threads that block in the system beside two that compute.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use crate::common::blockers::{self, COMPUTING, Window};
use crate::common::fifos::Fifos;
use crate::join_sum;
use crate::load::{Load, Outcome, Way};

pub(super) fn run(load: Load, way: Way) -> Outcome {
    let before = join_sum(compute(Window::half(load)));
    let (beside, calls) = match way {
        Way::Sleep | Way::Told => beside_sleeps(load),
        Way::Enter => beside_sends(load),
        Way::Fifo => beside_reads(load),
    };
    let after = join_sum(compute(Window::half(load)));
    blockers::outcome(load, before + after, beside, calls)
}

fn compute(window: Window) -> Vec<JoinHandle<u64>> {
    let compute = |_| {
        thread::spawn(move || {
            thread::sleep(window.lead_in());
            window.compute()
        })
    };
    (0..COMPUTING).map(compute).collect()
}

fn beside_sleeps(load: Load) -> (u64, u64) {
    let window = Window::new(load);
    let sleep = |_| thread::spawn(move || window.sleep(|| {}));
    let sleepers = (0..load.width).map(sleep).collect();
    let beside = join_sum(compute(window));
    (beside, join_sum(sleepers))
}

/// Each sends a value after each sleep.
fn beside_sends(load: Load) -> (u64, u64) {
    let window = Window::new(load);
    let (sender, receiver) = mpsc::channel();
    let collector = thread::spawn(move || receiver.iter().sum::<u64>());
    let sleep = |_| {
        let sender = sender.clone();
        thread::spawn(move || {
            let mut sent = 0;
            let count = window.sleep(|| {
                sender.send(1).unwrap();
                sent += 1;
            });
            (sent, count)
        })
    };
    let sleepers: Vec<_> = (0..load.width).map(sleep).collect();
    drop(sender);
    let beside = join_sum(compute(window));
    let (sent, calls) = join_sums(sleepers);
    assert_eq!(collector.join().unwrap(), sent);
    (beside, calls)
}

fn beside_reads(load: Load) -> (u64, u64) {
    let fifos = Fifos::new(load);
    let window = Window::new(load);
    let read = |n| {
        let fifo = fifos.open(n);
        thread::spawn(move || window.read(fifo))
    };
    let readers: Vec<_> = (0..load.width).map(read).collect();
    let beside = join_sum(compute(window));
    let (read, calls) = join_sums(readers);
    assert_eq!(read, load.width * fifos.finish());
    (beside, calls)
}

fn join_sums(handles: Vec<JoinHandle<(u64, u64)>>) -> (u64, u64) {
    let pairs = handles.into_iter().map(|handle| handle.join().unwrap());
    pairs.fold((0, 0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1))
}
