//! The workloads on tokio's multi-threaded runtime. It has no channel without a buffer, so
//! capacity 0 becomes 1, and none with several consumers, so these share one behind a mutex.

#[path = "../../../../common/mod.rs"]
mod common;
#[path = "../../../../load.rs"]
mod load;

mod blockers;
mod context_tree;
mod hogs;
mod locks;
mod select;
mod tcp_echo;
mod timers;
mod trees;

use std::sync::Arc;
use std::time::Instant;

use load::{Kind, Load, Outcome};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::{JoinHandle, yield_now};

fn main() {
    let procs = std::env::var("GOMAXPROCS").expect("the number of workers");
    let [warm_up, load] = load::from_arguments();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(procs.parse().expect("a number"));
    let is_plain = |kind| {
        !matches!(
            kind,
            Kind::Hogs | Kind::Blockers(_) | Kind::TcpEcho | Kind::TcpServe | Kind::Timers
        )
    };
    if !is_plain(load.kind) {
        builder.enable_all();
    }
    let runtime = builder.build().expect("threads");
    runtime.block_on(async { tokio::spawn(parent(warm_up, load)).await.unwrap() });
}

/// A task, so that it runs on a worker as its children do.
async fn parent(warm_up: Load, load: Load) {
    run(warm_up).await;
    load::report(run(load).await);
}

async fn run(load: Load) -> Outcome {
    let start = Instant::now();
    match load.kind {
        Kind::SpawnJoin => spawn_join(load).await,
        Kind::Yield => yields(load).await,
        Kind::PingPong => pingpong(load).await,
        Kind::ProdCons if load.width == 1 => prodcons(load).await,
        Kind::ProdCons => many_prodcons(load).await,
        Kind::ThreadRing => threadring(load).await,
        Kind::Parked => parked(load).await,
        Kind::Skynet => trees::skynet(load).await,
        Kind::Fib => trees::fib(load).await,
        Kind::Select => select::run(load).await,
        Kind::Mutex => locks::mutex(load).await,
        Kind::RwMutex => locks::rwmutex(load).await,
        Kind::ContextTree => context_tree::run(load).await,
        Kind::Timers => return timers::run(load).await,
        Kind::Hogs => return hogs::run(load).await,
        Kind::Blockers(way) => return blockers::run(load, way).await,
        Kind::TcpEcho => return tcp_echo::run(load).await,
        Kind::TcpServe => tcp_echo::serve_alone(load).await,
    }
    start.elapsed().into()
}

async fn spawn_join(load: Load) {
    let mut ran = 0;
    for _ in 0..load.share() {
        let handles: Vec<_> = (0..load.width).map(|_| tokio::spawn(async { 1 })).collect();
        ran += join_sum(handles).await;
    }
    assert_eq!(ran, load.n);
}

async fn yields(load: Load) {
    let yields = move |_| {
        tokio::spawn(async move {
            let mut count = 0;
            while count < load.share() {
                yield_now().await;
                count += 1;
            }
            count
        })
    };
    let handles: Vec<_> = (0..load.width).map(yields).collect();
    assert_eq!(join_sum(handles).await, load.n);
}

async fn pingpong(load: Load) {
    let rounds = load.share();
    let play = |_| {
        let (ping, pinged) = mpsc::channel(1);
        let (pong, mut ponged) = mpsc::channel(1);
        tokio::spawn(pass_on(pinged, pong));
        tokio::spawn(async move {
            let mut sum = 0;
            for ball in 0..rounds {
                ping.send(ball).await.unwrap();
                sum += ponged.recv().await.unwrap();
            }
            sum
        })
    };
    let handles: Vec<_> = (0..load.width).map(play).collect();
    assert_eq!(join_sum(handles).await, load.width * (rounds * (rounds + 1) / 2));
}

async fn pass_on(mut from: mpsc::Receiver<u64>, to: mpsc::Sender<u64>) {
    while let Some(value) = from.recv().await {
        to.send(value + 1).await.unwrap();
    }
}

async fn produce(values: std::ops::Range<u64>, to: mpsc::Sender<u64>) {
    for value in values {
        to.send(value).await.unwrap();
    }
}

async fn prodcons(load: Load) {
    let (sender, mut receiver) = mpsc::channel(load.capacity.max(1));
    tokio::spawn(produce(0..load.n, sender));
    let consumer = tokio::spawn(async move {
        let mut sum = 0;
        while let Some(value) = receiver.recv().await {
            sum += value;
        }
        sum
    });
    assert_eq!(consumer.await.unwrap(), load.n * (load.n - 1) / 2);
}

async fn many_prodcons(load: Load) {
    let (sender, receiver) = mpsc::channel(load.capacity.max(1));
    for producer in 0..load.width {
        let values = producer * load.share()..(producer + 1) * load.share();
        tokio::spawn(produce(values, sender.clone()));
    }
    drop(sender);
    let receiver = Arc::new(Mutex::new(receiver));
    let consume = |_| tokio::spawn(consume_shared(Arc::clone(&receiver)));
    let handles: Vec<_> = (0..load.width).map(consume).collect();
    assert_eq!(join_sum(handles).await, load.n * (load.n - 1) / 2);
}

async fn consume_shared(receiver: Arc<Mutex<mpsc::Receiver<u64>>>) -> u64 {
    let mut sum = 0;
    loop {
        // The lock is given back before the value is used.
        let value = receiver.lock().await.recv().await;
        match value {
            Some(value) => sum += value,
            None => return sum,
        }
    }
}

/// The parent is one of the ring.
async fn threadring(load: Load) {
    let (first, mut previous) = mpsc::channel(1);
    for _ in 1..load.width {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(pass_on(std::mem::replace(&mut previous, receiver), sender));
    }
    let mut token = 0;
    for _ in 0..load.share() {
        first.send(token + 1).await.unwrap();
        token = previous.recv().await.unwrap();
    }
    assert_eq!(token, load.n);
}

/// A channel for each task. All are ready when the last clone of `ready` is gone.
async fn parked(load: Load) {
    let (ready, mut all_ready) = mpsc::channel::<()>(1);
    let park = |_| {
        let (sender, receiver) = oneshot::channel();
        let ready = ready.clone();
        let task = tokio::spawn(async move {
            drop(ready);
            receiver.await.unwrap()
        });
        (sender, task)
    };
    let (senders, handles): (Vec<_>, Vec<_>) = (0..load.n).map(park).unzip();
    drop(ready);
    assert_eq!(all_ready.recv().await, None);
    for (sender, value) in senders.into_iter().zip(0..) {
        sender.send(value).unwrap();
    }
    assert_eq!(join_sum(handles).await, load.n * (load.n - 1) / 2);
}

async fn join_sum(handles: Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0;
    for handle in handles {
        sum += handle.await.unwrap();
    }
    sum
}
