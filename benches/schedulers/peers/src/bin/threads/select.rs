//! One who receives from whoever of four sends first, on threads: by crossbeam's channels, since
//! those of the standard library have no select.

use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, select};

use crate::load::Load;

/// The senders live until all is received: a closed channel would always be ready.
pub(super) fn run(load: Load) {
    let channels = [0, 1, 2, 3].map(|producer| produce(producer, load));
    let consumer = thread::spawn(move || {
        let receivers = channels.each_ref().map(|(_, receiver)| receiver);
        consume(receivers, load)
    });
    assert_eq!(consumer.join().unwrap(), load.n * (load.n - 1) / 2);
}

fn produce(producer: u64, load: Load) -> (Sender<u64>, Receiver<u64>) {
    let (sender, receiver) = bounded(0);
    let values = producer * load.share()..(producer + 1) * load.share();
    let to = sender.clone();
    thread::spawn(move || values.for_each(|value| to.send(value).unwrap()));
    (sender, receiver)
}

fn consume([a, b, c, d]: [&Receiver<u64>; 4], load: Load) -> u64 {
    let receive = |_| {
        select! {
            recv(a) -> value => value.unwrap(),
            recv(b) -> value => value.unwrap(),
            recv(c) -> value => value.unwrap(),
            recv(d) -> value => value.unwrap(),
        }
    };
    (0..load.n).map(receive).sum()
}
