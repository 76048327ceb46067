//! [`Cond`]: waits until data under a mutex is as one wants it.

use std::fmt;
use std::time::Duration;

use super::cond_word::CondWord;
use super::mutex::MutexGuard;
use super::queue::{Queue, Waiting};
use crate::sched::Inside;
use crate::sched::clock::deadline_ns;
use crate::sched::contention;
use crate::sched::sudog::{Outcome, WakeList};
use crate::wire::reason::WaitReason;

/// Where goroutines and threads wait until somebody has changed the data under a mutex.
///
/// A wait ends by [`Cond::signal`], [`Cond::broadcast`] or its time limit, and by nothing else:
/// there are no wake-ups without a reason. Still the data may have been changed once more when the
/// waiter gets the mutex, so waits stand in loops; [`Cond::wait_while`] is one. Those who wait are
/// woken in the order in which they came. All waits at one time are with the same mutex.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use gort::sync::{Cond, Mutex};
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let shared = Arc::new((Mutex::new(None), Cond::new()));
///         let other = Arc::clone(&shared);
///         gort::go(move || {
///             *other.0.lock() = Some("tea");
///             other.1.signal();
///         });
///         let mut order = shared.0.lock();
///         shared.1.wait_while(&mut order, |order| order.is_none());
///         assert_eq!(*order, Some("tea"));
///     })
/// };
/// ```
///
/// # Go
/// `sync.Cond`. Its mutex is named at each wait.
pub struct Cond {
    waiting: CondWord,
    queue: Queue,
}

impl Cond {
    /// Nobody waits yet.
    pub const fn new() -> Cond {
        Cond { waiting: CondWord::new(), queue: Queue::new() }
    }

    /// Unlocks the mutex, waits to be woken, and locks the mutex again.
    ///
    /// # Go
    /// `Cond.Wait`.
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        self.wait_until(guard, None);
    }

    /// Waits as long as `condition` holds.
    pub fn wait_while<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) {
        while condition(guard) {
            self.wait(guard);
        }
    }

    /// As [`Cond::wait`], for at most `timeout`. False: the time was up.
    pub fn wait_timeout<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        timeout: Duration,
    ) -> bool {
        self.wait_until(guard, deadline_ns(timeout))
    }

    fn wait_until<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        deadline_ns: Option<u64>,
    ) -> bool {
        let mutex = &MutexGuard::mutex(guard).raw;
        let rt = Inside::enter_to_block();
        let queue = self.queue.lock(&rt);
        self.waiting.one_more();
        let wait = Waiting::new(WaitReason::CondWait);
        let waiting = Waiting { deadline_ns, is_durable: true, ..wait };
        let mut charge = None;
        // SAFETY: the guard holds the mutex, and does so again when this function returns.
        let unlock = |rt: &Inside| charge = unsafe { mutex.unlock_inside(rt) };
        let (rt, outcome) = queue.wait(rt, waiting, unlock);
        if outcome == Outcome::Waiting {
            let _queue = self.queue.lock(&rt);
            self.waiting.less(1);
        }
        drop(rt);
        contention::record(charge);
        mutex.lock_again();
        outcome == Outcome::Served
    }

    /// Wakes the one who has waited longest, if anybody waits. The caller need not hold the mutex.
    ///
    /// # Go
    /// `Cond.Signal`.
    #[inline]
    pub fn signal(&self) {
        if !self.waiting.is_zero() {
            self.signal_slow();
        }
    }

    #[cold]
    fn signal_slow(&self) {
        let rt = Inside::enter();
        let mut queue = self.queue.lock(&rt);
        let woken = queue.pop(Outcome::Served);
        self.waiting.less(u32::from(woken.is_some()));
        drop(queue);
        if let Some(waiter) = woken {
            // SAFETY: popped once, and its park was complete when we got the lock.
            unsafe { waiter.wake(&rt) };
        }
    }

    /// Wakes everybody who waits. The caller need not hold the mutex.
    ///
    /// # Go
    /// `Cond.Broadcast`.
    #[inline]
    pub fn broadcast(&self) {
        if !self.waiting.is_zero() {
            self.broadcast_slow();
        }
    }

    #[cold]
    fn broadcast_slow(&self) {
        let rt = Inside::enter();
        let mut woken = WakeList::new();
        let mut queue = self.queue.lock(&rt);
        self.waiting.less(queue.pop_all_to(&mut woken) as u32);
        drop(queue);
        woken.wake(&rt);
    }
}

impl Default for Cond {
    fn default() -> Cond {
        Cond::new()
    }
}

impl fmt::Debug for Cond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cond")
    }
}
