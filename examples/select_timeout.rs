//! Waiting for whichever of several answers comes first, but not for long: `select!` with a
//! deadline, a default, and an arm that is switched off.
//!
//! ```text
//! cargo run --release --example select_timeout
//! ```

use std::time::Duration;

use gort::chan::Receiver;
use gort::{select, sleep};

fn main() {
    // SAFETY: no goroutine here keeps anything of its thread's own over a call that blocks.
    unsafe { gort::run(race) }
}

fn race() {
    let (fast, slow) = (mirror("fast", 5), mirror("slow", 60_000));
    println!("{}", first(&fast, Some(&slow), Duration::from_secs(30)));

    // The fast one has answered, and closed its channel. Nobody waits for the slow one for long.
    println!("{}", first(&slow, None, Duration::from_millis(20)));

    select! {
        recv(slow) -> answer => println!("at last: {}", answer.unwrap()),
        default => println!("nothing yet"),
    }
}

/// A server that takes its time to answer.
fn mirror(name: &'static str, delay_ms: u64) -> Receiver<String> {
    let (tx, rx) = gort::chan(1);
    gort::go(move || {
        sleep(Duration::from_millis(delay_ms));
        // Nobody may be waiting any more.
        tx.send(format!("the {name} mirror answers")).unwrap_or(());
    });
    rx
}

/// The first answer of two mirrors, of which there may be one only.
fn first(a: &Receiver<String>, b: Option<&Receiver<String>>, patience: Duration) -> String {
    select! {
        recv(a) -> answer => answer.expect("it answers before it goes"),
        recv(b) -> answer => answer.expect("it answers before it goes"),
        after(patience) => format!("no answer within {patience:?}"),
    }
}
