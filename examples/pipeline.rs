//! A pipeline of stages that ends early without leaving a goroutine behind: numbers are squared by
//! several workers at once and merged; when enough have come, the context is cancelled and every
//! stage ends. After "Go Concurrency Patterns: Pipelines and cancellation" (Sameer Ajmani, 2014).
//!
//! ```text
//! cargo run --release --example pipeline
//! ```

use gort::chan::{Receiver, Sender};
use gort::sync::WaitGroup;
use gort::{Context, context, select};

const WORKERS: usize = 4;
const ENOUGH: u64 = 1_000_000;

fn main() {
    // SAFETY: no goroutine here keeps anything of its thread's own over a call that blocks.
    unsafe { gort::run(pipeline) }
}

fn pipeline() {
    let (ctx, cancel) = context::with_cancel(&context::background());
    let stages = WaitGroup::new();
    let numbers = generate(&ctx, &stages);
    let (tx, squares) = gort::chan(0);
    for _ in 0..WORKERS {
        let (ctx, numbers, tx) = (ctx.clone(), numbers.clone(), tx.clone());
        stages.go(move || square(&ctx, numbers, &tx));
    }
    drop((numbers, tx));

    let (mut sum, mut count) = (0, 0);
    for square in squares {
        (sum, count) = (sum + square, count + 1);
        if sum >= ENOUGH {
            break;
        }
    }
    cancel.cancel();
    stages.wait();
    assert!(sum >= ENOUGH, "the numbers never end");
    println!("{count} squares are enough, and every stage has ended: {}", ctx.err().unwrap());
}

/// The first stage: 1, 2, 3, ...
fn generate(ctx: &Context, stages: &WaitGroup) -> Receiver<u64> {
    let (tx, rx) = gort::chan(0);
    let ctx = ctx.clone();
    stages.go(move || {
        for n in 1.. {
            if !offer(&ctx, &tx, n) {
                return;
            }
        }
    });
    rx
}

/// The second stage, as often as one likes.
fn square(ctx: &Context, numbers: Receiver<u64>, tx: &Sender<u64>) {
    for n in numbers {
        if !offer(ctx, tx, n * n) {
            return;
        }
    }
}

/// Sends, unless the work is cancelled.
fn offer(ctx: &Context, tx: &Sender<u64>, value: u64) -> bool {
    select! {
        send(tx, value) -> sent => sent.is_ok(),
        recv(ctx.done()) -> _ => false,
    }
}
