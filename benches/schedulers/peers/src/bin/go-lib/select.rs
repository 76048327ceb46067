//! One who receives from whoever of four sends first, on go-lib.

use go_lib::chan::{Receiver, chan};
use go_lib::go;

use crate::load::Load;

pub(super) fn run(load: Load) {
    let receivers = [0, 1, 2, 3].map(|producer| produce(producer, load));
    let (to, from) = chan(1);
    go!(move || to.send(consume(&receivers, load)));
    assert_eq!(from.recv(), Some(load.n * (load.n - 1) / 2));
}

fn produce(producer: u64, load: Load) -> Receiver<u64> {
    let (sender, receiver) = chan(0);
    let values = producer * load.share()..(producer + 1) * load.share();
    go!(move || values.for_each(|value| sender.send(value)));
    receiver
}

fn consume([a, b, c, d]: &[Receiver<u64>; 4], load: Load) -> u64 {
    let mut sum = 0;
    for _ in 0..load.n {
        go_lib::select! {
            recv(a) -> value => { sum += value.unwrap() }
            recv(b) -> value => { sum += value.unwrap() }
            recv(c) -> value => { sum += value.unwrap() }
            recv(d) -> value => { sum += value.unwrap() }
        }
    }
    sum
}
