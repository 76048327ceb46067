//! The hot paths: what a child does so many times, on one processor.

use std::sync::Arc;

use gort::chan::{Receiver, Sender};
use gort::sync::{Mutex, WaitGroup};

/// A path: what it is called, and a function that takes it so many times.
pub(crate) type Path = (&'static str, fn(u64));

pub(crate) const YIELD: &str = "yield";

/// The same while a trace is taken: the difference is what the events cost.
pub(crate) const TRACED: &str = "yield, traced";

/// A stop, with a stack, and a start.
pub(crate) const EVENTS_PER_YIELD: f64 = 2.0;

pub(crate) const ALL: [Path; 7] = [
    ("spawn, run, exit", spawn),
    (YIELD, yields),
    (TRACED, traced),
    ("send, receive", hand_over),
    ("select of 4", select),
    ("mutex", mutex),
    ("mutex, with a wait", contended_mutex),
];

/// Goroutines at a time: as many as a warm cache of stacks holds for sure.
const BATCH: u64 = 50;

fn spawn(n: u64) {
    let all = Arc::new(WaitGroup::new());
    for _ in 0..n / BATCH {
        for _ in 0..BATCH {
            all.add(1);
            let all = Arc::clone(&all);
            gort::go(move || all.done());
        }
        all.wait();
    }
}

/// Two by turns.
fn yields(n: u64) {
    let other = gort::go(move || (0..n / 2).for_each(|_| gort::gosched()));
    (0..n / 2).for_each(|_| gort::gosched());
    other.join().unwrap();
}

fn traced(n: u64) {
    gort::trace::start(std::io::sink()).unwrap();
    yields(n);
    gort::trace::stop().unwrap();
}

/// Without a buffer: who comes second hands over.
fn hand_over(n: u64) {
    let (sender, receiver) = gort::chan(0);
    produce(sender, n);
    assert_eq!(receiver.iter().count() as u64, n);
}

fn produce(sender: Sender<u64>, n: u64) {
    gort::go(move || (0..n).for_each(|value| sender.send(value).unwrap()));
}

fn select(n: u64) {
    let channels: [(Sender<u64>, Receiver<u64>); 4] = std::array::from_fn(|_| gort::chan(0));
    channels.iter().for_each(|(sender, _)| produce(sender.clone(), n / 4));
    let [a, b, c, d] = channels.each_ref().map(|(_, receiver)| receiver);
    for _ in 0..n {
        gort::select! {
            recv(a) -> value => value.unwrap(),
            recv(b) -> value => value.unwrap(),
            recv(c) -> value => value.unwrap(),
            recv(d) -> value => value.unwrap(),
        };
    }
}

/// Which nobody else wants.
fn mutex(n: u64) {
    let count = Mutex::new(0);
    (0..n).for_each(|_| *count.lock() += 1);
    assert_eq!(count.into_inner(), n);
}

/// Two want it, and who has it yields: the other one waits each time.
fn contended_mutex(n: u64) {
    let count = Arc::new(Mutex::new(0));
    let add = move |count: &Mutex<u64>| {
        for _ in 0..n / 2 {
            let mut count = count.lock();
            gort::gosched();
            *count += 1;
        }
    };
    let other = {
        let count = Arc::clone(&count);
        gort::go(move || add(&count))
    };
    add(&count);
    other.join().unwrap();
    assert_eq!(*count.lock(), n);
}
