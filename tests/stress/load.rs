//! A load of everything at once: goroutines that spawn, block, sleep, yield, compute, annotate,
//! panic and exit, and plain threads that meddle.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gort::sync::WaitGroup;
use gort::{Context, trace};

use crate::{blocking, vocabulary};

/// Goroutines that do one random thing after the other.
const ACTORS: u64 = 400;
/// Plain threads that do so too.
const THREADS: u64 = 3;

/// The words of the panics that belong to the load.
const PANIC: &str = "a panic of the load";

/// Keeps the load's own panics off the terminal.
pub(crate) fn quiet_hook(info: &PanicHookInfo<'_>) {
    if info.payload().downcast_ref::<&str>() != Some(&PANIC) {
        eprintln!("{info}");
    }
}

/// A small generator of random numbers: Marsaglia's xorshift64.
#[derive(Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn fork(&mut self) -> Random {
        Random::new(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// What the actors share.
struct Shared {
    stop: AtomicBool,
    sent: AtomicU64,
    received: AtomicU64,
}

/// Counts down also when its thread panics.
struct Done(WaitGroup);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.done();
    }
}

/// The running load.
pub(crate) struct Load {
    shared: Arc<Shared>,
    actors: WaitGroup,
    threads: WaitGroup,
}

impl Load {
    pub(crate) fn start(mut random: Random) -> Load {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        });
        let actors = WaitGroup::new();
        for _ in 0..ACTORS {
            let (shared, random) = (Arc::clone(&shared), random.fork());
            actors.go(move || act(&shared, random));
        }
        let threads = WaitGroup::new();
        for _ in 0..THREADS {
            let (shared, random, threads) = (Arc::clone(&shared), random.fork(), threads.clone());
            threads.add(1);
            std::thread::spawn(move || {
                let _done = Done(threads);
                act_outside(&shared, random);
            });
        }
        Load { shared, actors, threads }
    }

    /// Stops everybody and checks that nothing was lost.
    pub(crate) fn stop(self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.actors.wait();
        // Joining the threads would block this goroutine's thread, and with it the processor.
        self.threads.wait();
        let sent = self.shared.sent.load(Ordering::Relaxed);
        assert_eq!(sent, self.shared.received.load(Ordering::Relaxed), "values were lost");
        assert!(sent > 0);
    }
}

fn act(shared: &Arc<Shared>, mut random: Random) {
    while !shared.stop.load(Ordering::Relaxed) {
        match random.below(22) {
            0 => fan_out(shared, &mut random),
            1 => converse(shared, &mut random, 0),
            2 => converse(shared, &mut random, 3),
            3 => gort::sleep(Duration::from_micros(random.below(2_000))),
            4 => (0..random.below(20)).for_each(|_| gort::gosched()),
            5 => compute(random.below(20_000)),
            6 if random.below(2) == 0 => annotate(&mut random),
            6 => annotate_oneself(&mut random),
            7 => fail(),
            8 => exit_early(),
            9 => time_out(&mut random),
            10 => park_while_unwinding(),
            11 => specials(&mut random),
            12..=15 => blocking::act(&mut random),
            _ => vocabulary::act(&mut random),
        }
    }
}

/// Spawns a crowd and waits for it one way or the other.
fn fan_out(shared: &Arc<Shared>, random: &mut Random) {
    let n = 1 + random.below(100);
    if random.below(2) == 0 {
        let handles: Vec<_> = (0..n).map(|i| gort::go(move || i)).collect();
        let sum: u64 = handles.into_iter().map(|h| h.join().unwrap()).sum();
        assert_eq!(sum, n * (n - 1) / 2);
        return;
    }
    let (tx, rx) = gort::chan(4);
    for i in 0..n {
        let tx = tx.clone();
        gort::go(move || tx.send(i).unwrap());
        shared.sent.fetch_add(1, Ordering::Relaxed);
    }
    drop(tx);
    shared.received.fetch_add(rx.iter().count() as u64, Ordering::Relaxed);
}

/// Two goroutines and a pair of channels.
fn converse(shared: &Arc<Shared>, random: &mut Random, capacity: usize) {
    let n = 1 + random.below(50);
    let (there, at_home) = gort::chan::<u64>(capacity);
    let (back, answers) = gort::chan::<u64>(capacity);
    let partner = gort::go(move || {
        for v in at_home {
            back.send(v + 1).unwrap();
        }
    });
    for i in 0..n {
        there.send(i).unwrap();
        assert_eq!(answers.recv().unwrap(), i + 1);
    }
    shared.sent.fetch_add(n, Ordering::Relaxed);
    shared.received.fetch_add(n, Ordering::Relaxed);
    drop(there);
    partner.join().unwrap();
}

