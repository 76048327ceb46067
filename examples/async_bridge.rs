//! Goroutines and futures side by side: an async function is awaited from a goroutine, which parks
//! meanwhile, and a future waits for a channel that goroutines send to.
//!
//! ```text
//! cargo run --release --example async_bridge
//! ```

use gort::chan::Receiver;

fn main() {
    // SAFETY: no goroutine here keeps anything of its thread's own over a call that blocks.
    let (sum, words) = unsafe { gort::run(bridge) };
    println!("the squares' sum is {sum}");
    println!("{words}");
}

fn bridge() -> (u64, String) {
    // A goroutine waits for a future, and a future for channels that goroutines send to.
    let sum = gort::block_on(async { sum(&squares(1..=50)).await + sum(&squares(51..=100)).await });

    // A goroutine is a future itself: its handle can be awaited.
    let (hello, world) = (gort::go(|| "hello"), gort::go(|| "world"));
    let words =
        gort::block_on(async { format!("{} {}", hello.await.unwrap(), world.await.unwrap()) });
    (sum, words)
}

/// A goroutine for each number.
fn squares(numbers: impl Iterator<Item = u64>) -> Receiver<u64> {
    let (tx, rx) = gort::chan(4);
    for n in numbers {
        let tx = tx.clone();
        gort::go(move || tx.send(n * n).expect("somebody sums"));
    }
    rx
}

/// Any executor can poll this.
async fn sum(values: &Receiver<u64>) -> u64 {
    let mut sum = 0;
    while let Ok(value) = values.recv_async().await {
        sum += value;
    }
    sum
}
