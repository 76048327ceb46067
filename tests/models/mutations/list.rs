//! The lines that are broken.

use super::{Edit, Mutation};

const DOOR: &str = "src/sched/door.rs";
const JOIN: &str = "src/sched/join.rs";
const SIGNAL: &str = "src/sched/signal_word.rs";
const SIGNAL_MODEL: &str = "tests/models/signal_word.rs";
const JOIN_MODEL: &str = "tests/models/join.rs";
const RUNNEXT: &str = "src/sched/runnext.rs";
const SPINNERS: &str = "src/sched/spinners.rs";
const STATUS: &str = "src/tracer/status.rs";
const TICKET: &str = "src/sched/ticket.rs";
const PARK_MODEL: &str = "tests/models/park.rs";
const WAIT_QUEUE: &str = "src/sched/wait_queue.rs";
const SELECT_MODEL: &str = "tests/models/select.rs";
const WATCH_MODEL: &str = "tests/models/watch.rs";
const SPINNERS_MODEL: &str = "tests/models/spinners.rs";

const EXCLUSION: (&str, &str) = ("door", "holder_and_owner_exclude_each_other");
const WOKEN_EARLY: (&str, &str) = ("door", "a_waiting_owner_is_woken_early");
const TWO_HOLDS: (&str, &str) = ("door", "one_holder_after_another");
const TWO_DOORS: (&str, &str) = ("door", "one_holder_shuts_two_doors");
const STEP_ASIDE: (&str, &str) = ("door", "a_long_stay_steps_aside");
const ONE_OWNER: (&str, &str) = ("hand_off", "a_processor_has_one_owner");
const CALL: (&str, &str) = ("hand_off", "a_call_gives_the_processor_and_gets_it_back");
const CUT_AND_CALL: (&str, &str) = ("hand_off", "a_cut_beside_a_call");
const JOINED: (&str, &str) = ("join", "the_result_is_seen_and_taken_once");
const DETACHED: (&str, &str) = ("join", "a_detached_result_is_dropped_once");
const FREED: (&str, &str) = ("join", "the_last_who_holds_the_slot_frees_it");
const DEADLINE: (&str, &str) = ("join", "a_deadline_and_the_end");
const POLLED: (&str, &str) = ("join", "a_future_that_is_polled_with_another_waker");
const ONE_WAKE: (&str, &str) = ("signal_word", "a_wake_before_during_and_after_the_park");
const TWO_WAKES: (&str, &str) = ("signal_word", "two_wakers_at_once");
const SCOPE: (&str, &str) = ("signal_word", "a_scope_waits_for_all");
const LOCKED_PARK: (&str, &str) = ("park", "the_lock_is_held_over_the_switch");
const WORD_PARK: (&str, &str) = ("park", "a_word_publishes_a_joiner");
const COMES_BACK: (&str, &str) = ("runnext", "what_comes_back_may_be_stolen");
const THIEVES: (&str, &str) = ("runnext", "two_thieves");
const SELECT_CLOSE: (&str, &str) = ("select", "a_sender_or_a_closer_wins");
const SELECT_SENDERS: (&str, &str) = ("select", "one_of_two_senders_wins");
const SELECT_CLOCK: (&str, &str) = ("select", "a_sender_or_the_clock_wins");
const GIVEN_ONCE: (&str, &str) = ("runnext", "each_is_given_out_once");
const LAST_SPINNER: (&str, &str) = ("spinners", "work_comes_as_the_last_spinner_gives_up");
const PASSED_ON: (&str, &str) = ("spinners", "who_finds_work_passes_the_search_on");
const SUBMITTERS: (&str, &str) = ("spinners", "two_submitters_and_a_spinner");
const SLEEPER: (&str, &str) = ("spinners", "two_submitters_and_a_sleeper");
const ONE_STATUS: (&str, &str) = ("state_word", "one_party_writes_the_status");
const NEXT_LIFE: (&str, &str) = ("state_word", "the_next_life_is_not_swept");
const LEFT_ALONE: (&str, &str) = ("state_word", "the_sweep_leaves_running_and_unborn_ones_alone");
const BIRTH: (&str, &str) = ("state_word", "a_visitor_sees_the_field_after_a_birth");
const CHANGE: (&str, &str) = ("state_word", "a_visitor_sees_the_field_after_a_change");
const SWEPT: (&str, &str) = ("state_word", "the_sweep_sees_the_field");
const NUMBERED: (&str, &str) = ("state_word", "a_visitor_sees_the_field_after_a_numbered_change");
const PARTNER: (&str, &str) = ("ticket", "a_partner_or_the_clock_wakes_a_goroutine");
const UNWATCHED: (&str, &str) = ("watch", "readied_while_nobody_watches");
const WATCHER_LEAVES: (&str, &str) = ("watch", "readied_as_the_watcher_leaves_by_itself");
const TIMED_OUT: (&str, &str) = ("ticket", "a_thread_whose_sleep_ends_settles_with_its_partner");

