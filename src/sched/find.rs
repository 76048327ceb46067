//! Finding the next goroutine: Go's order (`runtime/proc.go`, `findRunnable`).
//!
//! ```text
//! every 61st pick the network and the common queue first; runnext; own deques; due timers; the
//! common queue; the network; spin: common queue, network, other processors' deques and timers, then their runnext;
//! give the processor up; look once more; sleep
//! ```

use std::sync::atomic::Ordering;

use super::g::G;
use super::m::M;
use super::p::{self, P, PShared};
use super::timers::NEVER;
use super::{Inside, SCHED, netpoll, runq};
use crate::sys::{clock, thread};

/// How long a worker spins before it sleeps. A wake-up costs the waker 3 to 20 µs.
const SPIN_NS: u64 = 20_000;
/// How long a goroutine lies in another processor's `runnext` before a thief takes it: its owner
/// is about to run it, with the data in its cache, unless it computes on.
pub(super) const RUNNEXT_PATIENCE_NS: u64 = 5_000;
/// And so long a processor's owner runs one goroutine before a thief takes others from its short
/// queue; or [`RUNNEXT_PATIENCE_NS`], while it runs those that ready each other beside it.
const SHORT_PATIENCE_NS: u64 = 500;
/// Fresh goroutines that start no others and end within this time are not worth a theft: two
/// processors then share what they use with whoever started them, which takes as long.
const TRIFLE_NS: u64 = 1_000;
/// So many of them in a row are left to their processor from then on.
const TRIFLES: u32 = 64;
/// On so many short queues a thief has an eye.
const SHORT_EYES: usize = 16;
/// Timers are looked at every so many picks while there is other work.
const TIMER_TURN: u32 = 16;

/// The next goroutine for this worker. Sleeps while there is none.
pub(super) fn find_runnable(m: &'static M) -> &'static G {
    loop {
        m.door.step_aside();
        let Some(p) = m.p() else {
            // The processor went to the thread of a locked goroutine.
            SCHED.idle.put(m, None);
            sleep(m);
            continue;
        };
        if let Some(g) = next_local(m, p) {
            if m.spinning.get() {
                stop_spinning(m);
            }
            return g;
        }
        m.emit(|e| e.time_passes());
        let seeded = SCHED.is_seeded();
        if seeded {
            p.shared.take_tick_back();
        }
        if p.id < SCHED.procs() {
            if netpoll::poll(m) {
                continue;
            }
            if let Some(g) = look_around(m, p) {
                if seeded {
                    p.shared.next_tick();
                }
                return g;
            }
        }
        give_up(m, p);
    }
}

/// Whether a goroutine that lets others run would only be picked again, at a turn that looks for
/// nothing else. It counts as a pick; but a trace shows all that happens, a seed decides it, and a
/// processor that fell away retires.
#[inline]
pub(super) fn is_nobody_waiting(m: &'static M) -> bool {
    let Some(p) = m.p() else { return false };
    let is_empty = p.queue.is_empty() && p.shared.queue.peek_next().is_null();
    if !is_empty || !SCHED.injector.is_empty() || p.id >= SCHED.procs() {
        return false;
    }
    if crate::tracer::generation() != 0 || SCHED.shaken.load(Ordering::Relaxed) != 0 {
        return false;
    }
    let next = p.shared.tick().wrapping_add(1);
    if next.is_multiple_of(TIMER_TURN) || runq::is_injector_turn(next) {
        return false;
    }
    p.shared.next_tick();
    p.begin_slice();
    true
}

/// What others have to offer.
fn look_around(m: &'static M, p: &'static P) -> Option<&'static G> {
    if !m.spinning.get() && !SCHED.spinners.start_spinning(SCHED.procs()) {
        // Enough others look. But for timers this worker may have been woken alone.
        return fire_all_timers(m, p, clock::monotonic_ns());
    }
    m.spinning.set(true);
    PShared::count(&p.shared.spun, 1);
    let g = spin(m, p)?;
    m.emit(|e| e.time_passes());
    stop_spinning(m);
    Some(g)
}

