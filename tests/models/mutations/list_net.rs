//! The lines of the network poller that are broken.

use super::Mutation;
use super::list::{instead, moved, without};

const READINESS: &str = "src/sched/netpoll/readiness.rs";
const READINESS_MODEL: &str = "tests/models/readiness.rs";
const BED: &str = "src/sched/bed.rs";
const BED_MODEL: &str = "tests/models/bed.rs";

const NO_EDGE_LOST: (&str, &str) = ("readiness", "no_edge_is_lost");
const ANOTHER_EDGE: (&str, &str) = ("readiness", "an_edge_follows_another");
const PASSED_ON: (&str, &str) = ("readiness", "what_is_left_is_passed_on");
const POLL: (&str, &str) = ("bed", "a_call_ends_the_poll");
const SLEEP: (&str, &str) = ("bed", "a_call_ends_the_sleep");
const TWO_CALLS: (&str, &str) = ("bed", "two_calls_and_two_places");

pub(super) const MUTATIONS: &[Mutation] = &[
    // A call that follows an edge finds what the edge was for.
    instead(
        READINESS,
        "look(",
        "Look(self.edges.load(Ordering::Acquire))",
        "Acquire",
        "Relaxed",
        NO_EDGE_LOST,
    ),
    instead(
        READINESS,
        "edge(",
        "self.edges.store(edges + 1, Ordering::Release);",
        "Release",
        "Relaxed",
        NO_EDGE_LOST,
    ),
    // What was seen is what there was before the call.
    instead(
        READINESS_MODEL,
        "read(",
        "self.readiness.found_nothing(look);",
        "look",
        "self.readiness.look()",
        NO_EDGE_LOST,
    ),
    instead(
        READINESS,
        "edge(",
        "self.edges.store(edges + 1, Ordering::Release);",
        "edges + 1",
        "edges + 1 - edges",
        NO_EDGE_LOST,
    ),
    instead(
        READINESS,
        "edge(",
        "self.edges.store(edges + 1, Ordering::Release);",
        "edges + 1",
        "2",
        ANOTHER_EDGE,
    ),
    // Who waits looks once more, under the lock; the edge is there before waiters are taken out.
    without(READINESS_MODEL, "wait(", "return;", NO_EDGE_LOST),
    moved(
        READINESS_MODEL,
        "wait(",
        "let mut waiters = self.waiters.lock().unwrap();",
        "waiters.push(Arc::clone(&waiter));",
        "let mut waiters = self.waiters.lock().unwrap(); waiters.push(Arc::clone(&waiter));",
        NO_EDGE_LOST,
    ),
    moved(
        READINESS_MODEL,
        "send(",
        "self.readiness.edge();",
        "first.iter().for_each(|waiter| wake(waiter));",
        "self.readiness.edge(); first.iter().for_each(|waiter| wake(waiter));",
        NO_EDGE_LOST,
    ),
    without(READINESS_MODEL, "read(", "self.pass_on();", PASSED_ON),
    // The owner sees what it was called for.
    instead(
        BED,
        "call(",
        "self.0.swap(CALLED, Ordering::Release) == POLLS",
        "Release",
        "Relaxed",
        POLL,
    ),
    instead(
        BED,
        "get_up(",
        "self.0.swap(AWAKE, Ordering::Acquire) == CALLED",
        "Acquire",
        "Relaxed",
        POLL,
    ),
    // A call before the poll is not overwritten, and one that ended a sleep is known.
    instead(
        BED,
        "begin_poll(",
        "self.0.compare_exchange(AWAKE, POLLS, Ordering::Relaxed, Ordering::Relaxed).is_ok()",
        "compare_exchange(AWAKE, POLLS, Ordering::Relaxed, Ordering::Relaxed).is_ok()",
        "swap(POLLS, Ordering::Relaxed) != 3",
        POLL,
    ),
    instead(
        BED,
        "get_up(",
        "self.0.swap(AWAKE, Ordering::Acquire) == CALLED",
        "== CALLED",
        "!= CALLED",
        SLEEP,
    ),
    without(BED_MODEL, "sleep_in_poll(", "self.bed.get_up();", TWO_CALLS),
];
