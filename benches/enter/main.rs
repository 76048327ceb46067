//! What it costs to enter the runtime and to leave it: ENTER and LEAVE of `src/sched/door.rs`, the
//! very same file, in a loop, beside the same loop without them. And what some calls cost through
//! the API, with and without it.
//!
//! How to run and read it: `benches/README.md`.

#[allow(dead_code, reason = "the bench is on one side of the door only")]
#[path = "../../src/sched/door.rs"]
mod door;
#[allow(dead_code, reason = "the door needs a part of it")]
mod sys;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use door::Door;

/// What the door may add to a loop.
const TARGET_NS: f64 = 2.0;

/// How much is measured.
#[derive(Clone, Copy)]
struct Size {
    rounds: usize,
    turns: u64,
}

const FULL: Size = Size { rounds: 201, turns: 200_000 };
const SMOKE: Size = Size { rounds: 3, turns: 1_000 };

/// Without the `--bench` of `cargo bench` this is a test run, for which the small size is right.
///
/// It fails when the door costs more than it may; at the small size it does not judge.
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_smoke = arguments.is_empty() || arguments.iter().any(|a| a == "--smoke");
    let size = if is_smoke { SMOKE } else { FULL };
    println!("ns a turn, {} interleaved rounds: median, quartiles", size.rounds);
    sys::barrier::init();
    let empty = door("an empty loop", size, |turn| _ = black_box(turn));
    let lock = AtomicU32::new(0);
    let locking = door("a loop with a lock", size, |turn| {
        while lock.swap(1, Ordering::Acquire) != 0 {}
        black_box(turn);
        lock.store(0, Ordering::Release);
    });
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { gort::run(|| api(size)) };
    let added = empty.median.max(locking.median);
    let is_cheap = added <= TARGET_NS;
    let verdict = if is_cheap { "within" } else { "above" };
    println!("the door adds {added:.2} ns a turn: {verdict} the {TARGET_NS} ns it may");
    if is_cheap || is_smoke { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A loop with and without the door around its body, in turns. What the door adds.
fn door(name: &str, size: Size, body: impl Fn(u64)) -> Spread {
    // Leaked, as a worker's is: the compiler knows nothing about who else sees it.
    let door: &'static Door = black_box(Box::leak(Box::new(Door::new())));
    let bare = || time(size.turns, &body);
    let with_door = || {
        time(size.turns, |turn| {
            if door.enter() {
                taken();
            }
            body(turn);
            door.leave();
        })
    };
    let mut rounds = Vec::new();
    for _ in 0..size.rounds {
        // Once in each order, so that a machine that gets slower or faster favours neither.
        rounds.push((bare(), with_door()));
        let with = with_door();
        rounds.push((bare(), with));
    }
    let of = |pick: fn(&(f64, f64)) -> f64| Spread::of(rounds.iter().map(pick).collect());
    of(|round| round.0).print(name);
    of(|round| round.1).print("  with ENTER and LEAVE");
    let added = of(|round| round.1 - round.0);
    added.print("  the difference");
    added
}

/// What takes a processor again in the runtime.
#[cold]
#[inline(never)]
fn taken() {
    unreachable!("nobody takes anything here");
}

/// For orientation: calls that enter and calls that do not.
fn api(size: Size) {
    let (sender, receiver) = gort::chan::<u64>(1);
    let mut spreads = [const { Vec::new() }; 4];
    for _ in 0..size.rounds {
        let turns = size.turns / 10;
        let figures = [
            time(turns, |_| _ = black_box(gort::id())),
            time(turns, |_| _ = black_box(receiver.try_recv())),
            time(turns, |turn| {
                sender.try_send(turn).expect("room for one");
                _ = black_box(receiver.try_recv());
            }),
            time(turns, |_| gort::gosched()),
        ];
        spreads.iter_mut().zip(figures).for_each(|(spread, figure)| spread.push(figure));
    }
    let heads = [
        "id(): does not enter",
        "try_recv() of nothing: enters",
        "try_send(), try_recv(): enter",
        "gosched(), alone",
    ];
    for (head, spread) in heads.into_iter().zip(spreads) {
        Spread::of(spread).print(head);
    }
}

#[inline(always)]
fn time(turns: u64, mut turn: impl FnMut(u64)) -> f64 {
    let start = Instant::now();
    (0..turns).for_each(&mut turn);
    start.elapsed().as_nanos() as f64 / turns as f64
}

/// A figure over the rounds.
struct Spread {
    median: f64,
    p25: f64,
    p75: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        let at = |part: f64| values[(part * (values.len() - 1) as f64).round() as usize];
        Spread { median: at(0.5), p25: at(0.25), p75: at(0.75) }
    }

    fn print(&self, head: &str) {
        println!("{head:<32}{:>9.2}{:>9.2} - {:.2}", self.median, self.p25, self.p75);
    }
}
