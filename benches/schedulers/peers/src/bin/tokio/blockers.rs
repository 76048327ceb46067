//! Tasks that block in the system beside two that compute, on tokio; by `spawn_blocking` only where
//! the runtime is told.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::common::blockers::{self, BLOCK, COMPUTING, Window};
use crate::common::fifos::Fifos;
use crate::join_sum;
use crate::load::{Load, Outcome, Way};

pub(super) async fn run(load: Load, way: Way) -> Outcome {
    let before = join_sum(compute(Window::half(load))).await;
    let (beside, calls) = match way {
        Way::Sleep => beside_sleeps(load).await,
        Way::Enter => beside_sends(load).await,
        Way::Fifo => beside_reads(load).await,
        Way::Told => beside_blocking(load).await,
    };
    let after = join_sum(compute(Window::half(load))).await;
    blockers::outcome(load, before + after, beside, calls)
}

fn compute(window: Window) -> Vec<JoinHandle<u64>> {
    let compute = |_| {
        tokio::spawn(async move {
            tokio::time::sleep(window.lead_in()).await;
            window.compute()
        })
    };
    (0..COMPUTING).map(compute).collect()
}

async fn beside_sleeps(load: Load) -> (u64, u64) {
    let window = Window::new(load);
    let sleep = |_| tokio::spawn(async move { window.sleep(|| {}) });
    let sleepers = (0..load.width).map(sleep).collect();
    let beside = join_sum(compute(window)).await;
    (beside, join_sum(sleepers).await)
}

async fn beside_blocking(load: Load) -> (u64, u64) {
    let window = Window::new(load);
    let sleep = |_| tokio::spawn(sleep_in_pool(window));
    let sleepers = (0..load.width).map(sleep).collect();
    let beside = join_sum(compute(window)).await;
    (beside, join_sum(sleepers).await)
}

async fn sleep_in_pool(window: Window) -> u64 {
    let mut count = 0;
    loop {
        tokio::task::spawn_blocking(|| std::thread::sleep(BLOCK)).await.unwrap();
        count += window.counts();
        if !window.is_on() {
            return count;
        }
    }
}

/// Each sends a value after each sleep.
async fn beside_sends(load: Load) -> (u64, u64) {
    let window = Window::new(load);
    let (sender, receiver) = mpsc::channel(load.width as usize);
    let collector = tokio::spawn(collect(receiver));
    let sleep = |_| tokio::spawn(sleep_and_send(window, sender.clone()));
    let sleepers: Vec<_> = (0..load.width).map(sleep).collect();
    drop(sender);
    let beside = join_sum(compute(window)).await;
    let (sent, calls) = join_sums(sleepers).await;
    assert_eq!(collector.await.unwrap(), sent);
    (beside, calls)
}

async fn collect(mut receiver: mpsc::Receiver<u64>) -> u64 {
    let mut sum = 0;
    while let Some(value) = receiver.recv().await {
        sum += value;
    }
    sum
}

async fn sleep_and_send(window: Window, sender: mpsc::Sender<u64>) -> (u64, u64) {
    let (mut sent, mut count) = (0, 0);
    loop {
        std::thread::sleep(BLOCK);
        sender.send(1).await.unwrap();
        sent += 1;
        count += window.counts();
        if !window.is_on() {
            return (sent, count);
        }
    }
}

async fn beside_reads(load: Load) -> (u64, u64) {
    let fifos = Fifos::new(load);
    let window = Window::new(load);
    let read = |n| {
        let fifo = fifos.open(n);
        tokio::spawn(async move { window.read(fifo) })
    };
    let readers: Vec<_> = (0..load.width).map(read).collect();
    let beside = join_sum(compute(window)).await;
    let (read, calls) = join_sums(readers).await;
    assert_eq!(read, load.width * fifos.finish());
    (beside, calls)
}

async fn join_sums(handles: Vec<JoinHandle<(u64, u64)>>) -> (u64, u64) {
    let mut sums = (0, 0);
    for handle in handles {
        let (first, second) = handle.await.unwrap();
        sums = (sums.0 + first, sums.1 + second);
    }
    sums
}
