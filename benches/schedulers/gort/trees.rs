//! Trees of goroutines, on gort.

use gort::chan::Sender;

use crate::common::fib;
use crate::load::Load;

/// A leaf sends its number, a node the sum of what its children send.
pub(super) fn skynet(load: Load) {
    let (to, from) = gort::chan(0);
    gort::go(move || node(&to, 0, load));
    assert_eq!(from.recv().unwrap(), load.n * (load.n - 1) / 2);
}

/// The leaves below are `load.n`, from number `first` on.
fn node(parent: &Sender<u64>, first: u64, load: Load) {
    if load.n == 1 {
        return parent.send(first).unwrap();
    }
    let (to, from) = gort::chan(0);
    let below = Load { n: load.share(), ..load };
    for child in 0..load.width {
        let to = to.clone();
        gort::go(move || node(&to, first + child * below.n, below));
    }
    let sum = (0..load.width).map(|_| from.recv().unwrap()).sum();
    parent.send(sum).unwrap();
}

pub(super) fn fib(load: Load) {
    let all = gort::go(move || call(load.width));
    assert_eq!(all.join().unwrap(), fib::fibonacci(load.width));
}

fn call(number: u64) -> u64 {
    fib::alone(number).unwrap_or_else(|| {
        let calls = [1, 2].map(|before| gort::go(move || call(number - before)));
        calls.into_iter().map(|call| call.join().unwrap()).sum()
    })
}
