//! The lines of `gort::sync` that are broken, and of the lock of its queues.

use super::Mutation;
use super::list::{instead, moved, without};

const LOCK: &str = "src/sched/lock.rs";
const COND: &str = "src/sync/cond_word.rs";
const COUNT: &str = "src/sync/count.rs";
const MUTEX: &str = "src/sync/mutex_word.rs";
const RW: &str = "src/sync/rw_word.rs";
const COND_MODEL: &str = "tests/models/cond.rs";
const RW_MODEL: &str = "tests/models/rw_mutex.rs";

const LOCK_PAIR: (&str, &str) = ("lock", "one_at_a_time");
const LOCK_THREE: (&str, &str) = ("lock", "nobody_sleeps_for_ever");
const ALONE: (&str, &str) = ("mutex", "one_at_a_time");
const HANDED: (&str, &str) = ("mutex", "handed_over");
const FORGOTTEN: (&str, &str) = ("mutex", "nobody_who_waits_is_forgotten");
const HANDED_ON: (&str, &str) = ("mutex", "nobody_who_is_handed_it_is_forgotten");
const SIGNAL: (&str, &str) = ("cond", "a_signal_finds_who_waits");
const SIGNALS: (&str, &str) = ("cond", "two_signals_wake_two");
const GROUP: (&str, &str) = ("wait_group", "who_waits_sees_what_was_done");
const MEMBERS: (&str, &str) = ("wait_group", "two_members_and_one_who_waits");
const RW_PAIR: (&str, &str) = ("rw_mutex", "a_reader_and_a_writer");
const READERS: (&str, &str) = ("rw_mutex", "two_readers_and_a_writer");
const DOWNGRADE: (&str, &str) = ("rw_mutex", "a_writer_reads_on");

