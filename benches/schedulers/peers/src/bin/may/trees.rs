//! Trees of coroutines, on may.

use may::go;
use may::sync::mpsc::{self, Sender};

use crate::common::fib;
use crate::load::Load;

/// A leaf sends its number, a node the sum of what its children send.
pub(super) fn skynet(load: Load) {
    let (to, from) = mpsc::channel();
    go!(move || node(&to, 0, load));
    assert_eq!(from.recv().unwrap(), load.n * (load.n - 1) / 2);
}

/// The leaves below are `load.n`, from number `first` on.
fn node(parent: &Sender<u64>, first: u64, load: Load) {
    if load.n == 1 {
        return parent.send(first).unwrap();
    }
    let (to, from) = mpsc::channel();
    let below = Load { n: load.share(), ..load };
    for child in 0..load.width {
        let to = to.clone();
        go!(move || node(&to, first + child * below.n, below));
    }
    let sum = (0..load.width).map(|_| from.recv().unwrap()).sum();
    parent.send(sum).unwrap();
}

pub(super) fn fib(load: Load) {
    let all = go!(move || call(load.width));
    assert_eq!(all.join().unwrap(), fib::fibonacci(load.width));
}

fn call(number: u64) -> u64 {
    fib::alone(number).unwrap_or_else(|| {
        let calls = [1, 2].map(|before| go!(move || call(number - before)));
        calls.into_iter().map(|call| call.join().unwrap()).sum()
    })
}
