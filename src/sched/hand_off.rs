//! Hand-off: a thread that blocks, or computes for long, does not keep its processor.
//!
//! ```text
//! GIVE  (the thread, inside, before a call that may block)  GoSyscallBegin, ProcStop; p = none;
//!       flag |= TAKEN; LEAVE; the processor goes to another thread, or becomes idle
//! TAKE  (sysmon, door held; the thread is in user code)  GoSyscallBegin on its behalf, ProcSteal;
//!       p = none; flag = TAKEN; the processor goes to another thread
//! SLOW  (the thread, inside, when it sees TAKEN)  an idle processor: ProcStart,
//!       GoSyscallEndBlocked, GoStart. None: GoSyscallEndBlocked, into the common queue as a
//!       goroutine that runs on this thread only, and wait for whoever picks it (as in `park.rs`)
//! ```
//! The goroutine stays on its thread all the while: whatever of the thread's it uses (`malloc`,
//! thread-locals, a `std` mutex) stays its own. `README.md`, section 9, says why this is sound.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::dump::probe;
use super::g::{FLAG_LOCKED, G};
use super::m::{self, M};
use super::p::P;
use super::park::{start_running, wait_in_place};
use super::{Inside, SCHED, metrics};
use crate::sys::{clock, thread};
use crate::tracer::emit::Emitter;
use crate::tracer::status::Status;
use crate::tracer::{self, Stream, generation, stack_table, unwind};

/// How long a take-over waits, while tracing, for the thread to say where it is...
const ASK: Duration = Duration::from_millis(1);
/// ...and how much time lies between two such questions, at least.
const ASK_GAP_NS: u64 = 500_000;

/// Why a thread has no processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Why {
    /// It said that it may block.
    Call = 0,
    /// It was found to block.
    Blocked = 1,
    /// It computed past its slice while others could run.
    Computing = 2,
}

/// How often each happened.
static COUNTS: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// How often threads have lost their processors for this reason.
pub(super) fn count(why: Why) -> u64 {
    COUNTS[why as usize].load(Ordering::Relaxed)
}

/// The caller's processor is given away until this is dropped, or the goroutine enters the runtime.
pub(crate) struct Away(());

impl Drop for Away {
    fn drop(&mut self) {
        // The caller may want to know why its call failed; coming back keeps it on its thread.
        let errno = thread::errno();
        drop(Inside::enter());
        thread::set_errno(errno);
    }
}

/// GIVE. `None` on a plain thread, which has nothing to give.
#[inline(never)]
pub(crate) fn give_away(rt: Inside) -> Option<Away> {
    let (m, g) = rt.m().and_then(|m| Some((m, m.g()?)))?;
    let p = m.p().expect("a goroutine inside has a processor");
    let traced = m.emit(|e| {
        let stack = m.stack_here(e);
        g.keep_stack(stack);
        e.go_syscall_begin(g, stack);
    });
    if traced.is_none() {
        begin_untraced(g);
    }
    m.part();
    gone(m, Why::Call);
    m.door.give_away();
    drop(rt);
    // Nobody's for a moment. A trace's cut sees it idle, as its ProcStop says.
    SCHED.idle.hand_over(p);
    Some(Away(()))
}

/// What sysmon saw of a processor: the goroutine has run there since, if it is so still.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight {
    m: *const M,
    g: *const G,
    tick: u32,
}

impl Sight {
    /// What runs on `p`; `None`: nothing, or its thread looks for work.
    pub(super) fn of(p: &P) -> Option<(Sight, &'static M)> {
        let m = p.shared.runner()?;
        let g = m.g()?;
        Some((Sight { m, g, tick: p.shared.tick() }, m))
    }
}

