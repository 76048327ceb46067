//! Trees of goroutines, on go-lib.

use go_lib::chan::{Sender, chan};
use go_lib::go;

use crate::common::fib;
use crate::load::Load;

/// A leaf sends its number, a node the sum of what its children send.
pub(super) fn skynet(load: Load) {
    let (to, from) = chan(0);
    go!(move || node(&to, 0, load));
    assert_eq!(from.recv(), Some(load.n * (load.n - 1) / 2));
}

/// The leaves below are `load.n`, from number `first` on.
fn node(parent: &Sender<u64>, first: u64, load: Load) {
    if load.n == 1 {
        return parent.send(first);
    }
    let (to, from) = chan(0);
    let below = Load { n: load.share(), ..load };
    for child in 0..load.width {
        let to = to.clone();
        go!(move || node(&to, first + child * below.n, below));
    }
    let sum = (0..load.width).map(|_| from.recv().unwrap()).sum();
    parent.send(sum);
}

/// Goroutines have no handles: a channel brings a call's result.
pub(super) fn fib(load: Load) {
    let (to, from) = chan(1);
    go!(move || to.send(call(load.width)));
    assert_eq!(from.recv(), Some(fib::fibonacci(load.width)));
}

fn call(number: u64) -> u64 {
    fib::alone(number).unwrap_or_else(|| {
        let (to, from) = chan(2);
        for before in [1, 2] {
            let to = to.clone();
            go!(move || to.send(call(number - before)));
        }
        from.recv().unwrap() + from.recv().unwrap()
    })
}