/// What the worker's own processor has to offer.
#[inline]
fn next_local(m: &'static M, p: &'static P) -> Option<&'static G> {
    let tick = p.shared.next_tick();
    if p.id >= SCHED.procs() {
        return retire(p);
    }
    if tick.is_multiple_of(TIMER_TURN) {
        fire_timers(m, p);
    }
    if runq::is_injector_turn(tick) {
        netpoll::poll_at_turn(m, p);
        if let Some(g) = p.queue.refill(&SCHED.injector) {
            p.begin_slice();
            return Some(g);
        }
    }
    if let Some(g) = p.shared.queue.take_next() {
        p.shared.ran_next();
        return Some(g); // within the slice of whoever readied it
    }
    if let Some(g) = p.queue.pop(tick) {
        p.shared.count_pop();
        p.begin_slice();
        return Some(g);
    }
    let g = {
        let has_timers = p.shared.timers.next_ns() != NEVER;
        let fired = if has_timers { fire_own_timers(m, p) } else { None };
        fired.or_else(|| p.queue.refill(&SCHED.injector))?
    };
    p.begin_slice();
    Some(g)
}

/// GOMAXPROCS fell: the processor's work goes to the others.
#[cold]
fn retire(p: &'static P) -> Option<&'static G> {
    p.give_all_away();
    SCHED.wake_one();
    None
}

/// Fires timers of processor `of` that are due, a batch at most. Returns whether more are due.
fn fire_timers(m: &'static M, of: &P) -> bool {
    let timers = &of.shared.timers;
    let next = timers.next_ns();
    if next == NEVER {
        return false;
    }
    let now = clock::monotonic_ns();
    if next > now {
        return false;
    }
    m.fired.set(true);
    m.emit(|e| e.time_passes());
    let rt = Inside::already(m);
    timers.expired(now).fire(&rt);
    std::mem::forget(rt);
    timers.next_ns() <= now
}

/// Fires the processor's own timers until one of them brings work.
#[cold]
fn fire_own_timers(m: &'static M, p: &'static P) -> Option<&'static G> {
    loop {
        let more = fire_timers(m, p);
        let fired = p.shared.queue.take_next().or_else(|| p.queue.pop(1));
        if fired.is_some() || !more {
            return fired;
        }
        m.door.step_aside();
    }
}

/// Fires everybody's timers, and takes one of the goroutines that are readied on `p` by it.
fn fire_all_timers(m: &'static M, p: &'static P, now_ns: u64) -> Option<&'static G> {
    for other in p::all().filter(|other| other.shared.timers.next_ns() <= now_ns) {
        fire_timers(m, other);
    }
    p.shared.queue.take_next().or_else(|| p.queue.pop(1))
}

/// Looks at everybody's queues for a while.
#[cold]
fn spin(m: &'static M, p: &'static P) -> Option<&'static G> {
    let mut begin = clock::monotonic_ns();
    if let Some(loot) = m.loot.take() {
        loot.judge(m, begin, p.shared.tick());
    }
    let mut eyes = Eyes::default();
    let mut is_punctual = m.fired.take();
    loop {
        m.door.step_aside();
        if let Some(g) = p.queue.refill(&SCHED.injector) {
            return Some(g);
        }
        if netpoll::poll(m)
            && let Some(g) = p.shared.queue.take_next().or_else(|| p.queue.pop(1))
        {
            return Some(g);
        }
        let now = clock::monotonic_ns();
        if let Some(g) = steal(m, p, now, &mut eyes) {
            PShared::count(&p.shared.stolen, 1);
            p.begin_slice();
            return Some(g);
        }
        if now - begin > SPIN_NS {
            if eyes.spared {
                let left = |p: &&P| p.shared.is_short() && !p.shared.queue.is_empty();
                p::all().filter(left).for_each(|p| p.shared.set_keeps_short(true));
            }
            return None;
        }
        if is_punctual {
            (0..32).for_each(|_| std::hint::spin_loop());
        } else if let Some(now) = give_way(m, now) {
            // It has not looked meanwhile, nor was anybody woken for what it would have seen.
            (begin, is_punctual) = (now, true);
        }
    }
}