/// Without the line.
pub(super) const fn without(
    file: &'static str,
    function: &'static str,
    line: &'static str,
    model: (&'static str, &'static str),
) -> Mutation {
    Mutation { file, function, edits: [Some(Edit { line, part: line, other: "" }), None], model }
}

/// With `other` in place of `part` of the line.
pub(super) const fn instead(
    file: &'static str,
    function: &'static str,
    line: &'static str,
    part: &'static str,
    other: &'static str,
    model: (&'static str, &'static str),
) -> Mutation {
    Mutation { file, function, edits: [Some(Edit { line, part, other }), None], model }
}

/// Without the line `from`, and with `both` in place of the line `to`.
pub(super) const fn moved(
    file: &'static str,
    function: &'static str,
    from: &'static str,
    to: &'static str,
    both: &'static str,
    model: (&'static str, &'static str),
) -> Mutation {
    let out = Edit { line: from, part: from, other: "" };
    Mutation {
        file,
        function,
        edits: [Some(out), Some(Edit { line: to, part: to, other: both })],
        model,
    }
}

pub(super) const MUTATIONS: &[Mutation] = &[
    // ENTER and PROBE: the store before the load, on both sides.
    without(DOOR, "enter(", "light_barrier();", EXCLUSION),
    without(DOOR, "enter_slow(", "light_barrier();", TWO_HOLDS),
    without(DOOR, "shut_all<", "heavy_barrier();", EXCLUSION),
    // The owner sees what the holder did.
    instead(
        DOOR,
        "enter(",
        "self.flag.load(Ordering::Acquire) != FREE && self.enter_slow()",
        "Acquire",
        "Relaxed",
        EXCLUSION,
    ),
    instead(
        DOOR,
        "enter_slow(",
        "let flag = self.flag.load(Ordering::Acquire);",
        "Acquire",
        "Relaxed",
        WOKEN_EARLY,
    ),
    instead(
        DOOR,
        "release(",
        "self.flag.fetch_and(!HELD, Ordering::Release);",
        "Release",
        "Relaxed",
        EXCLUSION,
    ),
    // The holder sees what the owner did.
    instead(
        DOOR,
        "leave(",
        "self.in_rt.store(0, Ordering::Release);",
        "Release",
        "Relaxed",
        EXCLUSION,
    ),
    instead(
        DOOR,
        "enter_slow(",
        "self.in_rt.store(0, Ordering::Release);",
        "Release",
        "Relaxed",
        STEP_ASIDE,
    ),
    instead(
        DOOR,
        "is_outside(",
        "self.in_rt.load(Ordering::Acquire) == 0",
        "Acquire",
        "Relaxed",
        EXCLUSION,
    ),
    // Who is in the way goes out of it, and nobody sleeps for ever.
    without(DOOR, "hold(", "self.flag.fetch_or(HELD, Ordering::Relaxed);", EXCLUSION),
    instead(
        DOOR,
        "enter(",
        "self.flag.load(Ordering::Acquire) != FREE && self.enter_slow()",
        "self.enter_slow()",
        "false",
        EXCLUSION,
    ),
    without(DOOR, "enter_slow(", "self.in_rt.store(0, Ordering::Release);", EXCLUSION),
    instead(
        DOOR,
        "step_aside(",
        "let taken = self.enter_slow();",
        "self.enter_slow()",
        "false",
        STEP_ASIDE,
    ),
    instead(
        DOOR,
        "shut_all<",
        "doors.for_each(Door::wait_outside);",
        "doors.for_each(Door::wait_outside)",
        "drop(doors)",
        TWO_DOORS,
    ),
    without(DOOR, "release(", "wake_all(&self.flag);", TWO_DOORS),
    // TAKE: only from a thread that is outside, which then learns of it.
    without(DOOR, "take(", "heavy_barrier();", ONE_OWNER),
    instead(
        DOOR,
        "take(",
        "let taken = self.is_outside() && f();",
        "self.is_outside() && f()",
        "f()",
        ONE_OWNER,
    ),
    without(DOOR, "take(", "self.hold();", ONE_OWNER),
    without(DOOR, "give_away(", "self.flag.fetch_or(TAKEN, Ordering::Relaxed);", CALL),
    without(DOOR, "come_back(", "self.flag.fetch_and(!TAKEN, Ordering::Relaxed);", ONE_OWNER),
    // A holder leaves TAKEN as it is.
    instead(
        DOOR,
        "hold(",
        "self.flag.fetch_or(HELD, Ordering::Relaxed);",
        "fetch_or(HELD, Ordering::Relaxed)",
        "store(HELD, Ordering::Relaxed)",
        CUT_AND_CALL,
    ),
    instead(
        DOOR,
        "release(",
        "self.flag.fetch_and(!HELD, Ordering::Release);",
        "fetch_and(!HELD, Ordering::Release)",
        "store(FREE, Ordering::Release)",
        CUT_AND_CALL,
    ),
    instead(DOOR, "enter_slow(", "return flag & TAKEN != 0;", "flag & TAKEN != 0", "false", CALL),
    // SUBMIT and PARK: the store before the load, on both sides.
    without(SPINNERS, "wanted(", "light_barrier();", LAST_SPINNER),
    without(SPINNERS, "before_last_look(", "heavy_barrier();", LAST_SPINNER),
    // The counters.
    instead(
        SPINNERS,
        "claim(",
        "self.spinning.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        "compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        "swap(1, Ordering::AcqRel) <= 1",
        SLEEPER,
    ),
    instead(
        SPINNERS,
        "stop_spinning(",
        "self.spinning.fetch_sub(1, Ordering::AcqRel) == 1",
        "== 1",
        "== 0",
        PASSED_ON,
    ),
    without(SPINNERS, "idle_more(", "self.idle.fetch_add(1, Ordering::Release);", SLEEPER),
    // The steps of the worker and of the lists, which the model imitates.
    instead(
        SPINNERS_MODEL,
        "start_spinner(",
        "self.spinners.stop_spinning();",
        "self.spinners",
        "drop(lists); self.spinners",
        SUBMITTERS,
    ),
    without(SPINNERS_MODEL, "stop_spinning(", "self.wake_one();", PASSED_ON),
    without(SPINNERS_MODEL, "give_up(", "self.spinners.stop_spinning();", LAST_SPINNER),
    instead(
        SPINNERS_MODEL,
        "give_up(",
        "if self.queue.load(Ordering::Relaxed) != 0 && self.take_back(me) {",
        "self.queue.load(Ordering::Relaxed) != 0 && self.take_back(me)",
        "false",
        LAST_SPINNER,
    ),
    moved(
        SPINNERS_MODEL,
        "give_up(",
        "self.spinners.before_last_look();",
        "if was_spinning {",
        "self.spinners.before_last_look(); if was_spinning {",
        LAST_SPINNER,
    ),
    moved(
        SPINNERS_MODEL,
        "give_up(",
        "let was_spinning = self.workers[me].set_spinning(false);",
        "self.put(me);",
        "self.put(me); let was_spinning = self.workers[me].set_spinning(false);",
        SUBMITTERS,
    ),
    // The result is seen, and the waiter.
    instead(
        JOIN,
        "finish(",
        "match self.0.swap(DONE, Ordering::AcqRel) {",
        "AcqRel",
        "Acquire",
        JOINED,
    ),
    instead(
        JOIN,
        "finish(",
        "match self.0.swap(DONE, Ordering::AcqRel) {",
        "AcqRel",
        "Release",
        JOINED,
    ),
    instead(
        JOIN,
        "is_done(",
        "self.0.load(Ordering::Acquire) == DONE",
        "Acquire",
        "Relaxed",
        JOINED,
    ),
    instead(
        JOIN,
        "wait(",
        "self.0.compare_exchange(RUNNING, waiter, Ordering::AcqRel, Ordering::Acquire).is_ok()",
        "AcqRel",
        "Acquire",
        JOINED,
    ),
    instead(
        JOIN,
        "wait(",
        "self.0.compare_exchange(RUNNING, waiter, Ordering::AcqRel, Ordering::Acquire).is_ok()",
        "Acquire",
        "Relaxed",
        JOINED,
    ),
    instead(
        JOIN,
        "detach(",
        "self.0.compare_exchange(RUNNING, DETACHED, Ordering::AcqRel, Ordering::Acquire).is_ok()",
        "Acquire",
        "Relaxed",
        DETACHED,
    ),
    // Who frees the slot sees that the other has let go.
    instead(
        JOIN,
        "finish(",
        "if self.0.load(Ordering::Acquire) == DETACHED {",
        "Acquire",
        "Relaxed",
        FREED,
    ),
    instead(JOIN, "let_go(", "self.0.load(Ordering::Acquire) == 1", "Acquire", "Relaxed", FREED),
    instead(
        JOIN,
        "let_go(",
        "|| self.0.fetch_sub(1, Ordering::AcqRel) == 1",
        "self.0.fetch_sub(1, Ordering::AcqRel) == 1",
        "{ let old = self.0.load(Ordering::Acquire); self.0.store(old - 1, Ordering::Release); old == 1 }",
        FREED,
    ),
    without(JOIN_MODEL, "run(", "self.holders.alone();", FREED),
    // One of the two is first.
    instead(
        JOIN,
        "finish(",
        "match self.0.swap(DONE, Ordering::AcqRel) {",
        "self.0.swap(DONE, Ordering::AcqRel)",
        "{ let old = self.0.load(Ordering::Acquire); self.0.store(DONE, Ordering::Release); old }",
        JOINED,
    ),
    instead(
        JOIN,
        "detach(",
        "self.0.compare_exchange(RUNNING, DETACHED, Ordering::AcqRel, Ordering::Acquire).is_ok()",
        "self.0.compare_exchange(RUNNING, DETACHED, Ordering::AcqRel, Ordering::Acquire).is_ok()",
        "self.is_done() || { self.0.store(DETACHED, Ordering::Release); true }",
        DETACHED,
    ),
    // Whoever can leave withdraws, or leaves what it has to the finisher.
    instead(
        JOIN,
        "withdraw(",
        "self.0.compare_exchange(waiter, RUNNING, Ordering::Relaxed, Ordering::Acquire).is_ok()",
        "Acquire",
        "Relaxed",
        DEADLINE,
    ),
    instead(
        JOIN,
        "withdraw(",
        "self.0.compare_exchange(waiter, RUNNING, Ordering::Relaxed, Ordering::Acquire).is_ok()",
        "self.0.compare_exchange(waiter, RUNNING, Ordering::Relaxed, Ordering::Acquire).is_ok()",
        "self.0.swap(RUNNING, Ordering::AcqRel) == waiter",
        POLLED,
    ),
    instead(
        JOIN,
        "withdraw(",
        "self.0.compare_exchange(waiter, RUNNING, Ordering::Relaxed, Ordering::Acquire).is_ok()",
        "self.0.compare_exchange(waiter, RUNNING, Ordering::Relaxed, Ordering::Acquire).is_ok()",
        "self.0.load(Ordering::Acquire) == waiter",
        POLLED,
    ),
    instead(
        JOIN_MODEL,
        "run(",
        "if timed.ticket.claim(Ticket::SERVED) {",
        "timed.ticket.claim(Ticket::SERVED)",
        "true",
        DEADLINE,
    ),
    // A signal is not lost, and wakes one who waits, once.
    instead(
        SIGNAL,
        "take(",
        "self.0.swap(NONE, Ordering::Acquire) == GIVEN",
        "Acquire",
        "Relaxed",
        ONE_WAKE,
    ),
    instead(
        SIGNAL,
        "take(",
        "self.0.swap(NONE, Ordering::Acquire) == GIVEN",
        "self.0.swap(NONE, Ordering::Acquire) == GIVEN",
        "{ let old = self.0.load(Ordering::Acquire); self.0.store(NONE, Ordering::Relaxed); old == GIVEN }",
        TWO_WAKES,
    ),
    instead(
        SIGNAL,
        "wait(",
        "self.0.compare_exchange(NONE, waiter, Ordering::Release, Ordering::Relaxed).is_ok()",
        "Release",
        "Relaxed",
        ONE_WAKE,
    ),
    instead(
        SIGNAL,
        "wait(",
        "self.0.compare_exchange(NONE, waiter, Ordering::Release, Ordering::Relaxed).is_ok()",
        "compare_exchange(NONE, waiter, Ordering::Release, Ordering::Relaxed).is_ok()",
        "swap(waiter, Ordering::AcqRel) != waiter",
        ONE_WAKE,
    ),
    instead(
        SIGNAL,
        "notify(",
        "let old = self.0.swap(GIVEN, Ordering::AcqRel);",
        "AcqRel",
        "Acquire",
        ONE_WAKE,
    ),
    instead(
        SIGNAL,
        "notify(",
        "let old = self.0.swap(GIVEN, Ordering::AcqRel);",
        "AcqRel",
        "Release",
        ONE_WAKE,
    ),
    instead(
        SIGNAL,
        "notify(",
        "let old = self.0.swap(GIVEN, Ordering::AcqRel);",
        "self.0.swap(GIVEN, Ordering::AcqRel)",
        "{ let old = self.0.load(Ordering::Acquire); self.0.store(GIVEN, Ordering::Release); old }",
        TWO_WAKES,
    ),
    instead(
        SIGNAL_MODEL,
        "leave(",
        "if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {",
        "AcqRel",
        "Acquire",
        SCOPE,
    ),
    instead(
        SIGNAL_MODEL,
        "leave(",
        "if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {",
        "AcqRel) == 1",
        "AcqRel) == 2",
        SCOPE,
    ),
    // A park is complete before its waker acts.
    moved(
        PARK_MODEL,
        "park(",
        "self.run(0); // the switch writes its registers to the stack",
        "if !commit() {",
        "let waits = commit(); self.run(0); if !waits {",
        LOCKED_PARK,
    ),
    moved(
        PARK_MODEL,
        "park(",
        "self.run(0); // the switch writes its registers to the stack",
        "if !commit() {",
        "let waits = commit(); self.run(0); if !waits {",
        WORD_PARK,
    ),
    moved(
        PARK_MODEL,
        "park(",
        "self.state.set(Status::Waiting);",
        "if !commit() {",
        "let waits = commit(); self.state.set(Status::Waiting); if !waits {",
        LOCKED_PARK,
    ),
    instead(
        JOIN,
        "wait(",
        "self.0.compare_exchange(RUNNING, waiter, Ordering::AcqRel, Ordering::Acquire).is_ok()",
        "AcqRel",
        "Acquire",
        WORD_PARK,
    ),
    instead(
        JOIN,
        "finish(",
        "match self.0.swap(DONE, Ordering::AcqRel) {",
        "AcqRel",
        "Release",
        WORD_PARK,
    ),
    // What is in `runnext` is given out once, with its fields.
    instead(
        RUNNEXT,
        "set(",
        "let old = self.0.swap(new, Ordering::AcqRel);",
        "AcqRel",
        "Acquire",
        GIVEN_ONCE,
    ),
    instead(
        RUNNEXT,
        "set(",
        "let old = self.0.swap(new, Ordering::AcqRel);",
        "self.0.swap(new, Ordering::AcqRel)",
        "self.0.load(Ordering::Acquire); self.0.store(new, Ordering::Release)",
        GIVEN_ONCE,
    ),
    instead(
        RUNNEXT,
        "set(",
        "self.0.store(new, Ordering::Release);",
        "Release",
        "Relaxed",
        GIVEN_ONCE,
    ),
    instead(
        RUNNEXT,
        "set(",
        "if self.0.load(Ordering::Relaxed).is_null() {",
        "self.0.load(Ordering::Relaxed).is_null()",
        "true",
        GIVEN_ONCE,
    ),
    instead(
        RUNNEXT,
        "take(",
        "let next = self.0.swap(std::ptr::null_mut(), Ordering::AcqRel);",
        "self.0.swap(std::ptr::null_mut(), Ordering::AcqRel)",
        "self.0.load(Ordering::Acquire); self.0.store(std::ptr::null_mut(), Ordering::Release)",
        GIVEN_ONCE,
    ),
    instead(
        RUNNEXT,
        "steal(",
        "self.0.compare_exchange(expected, null, Ordering::AcqRel, Ordering::Relaxed).ok()?;",
        "AcqRel",
        "Release",
        COMES_BACK,
    ),
    instead(
        RUNNEXT,
        "steal(",
        "self.0.compare_exchange(expected, null, Ordering::AcqRel, Ordering::Relaxed).ok()?;",
        "compare_exchange(expected, null, Ordering::AcqRel, Ordering::Relaxed).ok()?",
        "swap(null, Ordering::AcqRel)",
        THIEVES,
    ),
    // One status a generation.
    instead(
        STATUS,
        "enter_generation(",
        "if (old >> 8) & GEN_MASK == u64::from(generation) & GEN_MASK {",
        "(old >> 8) & GEN_MASK == u64::from(generation) & GEN_MASK",
        "false",
        ONE_STATUS,
    ),
    instead(
        STATUS,
        "claim(",
        "match self.0.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire) {",
        "self.0.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire)",
        "{ self.0.store(new, Ordering::Release); Ok::<u64, u64>(old) }",
        ONE_STATUS,
    ),
    without(
        STATUS,
        "sweep<T>(",
        "|| !matches!(status, Status::Runnable | Status::Waiting)",
        LEFT_ALONE,
    ),
    moved(
        STATUS,
        "sweep<T>(",
        "let description = describe();",
        "Entered::WriteStatus(status) => Some((status, description)),",
        "Entered::WriteStatus(status) => Some((status, describe())),",
        NEXT_LIFE,
    ),
    instead(
        STATUS,
        "sweep<T>(",
        "let old = self.0.load(Ordering::Acquire);",
        "Acquire",
        "Relaxed",
        SWEPT,
    ),
    instead(
        STATUS,
        "status(",
        "Status::from_bits(self.0.load(Ordering::Acquire) as u8)",
        "Acquire",
        "Relaxed",
        BIRTH,
    ),
    instead(
        STATUS,
        "born(",
        "self.0.store(pack(status, generation, 0), Ordering::Release);",
        "Release",
        "Relaxed",
        BIRTH,
    ),
    instead(
        STATUS,
        "set(",
        "self.0.store(old & !0xff | status as u64, Ordering::Release);",
        "Release",
        "Relaxed",
        CHANGE,
    ),
    instead(
        STATUS,
        "set_numbered(",
        "self.0.store(word, Ordering::Release);",
        "Release",
        "Relaxed",
        NUMBERED,
    ),
    // First come, first served.
    instead(
        TICKET,
        "claim(",
        "self.0.compare_exchange(Ticket::OPEN, winner, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        "compare_exchange(Ticket::OPEN, winner, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        "swap(winner, Ordering::AcqRel) <= Ticket::EXPIRED",
        PARTNER,
    ),
    instead(
        TICKET,
        "claim(",
        "self.0.compare_exchange(Ticket::OPEN, winner, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        "compare_exchange(Ticket::OPEN, winner, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        "swap(winner, Ordering::AcqRel) <= Ticket::EXPIRED",
        TIMED_OUT,
    ),
    // A select has one winner, and leaves the other queues.
    instead(WAIT_QUEUE, "pop(", "if (*sudog).claim() {", "(*sudog).claim()", "true", SELECT_CLOSE),
    instead(
        WAIT_QUEUE,
        "pop(",
        "if (*sudog).claim() {",
        "(*sudog).claim()",
        "true",
        SELECT_SENDERS,
    ),
    instead(WAIT_QUEUE, "pop(", "if (*sudog).claim() {", "(*sudog).claim()", "true", SELECT_CLOCK),
    instead(
        SELECT_MODEL,
        "select(",
        "if outcomes[n] == Outcome::Waiting {",
        "outcomes[n] == Outcome::Waiting",
        "false",
        SELECT_CLOSE,
    ),
    instead(
        TICKET,
        "claim(",
        "self.0.compare_exchange(Ticket::OPEN, winner, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        "compare_exchange(Ticket::OPEN, winner, Ordering::AcqRel, Ordering::Relaxed).is_ok()",
        "swap(winner, Ordering::AcqRel) <= Ticket::EXPIRED",
        SELECT_CLOCK,
    ),
    // Who wakes nobody is watched.
    instead(
        WATCH_MODEL,
        "ready(",
        "if self.spinners.idle() == 0 || self.watching.load(Ordering::Relaxed) {",
        "self.spinners.idle() == 0 || self.watching.load(Ordering::Relaxed)",
        "true",
        UNWATCHED,
    ),
    without(
        WATCH_MODEL,
        "appoint(",
        "self.watching.store(true, Ordering::Relaxed);",
        WATCHER_LEAVES,
    ),
    without(WATCH_MODEL, "end_watch(", "self.wake_one();", WATCHER_LEAVES),
];
