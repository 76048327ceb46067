//! The lines of timers, bubbles and signals that are broken.

use super::Mutation;
use super::list::{instead, moved, without};

const TIMER: &str = "src/sched/timer_state.rs";
const COUNT: &str = "src/sched/bubble_count.rs";
const TIMER_MODEL: &str = "tests/models/timer.rs";
const BUBBLE_MODEL: &str = "tests/models/bubble.rs";

const ARRIVALS: &str = "src/sys/arrivals.rs";

const FIRES: (&str, &str) = ("timer", "a_timer_is_cancelled_while_it_fires");
const RETIRES: (&str, &str) = ("timer", "a_timer_is_cancelled_while_its_heap_retires");
const STOPPED: (&str, &str) = ("timer", "nothing_is_received_after_a_stop");
const RESET: (&str, &str) = ("timer", "nothing_of_before_is_received_after_a_reset");
const PARKS: (&str, &str) = ("bubble", "a_park_and_a_wake_up");
const ARRIVE: (&str, &str) = ("arrivals", "nothing_that_arrives_is_forgotten");
const POKED: (&str, &str) = ("arrivals", "who_is_poked_sees_why");

pub(super) const MUTATIONS: &[Mutation] = &[
    // What arrives is there before the turn changes, and the thread that sleeps is woken.
    moved(
        ARRIVALS,
        "put(",
        "self.low.fetch_or(what as u32, Ordering::Relaxed);",
        "wake_all(&self.turn);",
        "wake_all(&self.turn); self.low.fetch_or(what as u32, Ordering::Relaxed);",
        ARRIVE,
    ),
    without(ARRIVALS, "put(", "wake_all(&self.turn);", ARRIVE),
    without(ARRIVALS, "wait(", "*turn = now;", ARRIVE),
    instead(
        ARRIVALS,
        "put(",
        "self.turn.fetch_add(1, Ordering::Release);",
        "Release",
        "Relaxed",
        POKED,
    ),
    instead(
        ARRIVALS,
        "wait(",
        "let now = self.turn.load(Ordering::Acquire);",
        "Acquire",
        "Relaxed",
        POKED,
    ),
    // Who finds the timer in no heap frees its memory without a lock.
    instead(
        TIMER,
        "leave(",
        "self.0.store(std::ptr::null_mut(), Ordering::Release);",
        "Release",
        "Relaxed",
        FIRES,
    ),
    instead(TIMER, "find(", "self.0.load(Ordering::Acquire)", "Acquire", "Relaxed", FIRES),
    moved(
        TIMER_MODEL,
        "expire(",
        "self.timer.home.leave();",
        "if std::mem::take(&mut *has_timer) {",
        "if std::mem::take(&mut *has_timer) { self.timer.home.leave();",
        FIRES,
    ),
    // The timer may be in another heap, or in none, by the time the lock is ours.
    without(TIMER_MODEL, "cancel(", "continue;", FIRES),
    without(TIMER_MODEL, "cancel(", "continue;", RETIRES),
    instead(
        TIMER_MODEL,
        "retire(",
        "let mut others = self.heaps[1].has_timer.lock().unwrap();",
        "self.heaps[1].has_timer.lock().unwrap()",
        "*self.heaps[1].has_timer.lock().unwrap(); let others = &mut others",
        RETIRES,
    ),
    // A firing finds out that it is not wanted any more.
    instead(
        TIMER,
        "claim(",
        "self.turn == turn && std::mem::take(&mut self.armed)",
        "std::mem::take(&mut self.armed)",
        "{ self.armed = false; true }",
        STOPPED,
    ),
    instead(
        TIMER,
        "claim(",
        "self.turn == turn && std::mem::take(&mut self.armed)",
        "self.turn == turn && ",
        "",
        RESET,
    ),
    without(TIMER, "arm(", "self.turn += 1;", RESET),
    instead(
        TIMER,
        "disarm(",
        "std::mem::take(&mut self.armed)",
        "std::mem::take(&mut self.armed)",
        "self.armed",
        STOPPED,
    ),
    // Who acts for the bubble sees what all did, and nobody else acts.
    instead(
        COUNT,
        "leave(",
        "self.0.fetch_sub(1, Ordering::AcqRel) == 1",
        "AcqRel",
        "Acquire",
        PARKS,
    ),
    instead(
        COUNT,
        "leave(",
        "self.0.fetch_sub(1, Ordering::AcqRel) == 1",
        "AcqRel",
        "Release",
        PARKS,
    ),
    instead(
        COUNT,
        "leave(",
        "self.0.fetch_sub(1, Ordering::AcqRel) == 1",
        "self.0.fetch_sub(1, Ordering::AcqRel)",
        "(|old| { self.0.store(old - 1, Ordering::Release); old })(self.0.load(Ordering::Acquire))",
        PARKS,
    ),
    // A share is given before the other can act, and given up when the park is complete.
    without(BUBBLE_MODEL, "ready(", "self.count.enter();", PARKS),
    moved(
        BUBBLE_MODEL,
        "ready(",
        "self.count.enter();",
        "wake_all(&self.awake[waiter]);",
        "wake_all(&self.awake[waiter]); self.count.enter();",
        PARKS,
    ),
    moved(
        BUBBLE_MODEL,
        "park(",
        "self.leave(); // its share",
        "drop(queue); // the commit",
        "self.leave(); drop(queue);",
        PARKS,
    ),
    without(BUBBLE_MODEL, "all_blocked(", "self.count.enter(); // the clock's", PARKS),
];
