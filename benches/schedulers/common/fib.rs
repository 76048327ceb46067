//! `fib`: a call is a goroutine, and calls itself twice, until it is no longer worth it.

/// Numbers below are computed without goroutines.
const ALONE_BELOW: u64 = 12;

/// What a call does by itself; `None`: it calls for the two numbers before.
pub(crate) fn alone(number: u64) -> Option<u64> {
    (number < ALONE_BELOW).then(|| recurse(number))
}

#[inline(never)]
fn recurse(number: u64) -> u64 {
    if number < 2 { number } else { recurse(number - 1) + recurse(number - 2) }
}

/// The number itself, to compare with.
pub(crate) fn fibonacci(number: u64) -> u64 {
    let (mut this, mut next) = (0, 1);
    for _ in 0..number {
        (this, next) = (next, this + next);
    }
    this
}

/// How many calls there are for a number, with its own.
pub(crate) fn calls(number: u64) -> u64 {
    match number.checked_sub(ALONE_BELOW) {
        None => 1,
        Some(above) => 2 * fibonacci(above + 3) - 1,
    }
}

/// The largest number that needs no more than `n` calls; the smallest with goroutines of its own
/// at least.
pub(crate) fn with_calls(n: u64) -> u64 {
    (ALONE_BELOW..).take_while(|number| calls(*number) <= n).last().unwrap_or(ALONE_BELOW)
}