/// Lets another thread have the core, if one wants it: what is to come may be its work, a client's or a
/// waker's. It may keep the core for a slice of the kernel's, though: so who fired a timer, and may be
/// wanted for the next, does not give way. Returns the time if it took long.
fn give_way(m: &'static M, now_ns: u64) -> Option<u64> {
    m.door.leave();
    thread::yield_now();
    m.enter_idle();
    let after_ns = clock::monotonic_ns();
    (after_ns - now_ns > RUNNEXT_PATIENCE_NS).then_some(after_ns)
}

/// What a thief has its eyes on while it spins.
#[derive(Default)]
struct Eyes {
    next: Option<Eyed>,
    /// By the processor's number, of which several may share a place.
    short: [Option<Still>; SHORT_EYES],
    /// It has left a short queue alone.
    spared: bool,
}

/// The `runnext` that a thief has its eye on: whose, what, at which tick, since when. One at a
/// time: with an eye on several the thief would never have seen one for long enough.
struct Eyed {
    victim: u32,
    seen: (*mut G, u32),
    since_ns: u64,
}

impl Eyed {
    /// Whether the same has been there for as long as a thief must wait.
    fn is_ripe(&self, now_ns: u64) -> bool {
        now_ns - self.since_ns >= RUNNEXT_PATIENCE_NS
    }
}

/// The processor with a short queue that a thief has its eye on: with how many picks, and since when;
/// and with how many picks from its deques, and yields, and since when that.
struct Still {
    victim: u32,
    tick: u32,
    since_ns: u64,
    pops: u16,
    yields: u16,
    begun_ns: u64,
}

/// One round over the other processors, from a random one on.
fn steal(m: &'static M, p: &'static P, now_ns: u64, eyes: &mut Eyes) -> Option<&'static G> {
    let count = p::count();
    // Chance enough, and no number is drawn that a seed decides: looks depend on time.
    let first = now_ns as usize / 64;
    for offset in 0..count {
        let victim = p::get(first.wrapping_add(offset) % count)?;
        if std::ptr::eq(victim, p) {
            continue;
        }
        if let Some(g) = steal_queued(m, p, victim, now_ns, eyes) {
            return Some(g);
        }
        if let Some(g) = steal_next(victim, now_ns, &mut eyes.next) {
            return Some(g);
        }
    }
    fire_all_timers(m, p, now_ns)
}

/// Takes from another processor's deques, from a short one only where it is worth while.
fn steal_queued(
    m: &'static M,
    p: &'static P,
    victim: &'static P,
    now_ns: u64,
    eyes: &mut Eyes,
) -> Option<&'static G> {
    let queue = &victim.shared.queue;
    let eye = &mut eyes.short[victim.id as usize % SHORT_EYES];
    if queue.is_empty() {
        eye.take_if(|still| still.victim == victim.id);
        return None;
    }
    if victim.shared.is_short() {
        if !is_left_lying(victim, now_ns, eye) {
            eyes.spared = true;
            return None;
        }
        victim.shared.set_keeps_short(false);
    }
    p.queue.steal_woken(queue).or_else(|| {
        let first = p.queue.steal_fresh(queue)?;
        let count = 1 + p.queue.fresh_len() as u32;
        m.loot.set(Some(Loot { victim, count, since_ns: now_ns, tick: p.shared.tick() }));
        Some(first)
    })
}

/// Fresh goroutines that a thief took: judged when it looks for work again.
#[derive(Clone, Copy)]
pub(super) struct Loot {
    victim: &'static P,
    count: u32,
    since_ns: u64,
    /// The thief's count of picks.
    tick: u32,
}

