//! The lock of a [`Mutex`](super::Mutex), without the data: the word and the queue.

use super::mutex_word::MutexWord;
use super::queue::{Queue, Waiting};
use crate::sched::Inside;
use crate::sched::contention::{self, Arrival, Charge};
use crate::sched::sudog::Outcome;
use crate::sys::clock;
use crate::wire::reason::WaitReason;

/// How long the first in the queue waits before it is handed the mutex, as in Go.
const PATIENCE_NS: u64 = 1_000_000;
/// Turns of spinning before a contender waits in the queue, and pauses in each: together as long as
/// in Go. Between the turns the holder can lock it again some hundred times: a word that goes to and
/// fro between two processors is several times as slow as one of them alone.
const TURNS: u32 = 2;
const PAUSES: u32 = 60;

/// See the module documentation.
pub(super) struct RawMutex {
    word: MutexWord,
    queue: Queue,
}

/// How a wait in the queue went.
enum Waited {
    /// There was no need to: the mutex was free.
    Not,
    /// Woken to try again.
    Woken,
    /// The mutex is the waiter's.
    HandedOver,
}

impl RawMutex {
    pub(super) const fn new() -> RawMutex {
        RawMutex { word: MutexWord::new(), queue: Queue::new() }
    }

    #[inline]
    pub(super) fn lock(&self) {
        if !self.word.lock_fast() {
            self.lock_slow();
        }
    }

    #[inline]
    pub(super) fn try_lock(&self) -> bool {
        self.word.lock_fast() || self.word.take(false)
    }

    /// # Safety
    /// The caller holds the mutex.
    #[inline]
    pub(super) unsafe fn unlock(&self) {
        if !self.word.unlock_fast() {
            self.unlock_slow();
        }
    }

    #[cold]
    #[inline(never)]
    fn lock_slow(&self) {
        drop(Inside::enter_to_block());
        self.lock_again();
    }

    /// Locks; also in a goroutine that ends by `goexit`, whose unwinding is not begun anew here.
    pub(super) fn lock_again(&self) {
        let (mut arrival, mut awake, mut turns) = (Arrival::none(), false, 0);
        while !self.word.take(awake) {
            if turns < TURNS && self.spin(&mut awake) {
                turns += 1;
                continue;
            }
            match self.wait(&mut arrival, awake) {
                Waited::Not => {}
                Waited::Woken => (awake, turns) = (true, 0),
                Waited::HandedOver => return,
            }
        }
    }

    /// Spins for a turn. False: it would not pay.
    fn spin(&self, awake: &mut bool) -> bool {
        let rt = Inside::enter();
        if !rt.may_spin() {
            return false;
        }
        if !*awake && self.word.is_claimable() {
            // Not before somebody who has waited too long.
            let mut queue = self.queue.lock(&rt);
            // SAFETY: a waiter's place is where `wait` says.
            let first = unsafe { queue.first_place().cast::<Arrival>().as_ref() };
            let now_ns = clock::monotonic_ns();
            *awake = first.is_some_and(|first| !is_too_long(first.since_ns(), now_ns))
                && self.word.claim_awake();
        }
        drop(rt);
        for _ in 0..PAUSES {
            std::hint::spin_loop();
        }
        true
    }

    /// Waits in the queue: at its end at first, later at its front.
    fn wait(&self, arrival: &mut Arrival, awake: bool) -> Waited {
        let waited_before = arrival.come();
        let rt = Inside::enter();
        let queue = self.queue.lock(&rt);
        if !self.word.announce(awake) {
            return Waited::Not;
        }
        let waiting = Waiting {
            place: std::ptr::from_mut(arrival).cast(),
            at_front: waited_before,
            ..Waiting::new(WaitReason::MutexLock)
        };
        match queue.wait(rt, waiting, |_| ()).1 {
            Outcome::Served => Waited::HandedOver,
            _ => Waited::Woken,
        }
    }

    #[cold]
    #[inline(never)]
    fn unlock_slow(&self) {
        if !self.word.free() {
            // Out again before that is written down.
            let charge = self.pass_on(&Inside::enter());
            contention::record(charge);
        }
    }

    /// Unlocks, inside the runtime. What it returns is to be recorded outside.
    ///
    /// # Safety
    /// The caller holds the mutex.
    pub(super) unsafe fn unlock_inside(&self, rt: &Inside) -> Option<Charge> {
        if self.word.free() { None } else { self.pass_on(rt) }
    }

    /// Unlocks and wakes the first in the queue, or hands it the mutex.
    fn pass_on(&self, rt: &Inside) -> Option<Charge> {
        let now_ns = clock::monotonic_ns();
        let mut queue = self.queue.lock(rt);
        while !self.word.free() {
            // SAFETY: somebody waits, or it were free; its place is where `wait` says.
            let since_ns = unsafe { (*queue.first_place().cast::<Arrival>()).since_ns() };
            let hand_over = is_too_long(since_ns, now_ns);
            if self.word.pass_on(hand_over, queue.has_second()) {
                let charge = queue.charge();
                let outcome = if hand_over { Outcome::Served } else { Outcome::Waiting };
                let waiter = queue.pop(outcome).expect("it was the first just now");
                drop(queue);
                // SAFETY: popped once, and its park was complete when we got the lock.
                unsafe { waiter.wake(rt) };
                return charge;
            }
        }
        None
    }
}

fn is_too_long(since_ns: u64, now_ns: u64) -> bool {
    now_ns.saturating_sub(since_ns) > PATIENCE_NS
}
