//! The lines of profiles that are broken.

use super::Mutation;
use super::list::instead;

const RING: &str = "src/sched/sample_ring.rs";
const SUMS: &str = "src/sched/stack_sums.rs";

const WHOLE: (&str, &str) = ("sample_ring", "a_record_comes_whole");
const AGAIN: (&str, &str) = ("sample_ring", "slots_are_used_again");
const SAME: (&str, &str) = ("stack_sums", "two_add_the_same_stack");

pub(super) const MUTATIONS: &[Mutation] = &[
    instead(
        RING,
        "push(",
        "slot.turn.store(2 * lap + 1, Ordering::Release);",
        "Release",
        "Relaxed",
        WHOLE,
    ),
    instead(
        RING,
        "pop(",
        "if slot.turn.load(Ordering::Acquire) != 2 * lap + 1 {",
        "Acquire",
        "Relaxed",
        WHOLE,
    ),
    // A full ring overwrites nothing.
    instead(RING, "push(", "if turn < 2 * lap {", "turn < 2 * lap", "false && turn < lap", AGAIN),
    instead(
        RING,
        "pop(",
        "slot.turn.store(2 * (lap + 1), Ordering::Release);",
        "2 * (lap + 1)",
        "2 * lap",
        AGAIN,
    ),
    // What is in an entry comes with it.
    instead(
        SUMS,
        "link(",
        "match head.compare_exchange(first, pointer, Ordering::Release, Ordering::Acquire) {",
        "Ordering::Release",
        "Ordering::Relaxed",
        SAME,
    ),
    instead(SUMS, "add(", "let first = head.load(Ordering::Acquire);", "Acquire", "Relaxed", SAME),
    // Who loses looks at what has come in.
    instead(
        SUMS,
        "link(",
        "if let Some(entry) = find(first, known, new.hash, is) {",
        "find(first, known, new.hash, is)",
        "find(first, first, new.hash, is)",
        SAME,
    ),
    instead(
        SUMS,
        "grow(",
        "Err(other) => bits = other,",
        "bits = other",
        "break drop(other)",
        SAME,
    ),
];