fn compute(rounds: u64) {
    let mut x = rounds;
    for i in 0..rounds {
        x = std::hint::black_box(x.wrapping_mul(31).wrapping_add(i));
    }
}

fn annotate(random: &mut Random) {
    let (ctx, task) = trace::new_task(&Context::background(), "order");
    let (child, sub) = trace::new_task(&ctx, "part");
    trace::with_region(&ctx, "outer", || {
        gort::gosched();
        let _inner = trace::start_region(&child, "inner");
        gort::sleep(Duration::from_micros(random.below(300)));
        trace::log(&child, "", "a message without a category");
    });
    trace::log(&ctx, "number", &random.next().to_string());
    let worker = gort::go(move || {
        let _region = trace::start_region(&child, "elsewhere");
        gort::gosched();
    });
    worker.join().unwrap();
    task.end();
    drop(sub);
}

/// Tasks, labels and regions of the caller's own, which end in any order, over calls that block.
fn annotate_oneself(random: &mut Random) {
    let task = trace::task("own");
    let working = task.enter();
    let labels = [("number", random.below(1_000).to_string())].into();
    gort::labels::with(&labels, || {
        let mut regions: Vec<_> = ["one", "two", "three"].map(trace::region).into();
        gort::gosched();
        regions.swap_remove(random.below(3) as usize).end();
        let worker = gort::go(|| {
            let _region = trace::region("inherited");
            trace::eventf!("labels", "{}", gort::labels::current());
            gort::gosched();
        });
        worker.join().unwrap();
    });
    drop(working);
    gort::go(move || task.end()).join().unwrap();
}

fn fail() {
    let outcome = gort::go(|| {
        gort::gosched();
        std::panic::panic_any(PANIC);
    });
    assert_eq!(outcome.join().unwrap_err().downcast_ref::<&str>(), Some(&PANIC));
}

fn exit_early() {
    struct Signal(Option<gort::chan::Sender<()>>);
    impl Drop for Signal {
        fn drop(&mut self) {
            self.0.take().unwrap().send(()).unwrap();
        }
    }
    let (tx, rx) = gort::chan(1);
    let handle = gort::go(move || {
        let _signal = Signal(Some(tx));
        gort::goexit();
    });
    rx.recv().unwrap();
    assert!(handle.join().unwrap_err().is::<gort::Goexit>());
}

fn time_out(random: &mut Random) {
    let (tx, rx) = gort::chan::<u64>(0);
    let patience = Duration::from_micros(random.below(400));
    let partner = gort::go(move || {
        gort::sleep(patience);
        tx.send_timeout(7, patience).is_ok()
    });
    let got = rx.recv_timeout(2 * patience);
    drop(rx);
    let sent = partner.join().unwrap();
    assert_eq!(sent, got.is_ok());
}

/// A destructor that blocks during a panic: the goroutine must keep its thread.
fn park_while_unwinding() {
    struct Blocks;
    impl Drop for Blocks {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            gort::go(gort::gosched).join().unwrap();
            gort::sleep(Duration::from_micros(50));
            assert!(std::thread::panicking());
        }
    }
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _blocks = Blocks;
        std::panic::panic_any(PANIC);
    }));
    assert!(caught.is_err() && !std::thread::panicking());
}

fn specials(random: &mut Random) {
    let bytes = 16 << 10 << random.below(6);
    let builder = gort::GoBuilder::new().name("special").stack_size(bytes as usize);
    let handle = builder.go(|| (gort::id(), gort::name())).unwrap();
    let id = handle.id();
    assert_eq!(handle.join().unwrap(), (Some(id), Some("special".to_owned())));
}

/// A plain thread: spawns, sends, receives, waits, annotates.
fn act_outside(shared: &Arc<Shared>, mut random: Random) {
    while !shared.stop.load(Ordering::Relaxed) {
        match random.below(8) {
            0 => fan_out(shared, &mut random),
            1 => converse(shared, &mut random, 0),
            2 => time_out(&mut random),
            3 => {
                let (ctx, task) = trace::new_task(&Context::background(), "from outside");
                trace::with_region(&ctx, "outside", || compute(100));
                task.end();
                annotate_oneself(&mut random);
            }
            4..=6 => vocabulary::act(&mut random),
            _ => gort::sleep(Duration::from_micros(random.below(1_000))),
        }
    }
}
