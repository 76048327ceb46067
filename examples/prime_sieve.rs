//! The concurrent prime sieve: a goroutine for each prime number filters its multiples out of what
//! it receives and sends the rest on. After Doug McIlroy ("Squinting at Power Series", 1989), and
//! known from the first programs in Go.
//!
//! ```text
//! cargo run --release --example prime_sieve -- [COUNT]
//! ```

use gort::chan::{Receiver, Sender};

fn main() {
    let count = std::env::args().nth(1).map_or(25, |n| n.parse().expect("a number of primes"));
    // SAFETY: no goroutine here keeps anything of its thread's own over a call that blocks.
    let primes = unsafe { gort::run(|| primes().take(count).collect::<Vec<_>>()) };
    let text: Vec<_> = primes.iter().map(u64::to_string).collect();
    println!("{}", text.join(" "));
}

/// The prime numbers, from 2 on.
fn primes() -> impl Iterator<Item = u64> {
    let (tx, mut rest) = gort::chan(0);
    gort::go(move || generate(&tx));
    std::iter::from_fn(move || {
        let prime = rest.recv().ok()?;
        let (tx, filtered) = gort::chan(0);
        let numbers = std::mem::replace(&mut rest, filtered);
        gort::go(move || filter(numbers, &tx, prime));
        Some(prime)
    })
}

/// Sends 2, 3, 4, ... as long as somebody wants them.
fn generate(tx: &Sender<u64>) {
    for n in 2.. {
        if tx.send(n).is_err() {
            return;
        }
    }
}

/// Passes on what `prime` does not divide.
fn filter(numbers: Receiver<u64>, tx: &Sender<u64>, prime: u64) {
    for n in numbers {
        if n % prime != 0 && tx.send(n).is_err() {
            return;
        }
    }
}