impl Loot {
    /// Whether it was worth the theft. One goroutine says little, many in a row that were not do.
    fn judge(self, m: &'static M, now_ns: u64, tick: u32) {
        // The pick that found nothing more counts, too.
        let are_leaves = tick.wrapping_sub(self.tick) <= self.count + 1;
        let are_short = now_ns.saturating_sub(self.since_ns) < u64::from(self.count) * TRIFLE_NS;
        if !(are_leaves && are_short) {
            m.trifles.set(0);
            return;
        }
        m.trifles.set(m.trifles.get() + self.count);
        if m.trifles.get() >= TRIFLES {
            m.trifles.set(0);
            self.victim.shared.set_has_trifles(true);
        }
    }
}

/// Whether the owner of a short queue has not picked a goroutine, or none from there, for as long as a
/// thief must wait; or those who run there yield to those in the queue, and so are no partners of
/// theirs.
fn is_left_lying(victim: &P, now_ns: u64, eye: &mut Option<Still>) -> bool {
    let shared = &victim.shared;
    let (tick, pops, yields) = (shared.tick(), shared.pops(), shared.yields());
    match eye {
        Some(other) if other.victim != victim.id => false,
        Some(same) if same.yields != yields => true,
        Some(same) if same.pops == pops => {
            if same.tick != tick {
                (same.tick, same.since_ns) = (tick, now_ns);
            }
            now_ns - same.since_ns >= SHORT_PATIENCE_NS
                || now_ns - same.begun_ns >= RUNNEXT_PATIENCE_NS
        }
        // It moves on: the next round may have an eye on another.
        Some(_) => {
            *eye = None;
            false
        }
        None => {
            let (victim, since_ns) = (victim.id, now_ns);
            *eye = Some(Still { victim, tick, since_ns, pops, yields, begun_ns: now_ns });
            false
        }
    }
}

/// Takes another processor's `runnext` once it has been there for a while.
fn steal_next(victim: &P, now_ns: u64, eyed: &mut Option<Eyed>) -> Option<&'static G> {
    let seen = victim.shared.next_and_tick();
    match eyed {
        Some(other) if other.victim != victim.id => None,
        Some(same) if same.seen == seen => {
            same.is_ripe(now_ns).then(|| victim.shared.steal_next(seen.0)).flatten()
        }
        _ => {
            let new = Eyed { victim: victim.id, seen, since_ns: now_ns };
            *eyed = (!seen.0.is_null()).then_some(new);
            None
        }
    }
}

/// A spinning worker found work. If it was the last to spin and there is more, another takes its
/// place: whoever made that visible may have relied on this one.
fn stop_spinning(m: &'static M) {
    m.spinning.set(false);
    if SCHED.spinners.found_work() {
        SCHED.spinners.before_last_look();
        if is_work_anywhere(!SCHED.idle.is_watched()) {
            SCHED.wake_one();
        }
    }
}

/// PARK of `spinners.rs`: the worker gives its processor up, looks once more, and goes on
/// spinning if there is work and a processor, or sleeps until it gets one.
#[cold]
fn give_up(m: &'static M, p: &'static P) {
    m.part();
    // Once it is in the list, somebody may make it a spinning one again.
    let was_spinning = m.spinning.replace(false);
    SCHED.idle.put(m, Some(p));
    if was_spinning {
        SCHED.spinners.stop_spinning();
    }
    SCHED.spinners.before_last_look();
    if is_work_anywhere(!SCHED.idle.is_watched())
        && let Some(p) = SCHED.idle.take_back(m)
    {
        m.acquire(p);
        m.spinning.set(SCHED.spinners.start_spinning(u32::MAX));
        return;
    }
    sleep(m);
}

/// Sleeps, outside, until somebody gives this idle worker a processor.
fn sleep(m: &'static M) {
    m.door.leave();
    let (p, found) = SCHED.idle.sleep(m);
    m.acquire(p);
    let rt = Inside::already(m);
    netpoll::ready(&rt, found);
    std::mem::forget(rt);
}

/// Whether any queue has work; what its owner is about to run counts where nobody watches it.
pub(super) fn is_work_anywhere(and_next: bool) -> bool {
    !SCHED.injector.is_empty() || p::all().any(|p| p.shared.has_loot(!and_next))
}