/// TAKE: the processor of `m`, if it still is as it was seen, in user code. By sysmon, whose stream
/// of events this is.
pub(super) fn take(
    m: &'static M,
    seen: Sight,
    why: Why,
    stream: &mut Stream,
) -> Option<&'static P> {
    // One prober at a time; and no trace's cut, so the generation stands still.
    let one_prober = m::all();
    let mut taken = None;
    m.door.take(|| {
        let (Some(p), Some(g)) = (m.p(), m.g()) else { return false };
        if Sight::of(p).is_none_or(|(now, _)| now != seen) {
            return false;
        }
        begin_syscall(m, g, p, stream);
        m.set_p(None);
        gone(m, why);
        taken = Some(p);
        true
    });
    drop(one_prober);
    taken
}

/// Writes, on behalf of `m`, that `g` is in a system call, and that its processor is stolen. The
/// door is held.
fn begin_syscall(m: &'static M, g: &'static G, p: &'static P, stream: &mut Stream) {
    let generation = tracer::generation();
    if generation == 0 {
        return begin_untraced(g);
    }
    let pcs = where_is(m, g);
    // SAFETY: the door is held, so the processor and the worker's stream are the holder's.
    let (trace, own) = unsafe { (p.trace(), m.stream()) };
    let mut e = Emitter::new(trace, own, generation);
    let stack = stack_table::intern(g.site(), &pcs, generation);
    g.keep_stack(stack);
    let begin = e.go_syscall_begin(g, stack);
    let stolen = Emitter::new(trace, stream, generation).proc_steal(m.tid, begin);
    own.skip_past(stolen);
}

/// As [`begin_syscall`], while no trace is taken. One that begins meanwhile knows no stack.
fn begin_untraced(g: &G) {
    g.keep_stack(0);
    g.state.set(Status::Syscall);
}

/// The stack of a goroutine whose thread is in user code; empty if it does not say, or was asked a
/// moment ago: a question costs some microseconds, and interrupts the thread's system call. Where
/// the call would fail by it, nobody asks: that a trace is taken must not change what happens.
fn where_is(m: &'static M, g: &G) -> Vec<usize> {
    static LAST_NS: AtomicU64 = AtomicU64::new(0);
    let now = clock::monotonic_ns();
    if now - LAST_NS.load(Ordering::Relaxed) < ASK_GAP_NS {
        return Vec::new();
    }
    if !thread::bears_signals(m.tid) {
        return Vec::new();
    }
    LAST_NS.store(now, Ordering::Relaxed);
    let answer = probe::ask_at_once(m, ASK);
    answer.filter(|answer| answer.id == g.id()).map_or_else(Vec::new, |answer| answer.pcs)
}

/// The thread has no processor from here on.
fn gone(m: &M, why: Why) {
    COUNTS[why as usize].fetch_add(1, Ordering::Relaxed);
    m.gone(why, clock::monotonic_ns());
}

/// SLOW: the worker, inside, has a goroutine but no processor, and gets one.
#[cold]
#[inline(never)]
pub(super) fn come_back(m: &'static M) {
    let g = m.g().expect("only a goroutine's processor is taken");
    metrics::away(m.came_back(clock::monotonic_ns()));
    m.door.come_back();
    match SCHED.idle.take() {
        Some(p) => go_on(m, g, p),
        None => queue_up(m, g),
    }
}

/// There is an idle processor.
fn go_on(m: &'static M, g: &'static G, p: &'static P) {
    m.acquire(p);
    if m.emit(|e| e.go_syscall_end_blocked(g)).is_none() {
        g.state.set(Status::Runnable);
    }
    start_running(m, g);
}

/// All processors are busy: the goroutine waits its turn like others, and its thread with it.
fn queue_up(m: &'static M, g: &'static G) {
    let was_locked = g.has_flag(FLAG_LOCKED);
    g.set_flag(FLAG_LOCKED);
    let here = unwind::registers();
    // SAFETY: a running goroutine has its coroutine, whose stack this is.
    unsafe { (*g.coro.get()).note_parked(&here) };
    m.set_g(None);
    // SAFETY: the worker, inside.
    let stream = unsafe { m.stream() };
    generation::go_syscall_end_outside(g, stream, || SCHED.injector.push_one(g));
    SCHED.wake_one();
    wait_in_place(m, g);
    if !was_locked {
        g.clear_flag(FLAG_LOCKED);
    }
}
