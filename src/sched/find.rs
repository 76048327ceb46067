//! Finding the next goroutine: Go's order (`runtime/proc.go`, `findRunnable`).
//!
//! ```text
//! every 61st pick the common queue first; runnext; own deques; due timers; the common queue;
//! spin: common queue, other processors' deques and timers, then their runnext;
//! give the processor up; look once more; sleep
//! ```

use super::g::G;
use super::m::M;
use super::p::{self, P};
use super::timers::NEVER;
use super::{Inside, SCHED, runq};
use crate::sys::clock;

/// How long a worker spins before it sleeps. A wake-up costs the waker 3 to 20 µs.
const SPIN_NS: u64 = 20_000;
/// How long a goroutine lies in another processor's `runnext` before a thief takes it: its owner
/// is about to run it, with the data in its cache, unless it computes on.
const RUNNEXT_PATIENCE_NS: u64 = 5_000;
/// Timers are looked at every so many picks while there is other work.
const TIMER_TURN: u32 = 16;

/// The next goroutine for this worker. Sleeps while there is none.
pub(super) fn find_runnable(m: &'static M) -> &'static G {
    loop {
        m.door.step_aside();
        let Some(p) = m.p() else {
            m.door.leave();
            let p = SCHED.idle.sleep(m);
            m.door.enter();
            m.acquire(p);
            continue;
        };
        if let Some(g) = next_local(m, p) {
            if m.spinning.get() {
                stop_spinning(m);
            }
            return g;
        }
        if p.id < SCHED.procs()
            && (m.spinning.get() || SCHED.spinners.start_spinning(SCHED.procs()))
        {
            m.spinning.set(true);
            if let Some(g) = spin(m, p) {
                stop_spinning(m);
                return g;
            }
        }
        give_up(m, p);
    }
}

/// What the worker's own processor has to offer.
#[inline]
fn next_local(m: &'static M, p: &'static P) -> Option<&'static G> {
    let tick = p.tick.get().wrapping_add(1);
    p.tick.set(tick);
    if p.id >= SCHED.procs() {
        return retire(p);
    }
    if tick.is_multiple_of(TIMER_TURN) {
        fire_timers(m, p);
    }
    if runq::is_injector_turn(tick)
        && let Some(g) = p.queue.refill(&SCHED.injector)
    {
        p.begin_slice();
        return Some(g);
    }
    if let Some(g) = p.shared.queue.take_next() {
        return Some(g); // within the slice of whoever readied it
    }
    let g = p.queue.pop(tick).or_else(|| {
        fire_timers(m, p);
        let fired = p.shared.queue.take_next().or_else(|| p.queue.pop(1));
        fired.or_else(|| p.queue.refill(&SCHED.injector))
    })?;
    p.begin_slice();
    Some(g)
}

/// GOMAXPROCS fell: the processor's work goes to the others.
#[cold]
fn retire(p: &'static P) -> Option<&'static G> {
    if let Some(g) = p.shared.queue.take_next() {
        SCHED.injector.push_one(g);
    }
    p.queue.drain(&SCHED.injector);
    if let Some(home) = p::get(0) {
        p.shared.timers.move_all_to(&home.shared.timers);
    }
    SCHED.wake_one();
    None
}

/// Readies the goroutines whose timers on processor `of` are due.
fn fire_timers(m: &'static M, of: &P) {
    let next = of.shared.timers.next_ns();
    if next == NEVER {
        return;
    }
    let now = clock::monotonic_ns();
    if next > now {
        return;
    }
    let mut expired = of.shared.timers.expired(now);
    let rt = Inside::already(m);
    while let Some(g) = expired.pop() {
        rt.ready(g);
    }
    std::mem::forget(rt);
}

/// Looks at everybody's queues for a while.
#[cold]
fn spin(m: &'static M, p: &'static P) -> Option<&'static G> {
    let begin = clock::monotonic_ns();
    let mut stale = Stale::default();
    loop {
        m.door.step_aside();
        if let Some(g) = p.queue.refill(&SCHED.injector) {
            return Some(g);
        }
        let now = clock::monotonic_ns();
        if let Some(g) = steal(m, p, now, &mut stale) {
            p.begin_slice();
            return Some(g);
        }
        if now - begin > SPIN_NS {
            return None;
        }
        (0..32).for_each(|_| std::hint::spin_loop());
    }
}

/// A `runnext` that a thief has seen before.
#[derive(Default)]
struct Stale {
    next: usize,
    since_ns: u64,
}

impl Stale {
    /// Whether `next` has been there for as long as a thief must wait.
    fn is_ripe(&mut self, next: *mut G, now_ns: u64) -> bool {
        if self.next != next as usize {
            *self = Stale { next: next as usize, since_ns: now_ns };
        }
        now_ns - self.since_ns >= RUNNEXT_PATIENCE_NS
    }
}

/// One round over the other processors, from a random one on.
fn steal(m: &'static M, p: &'static P, now_ns: u64, stale: &mut Stale) -> Option<&'static G> {
    let count = p::count();
    let first = m.random() as usize;
    for offset in 0..count {
        let victim = p::get(first.wrapping_add(offset) % count)?;
        if std::ptr::eq(victim, p) {
            continue;
        }
        if let Some(g) = p.queue.steal(&victim.shared.queue) {
            return Some(g);
        }
        if victim.shared.timers.next_ns() <= now_ns {
            fire_timers(m, victim);
            if let Some(g) = p.shared.queue.take_next().or_else(|| p.queue.pop(1)) {
                return Some(g);
            }
        }
        let next = victim.shared.queue.peek_next();
        if !next.is_null() && stale.is_ripe(next, now_ns) {
            let stolen = victim.shared.queue.steal_next(next);
            if stolen.is_some() {
                return stolen;
            }
        }
    }
    fire_timers(m, p);
    p.shared.queue.take_next().or_else(|| p.queue.pop(1))
}

/// A spinning worker found work; if it was the last to spin, another takes its place, since more
/// work may come while nobody looks.
fn stop_spinning(m: &'static M) {
    m.spinning.set(false);
    if SCHED.spinners.stop_spinning() {
        SCHED.wake_one();
    }
}

/// PARK of `spinners.rs`: the worker gives its processor up, looks once more, and either goes on
/// spinning with a processor or returns without one.
#[cold]
fn give_up(m: &'static M, p: &'static P) {
    m.part();
    SCHED.idle.put_p(p);
    let was_spinning = m.spinning.replace(false);
    if was_spinning {
        SCHED.spinners.stop_spinning();
    }
    SCHED.spinners.before_last_look();
    if !is_work_anywhere() {
        return;
    }
    if let Some(p) = SCHED.idle.take_p() {
        m.acquire(p);
        m.spinning.set(SCHED.spinners.start_spinning(u32::MAX));
    }
}

fn is_work_anywhere() -> bool {
    !SCHED.injector.is_empty() || p::all().any(|p| p.shared.queue.has_work())
}
