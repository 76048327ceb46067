//! Who is there: a look at every goroutine, a batch at a time.
//!
//! A goroutine that waits or is runnable stays so while all doors are shut, for nobody can resume
//! it: its stack stands still, also where a plain thread readies it meanwhile. So one stop of the
//! world sees [`BATCH`] goroutines, keeps nothing but addresses, and lets everybody in again; a
//! million goroutines are ten thousand short stops. What a batch has seen goes to the caller before
//! the next one, so memory is bounded as well.
//!
//! A goroutine that runs is asked by way of its thread (`probe.rs`).

use std::time::Duration;

use super::probe::Question;
use super::{Seen, State};
use crate::sched::g::{self, FLAG_WATCHED, G};
use crate::sched::hand_off::Why;
use crate::sched::m::M;
use crate::sched::{current_g, stand_in, stop};
use crate::sys::{clock, thread};
use crate::tracer::status::Status;
use crate::tracer::unwind::{self, Pcs};
use crate::tracer::unwind_tables;

/// Goroutines looked at in one stop.
const BATCH: usize = 128;
/// How long a stop waits for a running thread's answer, and how long one waits after it.
const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_millis(500);
/// How long the world goes on after a stop: a wake-up takes some microseconds.
const PAUSE_MIN_NS: u64 = 20_000;
const PAUSE_MAX_NS: u64 = 1_000_000;
/// How often a running goroutine is looked for before it counts as unavailable.
const ATTEMPTS: usize = 4;

/// Shows `sink` every goroutine: the calling one first, then those that were there at the call and
/// have not ended, the oldest first. The sink is called with the doors open.
pub(crate) fn each(sink: &mut dyn FnMut(Seen)) {
    unwind_tables::prepare();
    let own = current_g();
    if let Some(g) = own {
        sink(own_record(g));
    }
    visit(&|g| own.is_none_or(|own| !std::ptr::eq(own, g)), sink);
}

/// As [`each`], for the goroutines that some leak check watches, without the calling one.
pub(crate) fn each_watched(sink: &mut dyn FnMut(Seen)) {
    unwind_tables::prepare();
    let own = current_g();
    let others = |g: &G| own.is_none_or(|own| !std::ptr::eq(own, g));
    visit(&|g| g.has_flag(FLAG_WATCHED) && others(g), sink);
}

/// Goroutine `id`, which has or had this slot, if it lives.
pub(in crate::sched) fn one(g: &'static G, id: u64) -> Option<Seen> {
    unwind_tables::prepare();
    match stopped(|ms| look(g, id, ms)) {
        Look::Gone => None,
        Look::Seen(seen) => Some(seen),
        Look::Running(_) => running(g, id),
    }
}

