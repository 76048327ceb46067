//! Five philosophers, five forks, and each needs two to eat (Edsger W. Dijkstra, 1965). A fork is a
//! mutex, whose guard a philosopher keeps while he eats: goroutines may block with a gort mutex
//! held. Everybody takes the fork with the lower number first, so they never wait in a circle.
//!
//! ```text
//! cargo run --release --example dining_philosophers
//! ```

use std::time::Duration;

use gort::sync::{Mutex, WaitGroup};

const NAMES: [&str; 5] = ["Aristotle", "Hypatia", "Confucius", "Kant", "Arendt"];
const MEALS: usize = 20;

/// Counts the meals that were eaten with it.
type Fork = Mutex<usize>;

fn main() {
    // SAFETY: no goroutine here keeps anything of its thread's own over a call that blocks.
    let used: usize = unsafe { gort::run(dine) };
    println!("{} meals were eaten, with two forks each", used / 2);
}

/// How often the forks were used.
fn dine() -> usize {
    let forks: &'static [Fork] = Box::leak(NAMES.map(|_| Fork::default()).into());
    let all = WaitGroup::new();
    for seat in 0..NAMES.len() {
        all.go(move || philosopher(seat, forks));
    }
    all.wait();
    forks.iter().map(|fork| *fork.lock()).sum()
}

fn philosopher(seat: usize, forks: &[Fork]) {
    let (left, right) = (seat, (seat + 1) % forks.len());
    let (first, second) = (left.min(right), left.max(right));
    for _ in 0..MEALS {
        think();
        let mut first = forks[first].lock();
        let mut second = forks[second].lock();
        eat();
        *first += 1;
        *second += 1;
    }
    println!("{} is full", NAMES[seat]);
}

fn think() {
    gort::sleep(Duration::from_micros(100));
}

fn eat() {
    gort::sleep(Duration::from_micros(200));
}