pub(super) const MUTATIONS: &[Mutation] = &[
    // The lock of a queue.
    instead(
        LOCK,
        "try_lock(",
        "self.0.compare_exchange(FREE, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok()",
        "Acquire",
        "Relaxed",
        LOCK_PAIR,
    ),
    instead(
        LOCK,
        "lock_slow(",
        "while self.0.swap(AWAITED, Ordering::Acquire) != FREE {",
        "Acquire",
        "Relaxed",
        LOCK_PAIR,
    ),
    instead(
        LOCK,
        "lock_slow(",
        "while self.0.swap(AWAITED, Ordering::Acquire) != FREE {",
        "AWAITED",
        "LOCKED",
        LOCK_PAIR,
    ),
    instead(
        LOCK,
        "unlock(",
        "if self.0.swap(FREE, Ordering::Release) == AWAITED {",
        "Release",
        "Relaxed",
        LOCK_PAIR,
    ),
    instead(
        LOCK,
        "unlock(",
        "if self.0.swap(FREE, Ordering::Release) == AWAITED {",
        "== AWAITED",
        "== FREE",
        LOCK_THREE,
    ),
    // A mutex: who gets it sees what was done, and nobody is forgotten.
    instead(
        MUTEX,
        "lock_fast(",
        "&& self.0.compare_exchange(old, new, Ordering::Acquire, Ordering::Relaxed).is_ok()",
        "Acquire",
        "Relaxed",
        ALONE,
    ),
    instead(MUTEX, "lock_fast(", "old & LOCKED == 0", "old & LOCKED == 0", "true", ALONE),
    instead(
        MUTEX,
        "unlock_fast(",
        "&& self.0.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed).is_ok()",
        "Release",
        "Relaxed",
        ALONE,
    ),
    instead(
        MUTEX,
        "unlock_fast(",
        "old & (WOKEN | WAITING) != WAITING",
        "old & (WOKEN | WAITING) != WAITING",
        "true",
        FORGOTTEN,
    ),
    instead(
        MUTEX,
        "take(",
        "match self.0.compare_exchange(old, new, Ordering::Acquire, Ordering::Relaxed) {",
        "Acquire",
        "Relaxed",
        FORGOTTEN,
    ),
    instead(
        MUTEX,
        "take(",
        "let new = (old | LOCKED) & if awake { !WOKEN } else { !0 };",
        "if awake { !WOKEN } else { !0 }",
        "!0",
        FORGOTTEN,
    ),
    instead(MUTEX, "announce(", "while old & LOCKED != 0 {", "old & LOCKED != 0", "true", ALONE),
    instead(
        MUTEX,
        "announce(",
        "let new = (old | WAITING) & if awake { !WOKEN } else { !0 };",
        "if awake { !WOKEN } else { !0 }",
        "!0",
        FORGOTTEN,
    ),
    instead(
        MUTEX,
        "free(",
        "while old & WOKEN != 0 || old & WAITING == 0 {",
        "old & WOKEN != 0 || old & WAITING == 0",
        "true",
        ALONE,
    ),
    instead(
        MUTEX,
        "free(",
        "match self.0.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed) {",
        "Release",
        "Relaxed",
        FORGOTTEN,
    ),
    instead(
        MUTEX,
        "pass_on(",
        "let new = if hand_over { LOCKED } else { WOKEN } | if more { WAITING } else { 0 };",
        "if hand_over { LOCKED } else { WOKEN }",
        "WOKEN",
        HANDED,
    ),
    instead(
        MUTEX,
        "pass_on(",
        "let new = if hand_over { LOCKED } else { WOKEN } | if more { WAITING } else { 0 };",
        "if more { WAITING } else { 0 }",
        "0",
        HANDED_ON,
    ),
    instead(
        MUTEX,
        "pass_on(",
        "let new = if hand_over { LOCKED } else { WOKEN } | if more { WAITING } else { 0 };",
        "if more { WAITING } else { 0 }",
        "0",
        FORGOTTEN,
    ),
    instead(
        MUTEX,
        "pass_on(",
        "self.0.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed).is_ok()",
        "Release",
        "Relaxed",
        FORGOTTEN,
    ),
    // A condition: no signal passes by who waits.
    instead(COND, "is_zero(", "self.0.load(Ordering::Relaxed) == 0", "== 0", "<= 1", SIGNAL),
    without(COND, "one_more(", "self.0.fetch_add(1, Ordering::Relaxed);", SIGNAL),
    moved(
        COND_MODEL,
        "wait(",
        "self.waiting.one_more();",
        "drop(queue);",
        "drop(queue); self.waiting.one_more();",
        SIGNAL,
    ),
    moved(
        COND_MODEL,
        "wait(",
        "self.waiting.one_more();",
        "drop(queue);",
        "drop(queue); self.waiting.one_more();",
        SIGNALS,
    ),
    // A wait group: who waits sees what all members did.
    instead(
        COUNT,
        "less(",
        "match self.0.compare_exchange(old, old - 1, Ordering::AcqRel, Ordering::Relaxed) {",
        "AcqRel",
        "Acquire",
        MEMBERS,
    ),
    instead(
        COUNT,
        "last(",
        "let old = self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, less).ok()?;",
        "AcqRel",
        "Acquire",
        GROUP,
    ),
    instead(
        COUNT,
        "last(",
        "let old = self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, less).ok()?;",
        "AcqRel",
        "Release",
        MEMBERS,
    ),
    instead(COUNT, "is_zero(", "self.0.load(Ordering::Acquire) == 0", "Acquire", "Relaxed", GROUP),
    instead(COUNT, "less(", "while old > 1 {", "> 1", "> 0", GROUP),
    // A read-write lock.
    instead(
        RW,
        "read_once(",
        "let done = self.0.compare_exchange(old, old + 1, Ordering::Acquire, Ordering::Relaxed);",
        "Acquire",
        "Relaxed",
        RW_PAIR,
    ),
    instead(
        RW,
        "announce_reader(",
        "while old & WRITER != 0 {",
        "old & WRITER != 0",
        "true",
        RW_PAIR,
    ),
    instead(
        RW,
        "end_read(",
        "let old = self.0.fetch_sub(1, Ordering::Release);",
        "Release",
        "Relaxed",
        RW_PAIR,
    ),
    instead(
        RW,
        "end_read(",
        "old & WRITER != 0 && old & READERS == 1",
        "old & READERS == 1",
        "old & READERS == 2",
        RW_PAIR,
    ),
    instead(
        RW,
        "write(",
        "self.0.fetch_or(WRITER, Ordering::Acquire) == 0",
        "== 0",
        "!= WRITER",
        RW_PAIR,
    ),
    instead(
        RW,
        "write(",
        "self.0.fetch_or(WRITER, Ordering::Acquire) == 0",
        "Acquire",
        "Relaxed",
        RW_PAIR,
    ),
    instead(
        RW,
        "is_read(",
        "self.0.load(Ordering::Acquire) & READERS != 0",
        "Acquire",
        "Relaxed",
        RW_PAIR,
    ),
    instead(
        RW,
        "end_write(",
        "self.0.compare_exchange(WRITER, readers, Ordering::Release, Ordering::Relaxed).is_ok()",
        "Release",
        "Relaxed",
        RW_PAIR,
    ),
    instead(
        RW_MODEL,
        "write(",
        "self.word.end_write_with(then_reads + woken.len() as u32);",
        "then_reads + woken.len() as u32",
        "then_reads",
        READERS,
    ),
    instead(
        RW_MODEL,
        "write(",
        "self.word.end_write_with(then_reads + woken.len() as u32);",
        "then_reads + woken.len() as u32",
        "woken.len() as u32",
        DOWNGRADE,
    ),
];
