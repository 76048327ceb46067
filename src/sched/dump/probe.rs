//! Where a running goroutine is, only its thread knows: it is interrupted and asked.
//!
//! ```text
//! asker     answer = 0; target = M (Release); tgkill; wait for answer == 1 (Acquire)
//! handler   target: M -> null (it takes the question); write; answer = 1 (Release); wake
//! asker, giving up   target: M -> null (it takes the question back), or the handler has it and
//!                    is about to answer: wait for that
//! ```
//! The handler runs on the thread that it reports on, between two of its instructions. It looks at
//! its own thread's worker and stack, and writes into memory that is there from the start.

use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use crate::sched::m::M;
use crate::sched::tls;
use crate::sys::interrupt::{self, Interrupted};
use crate::sys::{clock, futex, thread};
use crate::tracer::unwind::{self, MAX_PCS, Pcs};

/// The one question at a time, and its answer.
struct Slot {
    target: AtomicPtr<M>,
    answered: AtomicU32,
    /// Whose stack it is; 0: the thread was inside the runtime, or ran no goroutine.
    id: AtomicU64,
    len: AtomicUsize,
    pcs: [AtomicUsize; MAX_PCS],
}

static SLOT: Slot = Slot {
    target: AtomicPtr::new(std::ptr::null_mut()),
    answered: AtomicU32::new(0),
    id: AtomicU64::new(0),
    len: AtomicUsize::new(0),
    pcs: [const { AtomicUsize::new(0) }; MAX_PCS],
};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub(super) fn init() {
    interrupt::on_urgent(answer);
}

/// What a thread said.
pub(in crate::sched) struct Answer {
    pub(in crate::sched) id: u64,
    pub(in crate::sched) pcs: Vec<usize>,
}

/// Asks worker `m` and waits for so long; `None`: it does not answer, or somebody else is asking.
/// May be called by whoever holds the worker's door, which another asker may wait for.
pub(in crate::sched) fn ask_at_once(m: &'static M, timeout: Duration) -> Option<Answer> {
    let question = Question(ONE_AT_A_TIME.try_lock()?);
    question.ask(m);
    question.wait(timeout)
}

/// The right to ask. Taken back when it goes.
pub(super) struct Question(#[allow(dead_code, reason = "held")] MutexGuard<'static, ()>);

impl Question {
    pub(super) fn new() -> Question {
        let question = Question(ONE_AT_A_TIME.lock());
        SLOT.answered.store(1, Ordering::Relaxed); // none was asked yet
        question
    }

    /// Asks worker `m`, which is not the caller. Once a question.
    pub(super) fn ask(&self, m: &'static M) {
        SLOT.answered.store(0, Ordering::Relaxed);
        // ORDERING: Release, pairs with the Acquire in `answer`.
        SLOT.target.store(std::ptr::from_ref(m).cast_mut(), Ordering::Release);
        interrupt::interrupt(m.tid);
    }

    /// Waits for the answer, for so long.
    pub(super) fn wait(&self, timeout: Duration) -> Option<Answer> {
        let end = clock::monotonic_ns() + timeout.as_nanos() as u64;
        // ORDERING: Acquire, pairs with the Release in `answer`.
        while SLOT.answered.load(Ordering::Acquire) == 0 {
            let left = end.saturating_sub(clock::monotonic_ns());
            if left == 0 {
                return None;
            }
            futex::wait(&SLOT.answered, 0, Some(Duration::from_nanos(left)));
        }
        let pcs = &SLOT.pcs[..SLOT.len.load(Ordering::Relaxed)];
        let pcs = pcs.iter().map(|pc| pc.load(Ordering::Relaxed)).collect();
        Some(Answer { id: SLOT.id.load(Ordering::Relaxed), pcs })
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let asked = SLOT.target.swap(std::ptr::null_mut(), Ordering::Relaxed);
        // ORDERING: Acquire, as in `wait`.
        while asked.is_null() && SLOT.answered.load(Ordering::Acquire) == 0 {
            thread::yield_now(); // a handler has it
        }
        SLOT.answered.store(1, Ordering::Relaxed);
    }
}

/// In the signal handler: whether the thread was asked. Then it answers.
fn answer(at: Interrupted) -> bool {
    let m = tls::current_m();
    if m.is_null() {
        return false;
    }
    let (own, none) = (m.cast_mut(), std::ptr::null_mut());
    // ORDERING: Acquire, pairs with the Release in `ask`.
    if SLOT.target.compare_exchange(own, none, Ordering::Acquire, Ordering::Relaxed).is_err() {
        return false;
    }
    // SAFETY: this thread's worker.
    let (id, len) = walk(unsafe { &*m }, &at);
    SLOT.id.store(id, Ordering::Relaxed);
    SLOT.len.store(len, Ordering::Relaxed);
    // ORDERING: Release, pairs with the Acquires in `wait` and in the drop of `Question`.
    SLOT.answered.store(1, Ordering::Release);
    futex::wake(&SLOT.answered, 1);
    true
}

/// Notes the stack of the goroutine that the thread runs: its number and how many addresses.
fn walk(m: &M, at: &Interrupted) -> (u64, usize) {
    // Inside, the goroutine may be changing, and the stack may be the scheduler's.
    let Some(g) = m.g().filter(|_| !m.door.is_inside()) else { return (0, 0) };
    // SAFETY: null, or the control block, which lives as long as the process.
    let Some(coro) = (unsafe { g.coro.get().as_ref() }) else { return (0, 0) };
    let whole = coro.bounds();
    if !(whole.low..whole.root).contains(&at.stack) {
        return (g.id(), 0);
    }
    let mut pcs = Pcs::new();
    unwind::walk_interrupted(at, whole, &mut pcs);
    // The first is one past the instruction, like the return addresses.
    let all = [at.pc + 1].into_iter().chain(pcs.iter().copied());
    let mut len = 0;
    for (to, from) in SLOT.pcs.iter().zip(all) {
        to.store(from, Ordering::Relaxed);
        len += 1;
    }
    (g.id(), len)
}
