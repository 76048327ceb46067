//! Trees of tasks, on tokio.

use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinHandle;

use crate::common::fib;
use crate::load::Load;

/// A leaf sends its number, a node the sum of what its children send.
pub(super) async fn skynet(load: Load) {
    let (to, mut from) = mpsc::channel(1);
    spawn_node(to, 0, load);
    assert_eq!(from.recv().await, Some(load.n * (load.n - 1) / 2));
}

/// The leaves below are `load.n`, from number `first` on.
fn spawn_node(parent: Sender<u64>, first: u64, load: Load) {
    tokio::spawn(async move {
        let result = if load.n == 1 { first } else { sum_of_children(first, load).await };
        parent.send(result).await.unwrap();
    });
}

async fn sum_of_children(first: u64, load: Load) -> u64 {
    let (to, mut from) = mpsc::channel(1);
    let below = Load { n: load.share(), ..load };
    for child in 0..load.width {
        spawn_node(to.clone(), first + child * below.n, below);
    }
    let mut sum = 0;
    for _ in 0..load.width {
        sum += from.recv().await.unwrap();
    }
    sum
}

pub(super) async fn fib(load: Load) {
    assert_eq!(call(load.width).await.unwrap(), fib::fibonacci(load.width));
}

fn call(number: u64) -> JoinHandle<u64> {
    tokio::spawn(async move {
        match fib::alone(number) {
            Some(result) => result,
            None => {
                let [one, two] = [1, 2].map(|before| call(number - before));
                one.await.unwrap() + two.await.unwrap()
            }
        }
    })
}
