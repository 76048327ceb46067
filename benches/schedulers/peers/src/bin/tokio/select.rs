//! One who receives from whoever of four sends first, on tokio.

use tokio::sync::mpsc::{self, Receiver};

use crate::load::Load;
use crate::produce;

pub(super) async fn run(load: Load) {
    let receivers = [0, 1, 2, 3].map(|producer| {
        let (sender, receiver) = mpsc::channel(1);
        let values = producer * load.share()..(producer + 1) * load.share();
        tokio::spawn(produce(values, sender));
        receiver
    });
    let consumer = tokio::spawn(consume(receivers, load));
    assert_eq!(consumer.await.unwrap(), load.n * (load.n - 1) / 2);
}

/// A channel whose sender is gone is no longer chosen.
async fn consume([mut a, mut b, mut c, mut d]: [Receiver<u64>; 4], load: Load) -> u64 {
    let mut sum = 0;
    for _ in 0..load.n {
        sum += tokio::select! {
            Some(value) = a.recv() => value,
            Some(value) = b.recv() => value,
            Some(value) = c.recv() => value,
            Some(value) = d.recv() => value,
        };
    }
    sum
}
