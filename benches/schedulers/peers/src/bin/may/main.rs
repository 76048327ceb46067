//! The workloads on may, a stackful coroutine library. Its channels are unbounded: a send never
//! waits.

#[path = "../../../../common/mod.rs"]
mod common;
#[path = "../../../../load.rs"]
mod load;

mod blockers;
mod hogs;
mod locks;
mod select;
mod tcp_echo;
mod timers;
mod trees;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use load::{Kind, Load, Outcome};
use may::coroutine::{JoinHandle, yield_now};
use may::go;
use may::sync::{mpmc, mpsc};

fn main() {
    let [warm_up, load] = load::from_arguments();
    let procs = std::env::var("GOMAXPROCS").expect("the number of workers");
    may::config().set_workers(procs.parse().expect("a number"));
    let parent = go!(move || {
        run(warm_up);
        load::report(run(load));
    });
    parent.join().unwrap();
}

fn run(load: Load) -> Outcome {
    let start = Instant::now();
    match load.kind {
        Kind::SpawnJoin => spawn_join(load),
        Kind::Yield => yields(load),
        Kind::PingPong => pingpong(load),
        Kind::ProdCons if load.width == 1 => prodcons(load),
        Kind::ProdCons => many_prodcons(load),
        Kind::ThreadRing => threadring(load),
        Kind::Parked => parked(load),
        Kind::Skynet => trees::skynet(load),
        Kind::Fib => trees::fib(load),
        Kind::Select => select::run(load),
        Kind::Mutex => locks::mutex(load),
        Kind::RwMutex => locks::rwmutex(load),
        Kind::Timers => return timers::run(load),
        Kind::ContextTree => unreachable!("may has nothing like it"),
        Kind::Hogs => return hogs::run(load),
        Kind::Blockers(way) => return blockers::run(load, way),
        Kind::TcpEcho => return tcp_echo::run(load),
        Kind::TcpServe => tcp_echo::serve_alone(load),
    }
    start.elapsed().into()
}

fn spawn_join(load: Load) {
    let mut ran = 0;
    for _ in 0..load.share() {
        let handles: Vec<_> = (0..load.width).map(|_| go!(|| 1)).collect();
        ran += join_sum(handles);
    }
    assert_eq!(ran, load.n);
}

fn yields(load: Load) {
    let yields = move || {
        let mut count = 0;
        while count < load.share() {
            yield_now();
            count += 1;
        }
        count
    };
    let handles: Vec<_> = (0..load.width).map(|_| go!(yields)).collect();
    assert_eq!(join_sum(handles), load.n);
}

fn pingpong(load: Load) {
    let rounds = load.share();
    let play = |_| {
        let (ping, pinged) = mpsc::channel();
        let (pong, ponged) = mpsc::channel();
        go!(move || pinged.iter().for_each(|ball: u64| pong.send(ball + 1).unwrap()));
        go!(move || {
            let serve = |ball| {
                ping.send(ball).unwrap();
                ponged.recv().unwrap()
            };
            (0..rounds).map(serve).sum::<u64>()
        })
    };
    let handles: Vec<_> = (0..load.width).map(play).collect();
    assert_eq!(join_sum(handles), load.width * (rounds * (rounds + 1) / 2));
}

/// One producer and one consumer. The channel has no bound, whatever the load says.
fn prodcons(load: Load) {
    let (sender, receiver) = mpsc::channel();
    go!(move || (0..load.n).for_each(|value| sender.send(value).unwrap()));
    let consumer = go!(move || receiver.iter().sum::<u64>());
    assert_eq!(consumer.join().unwrap(), load.n * (load.n - 1) / 2);
}

/// Several producers and consumers, over the channel that allows it, without a bound too.
fn many_prodcons(load: Load) {
    let (sender, receiver) = mpmc::channel();
    for producer in 0..load.width {
        let sender = sender.clone();
        let values = producer * load.share()..(producer + 1) * load.share();
        go!(move || values.for_each(|value| sender.send(value).unwrap()));
    }
    drop(sender);
    let consume = |_| {
        let receiver = receiver.clone();
        go!(move || receiver.iter().sum::<u64>())
    };
    let handles: Vec<_> = (0..load.width).map(consume).collect();
    assert_eq!(join_sum(handles), load.n * (load.n - 1) / 2);
}

/// The parent is one of the ring.
fn threadring(load: Load) {
    let (first, mut previous) = mpsc::channel();
    for _ in 1..load.width {
        let (sender, receiver) = mpsc::channel();
        let from = std::mem::replace(&mut previous, receiver);
        go!(move || from.iter().for_each(|token: u64| sender.send(token + 1).unwrap()));
    }
    let mut token = 0;
    for _ in 0..load.share() {
        first.send(token + 1).unwrap();
        token = previous.recv().unwrap();
    }
    assert_eq!(token, load.n);
}

fn parked(load: Load) {
    let ready = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = mpmc::channel();
    let park = |_| {
        let (ready, receiver) = (Arc::clone(&ready), receiver.clone());
        go!(move || {
            ready.fetch_add(1, Ordering::Relaxed);
            receiver.recv().unwrap()
        })
    };
    let handles: Vec<_> = (0..load.n).map(park).collect();
    while (ready.load(Ordering::Relaxed) as u64) < load.n {
        yield_now();
    }
    (0..load.n).for_each(|value| sender.send(value).unwrap());
    assert_eq!(join_sum(handles), load.n * (load.n - 1) / 2);
}

fn join_sum(handles: Vec<JoinHandle<u64>>) -> u64 {
    handles.into_iter().map(|handle| handle.join().unwrap()).sum()
}