fn visit(filter: &dyn Fn(&'static G) -> bool, sink: &mut dyn FnMut(Seen)) {
    let alive = |g: &&'static G| g.state.status() != Status::Dead && !stand_in::is_one(g);
    let candidates = g::all_slots().filter(alive).filter(|g| filter(g));
    let mut candidates: Vec<(u64, &'static G)> = candidates.map(|g| (g.id(), g)).collect();
    candidates.sort_unstable_by_key(|(id, _)| *id);
    for batch in candidates.chunks(BATCH) {
        let looks: Vec<Look> = stopped(|ms| batch.iter().map(|&(id, g)| look(g, id, ms)).collect());
        for (look, &(id, g)) in looks.into_iter().zip(batch) {
            match look {
                Look::Gone => {}
                Look::Seen(seen) => sink(seen),
                Look::Running(_) => running(g, id).into_iter().for_each(&mut *sink),
            }
        }
    }
}

/// Calls `f` with the world stopped, and then lets it go on for about as long: with one stop after
/// the other, whoever waits at a door would find it shut again each time it wakes.
fn stopped<R>(f: impl FnOnce(&[&'static M]) -> R) -> R {
    let begin = clock::monotonic_ns();
    let result = stop::with_doors_shut(f);
    let end = clock::monotonic_ns();
    let pause = (end - begin).clamp(PAUSE_MIN_NS, PAUSE_MAX_NS);
    while clock::monotonic_ns() < end + pause {
        thread::yield_now();
    }
    result
}

/// What a look at a slot found.
enum Look {
    /// The goroutine has ended.
    Gone,
    Seen(Seen),
    /// It runs, and its thread knows where.
    Running(&'static M),
}

/// Looks at goroutine `id`, which had this slot. The world is stopped: what is alive stays alive.
fn look(g: &'static G, id: u64, ms: &[&'static M]) -> Look {
    let status = g.state.status();
    if status == Status::Dead || stand_in::is_one(g) || g.id() != id {
        return Look::Gone;
    }
    let state = match status {
        Status::Running | Status::Syscall => {
            return match thread_of(g, ms) {
                Some(m) if unwind::is_possible() => Look::Running(m),
                m => Look::Seen(Seen::new(g, on_thread(m), Some(&[]))),
            };
        }
        Status::Waiting => {
            let (reason, since) = g.last_wait();
            State::Waiting(reason, since)
        }
        _ => State::Runnable,
    };
    let mut pcs = Pcs::new();
    // SAFETY: null, or the goroutine's control block, which lives as long as the process. It does
    // not run, and cannot be resumed while the world is stopped.
    if let Some(coro) = unsafe { g.coro.get().as_ref() } {
        coro.parked_stack(&mut pcs);
    }
    Look::Seen(Seen::new(g, state, Some(&pcs)))
}

/// The thread that the goroutine is on. The world is stopped.
fn thread_of(g: &G, ms: &[&'static M]) -> Option<&'static M> {
    ms.iter().copied().find(|m| m.g().is_some_and(|current| std::ptr::eq(current, g)))
}

/// The state of a goroutine that is on this thread.
fn on_thread(m: Option<&M>) -> State {
    match m.and_then(M::away) {
        // One that computes runs, with a processor or without.
        None | Some((_, Why::Computing)) => State::Running,
        Some((since_ns, Why::Call | Why::Blocked)) => {
            let ns = clock::monotonic_ns().saturating_sub(since_ns);
            State::Syscall(Duration::from_nanos(ns))
        }
    }
}

/// Goroutine `id` runs, or ran a moment ago: asks its thread. `None`: it has ended meanwhile.
fn running(g: &'static G, id: u64) -> Option<Seen> {
    for _ in 0..ATTEMPTS {
        let question = Question::new();
        // The doors are shut for a moment only; a thread that the system does not let run answers
        // when it may, and from wherever it then is.
        let looked = stopped(|ms| match look(g, id, ms) {
            Look::Running(m) => {
                question.ask(m);
                let pcs = question.wait(SHORT).filter(|answer| answer.id == id).map(|a| a.pcs);
                pcs.map(|pcs| Look::Seen(Seen::new(g, on_thread(Some(m)), Some(&pcs)))).ok_or(m)
            }
            other => Ok(other),
        });
        match looked {
            Ok(Look::Gone) => return None,
            Ok(Look::Seen(seen)) => return Some(seen),
            Ok(Look::Running(_)) | Err(_) => {}
        }
        if let Some(pcs) = question.wait(LONG).filter(|answer| answer.id == id).map(|a| a.pcs)
            && let Some(seen) = still_there(g, id, &pcs)
        {
            return Some(seen);
        }
    }
    unavailable(g, id)
}

/// The goroutine's record, with this stack, if it lives still.
fn still_there(g: &'static G, id: u64, pcs: &[usize]) -> Option<Seen> {
    alive(g, id, |g, state| Seen::new(g, state, Some(pcs)))
}

fn unavailable(g: &'static G, id: u64) -> Option<Seen> {
    alive(g, id, |g, state| Seen::new(g, state, None))
}

fn alive(g: &'static G, id: u64, f: impl FnOnce(&G, State) -> Seen) -> Option<Seen> {
    stopped(|ms| {
        let alive = g.state.status() != Status::Dead && g.id() == id;
        alive.then(|| f(g, on_thread(thread_of(g, ms))))
    })
}

/// The calling goroutine.
#[inline(never)]
fn own_record(g: &'static G) -> Seen {
    let mut pcs = Pcs::new();
    // SAFETY: a running goroutine has its coroutine.
    let coro = unsafe { &*g.coro.get() };
    coro.own_stack(&unwind::registers(), None, &mut pcs);
    Seen::new(g, State::Running, Some(&pcs))
}
