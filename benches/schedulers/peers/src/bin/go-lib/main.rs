//! The workloads on go-lib, a port of Go's scheduler with Go's channels. As in Go, channels are
//! closed by hand: in 0.6.3 the last sender's end does not do it.

#[path = "../../../../common/mod.rs"]
mod common;
#[path = "../../../../load.rs"]
mod load;

mod context_tree;
mod locks;
mod select;
mod timers;
mod trees;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use go_lib::chan::chan;
use go_lib::go;
use go_lib::sync::WaitGroup;
use load::{Kind, Load, Outcome};

/// GOMAXPROCS is in the environment.
#[go_lib::main]
fn main() {
    let [warm_up, load] = load::from_arguments();
    run(warm_up);
    load::report(run(load));
}

fn run(load: Load) -> Outcome {
    let start = Instant::now();
    match load.kind {
        Kind::SpawnJoin => spawn_join(load),
        Kind::Yield => yields(load),
        Kind::PingPong => pingpong(load),
        Kind::ProdCons => prodcons(load),
        Kind::ThreadRing => threadring(load),
        Kind::Parked => parked(load),
        Kind::Skynet => trees::skynet(load),
        Kind::Fib => trees::fib(load),
        Kind::Select => select::run(load),
        Kind::Mutex => locks::mutex(load),
        Kind::RwMutex => locks::rwmutex(load),
        Kind::ContextTree => context_tree::run(load),
        Kind::Timers => return timers::run(load),
        _ => unreachable!("the harness asks for the kinds above"),
    }
    start.elapsed().into()
}

/// What the goroutines of a workload share.
struct Tally {
    ready: WaitGroup,
    all: WaitGroup,
    sum: AtomicU64,
}

impl Tally {
    fn new() -> Arc<Tally> {
        let (ready, all) = (WaitGroup::new(), WaitGroup::new());
        Arc::new(Tally { ready, all, sum: AtomicU64::new(0) })
    }

    fn count(&self, value: u64) {
        self.sum.fetch_add(value, Ordering::Relaxed);
        self.all.done();
    }

    fn sum(&self) -> u64 {
        self.all.wait();
        self.sum.load(Ordering::Relaxed)
    }
}

fn spawn_join(load: Load) {
    let tally = Tally::new();
    for _ in 0..load.share() {
        for _ in 0..load.width {
            tally.all.add(1);
            let tally = Arc::clone(&tally);
            go!(move || tally.count(1));
        }
        tally.all.wait();
    }
    assert_eq!(tally.sum(), load.n);
}

fn yields(load: Load) {
    let tally = Tally::new();
    for _ in 0..load.width {
        tally.all.add(1);
        let tally = Arc::clone(&tally);
        go!(move || {
            let mut count = 0;
            while count < load.share() {
                go_lib::gosched();
                count += 1;
            }
            tally.count(count);
        });
    }
    assert_eq!(tally.sum(), load.n);
}

fn pingpong(load: Load) {
    let tally = Tally::new();
    let rounds = load.share();
    for _ in 0..load.width {
        let (ping, pinged) = chan(0);
        let (pong, ponged) = chan(0);
        go!(move || {
            while let Some(ball) = pinged.recv() {
                pong.send(ball + 1);
            }
        });
        tally.all.add(1);
        let tally = Arc::clone(&tally);
        go!(move || {
            let serve = |ball: u64| {
                ping.send(ball);
                ponged.recv().unwrap()
            };
            let sum = (0..rounds).map(serve).sum::<u64>();
            ping.close();
            tally.count(sum);
        });
    }
    assert_eq!(tally.sum(), load.width * (rounds * (rounds + 1) / 2));
}

fn prodcons(load: Load) {
    let tally = Tally::new();
    let (sender, receiver) = chan(load.capacity);
    let producers = Arc::new(WaitGroup::new());
    for producer in 0..load.width {
        producers.add(1);
        let (producers, sender) = (Arc::clone(&producers), sender.clone());
        let values = producer * load.share()..(producer + 1) * load.share();
        go!(move || {
            values.for_each(|value| sender.send(value));
            producers.done();
        });
    }
    for _ in 0..load.width {
        tally.all.add(1);
        let (tally, receiver) = (Arc::clone(&tally), receiver.clone());
        go!(move || {
            let mut sum = 0;
            while let Some(value) = receiver.recv() {
                sum += value;
            }
            tally.count(sum);
        });
    }
    producers.wait();
    sender.close();
    assert_eq!(tally.sum(), load.n * (load.n - 1) / 2);
}

/// The parent is one of the ring.
fn threadring(load: Load) {
    let (first, mut previous) = chan(0);
    for _ in 1..load.width {
        let (sender, receiver) = chan(0);
        let from = std::mem::replace(&mut previous, receiver);
        go!(move || {
            while let Some(token) = from.recv() {
                sender.send(token + 1);
            }
            sender.close();
        });
    }
    let mut token: u64 = 0;
    for _ in 0..load.share() {
        first.send(token + 1);
        token = previous.recv().unwrap();
    }
    first.close();
    assert_eq!(token, load.n);
}

fn parked(load: Load) {
    let tally = Tally::new();
    let (sender, receiver) = chan(0);
    for _ in 0..load.n {
        tally.ready.add(1);
        tally.all.add(1);
        let (tally, receiver) = (Arc::clone(&tally), receiver.clone());
        go!(move || {
            tally.ready.done();
            tally.count(receiver.recv().unwrap());
        });
    }
    tally.ready.wait();
    (0..load.n).for_each(|value| sender.send(value));
    assert_eq!(tally.sum(), load.n * (load.n - 1) / 2);
}
