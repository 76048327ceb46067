//! The workloads on gort.

mod blockers;
mod context_tree;
mod hogs;
mod locks;
mod select;
mod stress;
mod tcp_echo;
mod timers;
mod trees;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ::gort::JoinHandle;
use ::gort::sync::WaitGroup;
use ::gort::trace::{FlightRecorder, FlightRecorderConfig};

use crate::load::{self, Kind, Load, Outcome};

/// What the child process does.
pub(crate) fn child() {
    let [warm_up, load] = load::from_arguments();
    let stress = stress::Stress::from_environment();
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe {
        ::gort::run(|| {
            run(warm_up);
            load::report(match (stress, std::env::var(load::TRACING).as_deref()) {
                (Some(stress), _) => stress.run(load),
                (_, Ok("traced")) => traced(load),
                (_, Ok("recorded")) => recorded(load),
                _ => run(load),
            });
        })
    };
}

fn traced(load: Load) -> Outcome {
    ::gort::trace::start(std::io::sink()).expect("no trace is on");
    let outcome = run(load);
    ::gort::trace::stop().expect("nothing went wrong with it");
    outcome
}

fn recorded(load: Load) -> Outcome {
    let recorder = FlightRecorder::new(FlightRecorderConfig::default());
    recorder.start().expect("none records");
    run(load)
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
        Kind::Hogs => return hogs::run(load),
        Kind::Blockers(way) => return blockers::run(load, way),
        Kind::TcpEcho => return tcp_echo::run(load),
        Kind::TcpServe => tcp_echo::serve_alone(load),
    }
    start.elapsed().into()
}

/// What the goroutines of a workload share.
#[derive(Default)]
struct Tally {
    ready: WaitGroup,
    all: WaitGroup,
    sum: AtomicU64,
}

impl Tally {
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
    let tally = Arc::new(Tally::default());
    for _ in 0..load.share() {
        for _ in 0..load.width {
            tally.all.add(1);
            let tally = Arc::clone(&tally);
            ::gort::go(move || tally.count(1));
        }
        tally.all.wait();
    }
    assert_eq!(tally.sum(), load.n);
}

fn yields(load: Load) {
    let yields = move || {
        let mut count = 0;
        while count < load.share() {
            ::gort::gosched();
            count += 1;
        }
        count
    };
    let handles: Vec<_> = (0..load.width).map(|_| ::gort::go(yields)).collect();
    assert_eq!(join_sum(handles), load.n);
}

fn pingpong(load: Load) {
    let rounds = load.share();
    let play = |_| {
        let (ping, pinged) = ::gort::chan(0);
        let (pong, ponged) = ::gort::chan(0);
        ::gort::go(move || pinged.iter().for_each(|ball: u64| pong.send(ball + 1).unwrap()));
        ::gort::go(move || {
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

fn prodcons(load: Load) {
    let (sender, receiver) = ::gort::chan(load.capacity);
    for producer in 0..load.width {
        let sender = sender.clone();
        let values = producer * load.share()..(producer + 1) * load.share();
        ::gort::go(move || values.for_each(|value| sender.send(value).unwrap()));
    }
    drop(sender);
    let consume = |_| {
        let receiver = receiver.clone();
        ::gort::go(move || receiver.iter().sum::<u64>())
    };
    let handles: Vec<_> = (0..load.width).map(consume).collect();
    assert_eq!(join_sum(handles), load.n * (load.n - 1) / 2);
}

/// The parent is one of the ring.
fn threadring(load: Load) {
    let (first, mut previous) = ::gort::chan(0);
    for _ in 1..load.width {
        let (sender, receiver) = ::gort::chan(0);
        let from = std::mem::replace(&mut previous, receiver);
        ::gort::go(move || from.iter().for_each(|token: u64| sender.send(token + 1).unwrap()));
    }
    let mut token = 0;
    for _ in 0..load.share() {
        first.send(token + 1).unwrap();
        token = previous.recv().unwrap();
    }
    assert_eq!(token, load.n);
}

fn parked(load: Load) {
    let tally = Arc::new(Tally::default());
    let (sender, receiver) = ::gort::chan(0);
    for _ in 0..load.n {
        tally.ready.add(1);
        tally.all.add(1);
        let (tally, receiver) = (Arc::clone(&tally), receiver.clone());
        ::gort::go(move || {
            tally.ready.done();
            tally.count(receiver.recv().unwrap());
        });
    }
    tally.ready.wait();
    (0..load.n).for_each(|value| sender.send(value).unwrap());
    assert_eq!(tally.sum(), load.n * (load.n - 1) / 2);
}

fn join_sum(handles: Vec<JoinHandle<u64>>) -> u64 {
    handles.into_iter().map(|handle| handle.join().unwrap()).sum()
}
