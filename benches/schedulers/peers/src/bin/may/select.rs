//! One who receives from whoever of four sends first, on may. Its `select!` loses what an arm
//! received that was not chosen, so the arms of a queue of events stand for it.

use std::sync::atomic::{AtomicU64, Ordering};

use may::sync::mpsc::{self, Receiver};
use may::{cqueue, go};

use crate::load::Load;

pub(super) fn run(load: Load) {
    let receivers = [0, 1, 2, 3].map(|producer| produce(producer, load));
    let consumer = go!(move || consume(&receivers, load));
    assert_eq!(consumer.join().unwrap(), load.n * (load.n - 1) / 2);
}

fn produce(producer: u64, load: Load) -> Receiver<u64> {
    let (sender, receiver) = mpsc::channel();
    let values = producer * load.share()..(producer + 1) * load.share();
    go!(move || values.for_each(|value| sender.send(value).unwrap()));
    receiver
}

/// Ends when all arms have, since the senders are gone.
fn consume(receivers: &[Receiver<u64>; 4], load: Load) -> u64 {
    let sum = AtomicU64::new(0);
    let mut events = 0;
    cqueue::scope(|arms| {
        for (token, receiver) in receivers.iter().enumerate() {
            let sum = &sum;
            go!(arms, token, move |events| {
                while let Ok(value) = receiver.recv() {
                    sum.fetch_add(value, Ordering::Relaxed);
                    events.send(events.get_token());
                }
            });
        }
        while arms.poll(None).is_ok() {
            events += 1;
        }
    });
    assert_eq!(events, load.n);
    sum.into_inner()
}
