//! Random programs over channels, selects, deadlines, futures, closing and cancelling, run by gort
//! and by a sequential model of Go's channels, step by step.
//!
//! A program is a list of commands. Each starts an operation on a goroutine of its own, or closes a
//! channel, or lets time pass. It runs in a bubble: after each command `test::wait` returns when
//! every operation has ended or waits for good, and what has ended must be what the model says.
//! Where Go leaves a choice, the model accepts each, and goes on from the one that was made.
//!
//! `GORT_PROPERTY_CASES` sets the number of programs.

mod model;
mod program;
mod run;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use program::Command;

/// Programs of each test; there are four.
const CASES: u32 = 25_000;

fn cases() -> u32 {
    let wanted = std::env::var("GORT_PROPERTY_CASES").ok();
    wanted.map_or(CASES, |n| n.parse().expect("a number of programs"))
}

/// Runs programs whose commands are decoded from random numbers, which shrink well.
fn check(kinds: program::Kinds, length: usize) {
    let config = Config { cases: cases(), failure_persistence: None, ..Config::default() };
    let programs = prop::collection::vec(any::<u64>(), 1..length);
    let result = TestRunner::new(config).run(&programs, |numbers| {
        let commands: Vec<Command> = numbers.iter().map(|&n| Command::decode(n, kinds)).collect();
        run::compare(&commands)
            .map_err(|difference| TestCaseError::fail(format!("{difference}\nin {commands:#?}")))
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn sends_and_receives() {
    check(program::Kinds { selects: false, futures: false }, 24);
}

#[test]
fn selects() {
    check(program::Kinds { selects: true, futures: false }, 24);
}

#[test]
fn futures() {
    check(program::Kinds { selects: false, futures: true }, 24);
}

#[test]
fn everything() {
    check(program::Kinds { selects: true, futures: true }, 40);
}
