//! [`Semaphore`]: so many at a time.

use std::cell::UnsafeCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::queue::{Locked, Queue, Waiting};
use crate::context::{Context, ContextError};
use crate::sched::Inside;
use crate::sched::clock::deadline_ns;
use crate::sched::sudog::{Outcome, WakeList};
use crate::wire::reason::WaitReason;

/// Gives out a number of units, first come, first served. Clones are the same semaphore.
///
/// Who asks for more than is free waits, and so does everybody behind, even for less than is free:
/// so large requests are not starved by small ones.
///
/// # Examples
/// ```
/// use gort::sync::{Semaphore, WaitGroup};
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let (two, all) = (Semaphore::new(2), WaitGroup::new());
///         for n in 0..10 {
///             let permit = two.acquire(1);
///             all.go(move || {
///                 println!("{n} is one of two");
///                 drop(permit);
///             });
///         }
///         all.wait();
///     })
/// };
/// ```
///
/// # Go
/// `semaphore.Weighted` of `golang.org/x/sync`.
#[derive(Clone)]
pub struct Semaphore {
    inner: Arc<Inner>,
}

struct Inner {
    size: usize,
    queue: Queue,
    /// Units that are free. Under the queue's lock.
    free: UnsafeCell<usize>,
}

// SAFETY: the count is touched under the queue's lock.
unsafe impl Sync for Inner {}

/// What a waiter wants, on its stack.
struct Request {
    units: usize,
    /// What its context knows it by; 0: it has none.
    number: u64,
}

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

impl Semaphore {
    /// A semaphore of so many units.
    pub fn new(units: usize) -> Semaphore {
        let free = UnsafeCell::new(units);
        Semaphore { inner: Arc::new(Inner { size: units, queue: Queue::in_bubble(), free }) }
    }

    /// Takes `n` units, waiting until they are free and everybody who came before has got his.
    ///
    /// # Panics
    /// If the semaphore has not so many units: the wait would never end.
    pub fn acquire(&self, n: usize) -> Permit {
        let size = self.inner.size;
        assert!(n <= size, "gort: {n} units of a semaphore that has {size}");
        self.inner.acquire(n, None, None);
        self.permit(n)
    }

    /// Takes `n` units, waiting for at most `timeout`. `None`: the time is up. It always is in the
    /// end where the semaphore has not so many units; nobody waits for that.
    pub fn acquire_timeout(&self, n: usize, timeout: Duration) -> Option<Permit> {
        if n > self.inner.size {
            crate::sleep(timeout);
            return None;
        }
        self.inner.acquire(n, deadline_ns(timeout), None).then(|| self.permit(n))
    }

    /// Takes `n` units, waiting as long as `ctx` has not ended. Where the semaphore has not so many
    /// units, it waits for that end; nobody waits for that.
    ///
    /// # Errors
    /// When the context ends first, or has ended, even if the units are free.
    ///
    /// # Panics
    /// If the semaphore has not so many units and `ctx` cannot end: the wait would never end.
    pub fn acquire_with(&self, ctx: &Context, n: usize) -> Result<Permit, ContextError> {
        if let Some(error) = ctx.err() {
            return Err(error);
        }
        if n > self.inner.size {
            let size = self.inner.size;
            assert!(ctx.can_end(), "gort: {n} units of a semaphore that has {size}");
            let _ = ctx.done().recv();
        } else if let Some(permit) = self.try_acquire(n) {
            return Ok(permit);
        } else if self.wait_with(ctx, n) {
            return Ok(self.permit(n));
        }
        Err(ctx.err().unwrap_or(ContextError::Canceled))
    }

    /// False: the context ended first.
    fn wait_with(&self, ctx: &Context, n: usize) -> bool {
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        let inner = Arc::clone(&self.inner);
        let Some(_registered) = ctx.on_end(move || inner.give_up(number)) else { return false };
        self.inner.acquire(n, None, Some((ctx, number)))
    }

    /// Takes `n` units if they are free and nobody waits.
    pub fn try_acquire(&self, n: usize) -> Option<Permit> {
        let rt = Inside::enter();
        let taken = self.inner.take(&mut self.inner.queue.lock(&rt), n);
        drop(rt);
        taken.then(|| self.permit(n))
    }

    fn permit(&self, units: usize) -> Permit {
        Permit { semaphore: self.clone(), units }
    }

    /// Gives `n` units back that a permit took and kept with [`Permit::forget`].
    ///
    /// # Panics
    /// If that is more than is taken; then nothing changes.
    pub fn release(&self, n: usize) {
        assert!(self.inner.release(n), "gort: semaphore released more than is held");
    }

    /// How many units are free, by now perhaps another number.
    pub fn available(&self) -> usize {
        let rt = Inside::enter();
        let _queue = self.inner.queue.lock(&rt);
        // SAFETY: the lock is ours.
        unsafe { *self.inner.free.get() }
    }
}

impl Inner {
    /// Takes `n` units, if they are free and nobody waits.
    fn take(&self, queue: &mut Locked<'_>, n: usize) -> bool {
        // SAFETY: the caller has locked the queue.
        let free = unsafe { &mut *self.free.get() };
        let can = *free >= n && queue.is_empty();
        if can {
            *free -= n;
        }
        can
    }

    /// `ctx`: a context that calls [`Inner::give_up`] with this number when it ends. False: the
    /// time is up, or the context has ended.
    fn acquire(&self, n: usize, deadline_ns: Option<u64>, ctx: Option<(&Context, u64)>) -> bool {
        self.queue.check("units of a Semaphore acquired");
        let rt = Inside::enter_to_block();
        let mut queue = self.queue.lock(&rt);
        if self.take(&mut queue, n) {
            return true;
        }
        // It has ended: now, or whoever ends it finds us in the queue.
        if ctx.is_some_and(|(ctx, _)| ctx.has_ended()) {
            return false;
        }
        let mut request = Request { units: n, number: ctx.map_or(0, |(_, number)| number) };
        let place = (&raw mut request).cast();
        let waiting = Waiting { place, deadline_ns, ..Waiting::new(WaitReason::Semacquire) };
        let (rt, outcome) = queue.wait(rt, waiting, |_| ());
        if outcome != Outcome::Served {
            // Those behind may want less.
            self.serve(&rt, 0);
        }
        outcome == Outcome::Served
    }

    /// The context of the request with this number has ended.
    fn give_up(&self, number: u64) {
        let rt = Inside::enter();
        // SAFETY: a waiter's place is its request.
        let is_it = |place: *mut u8| unsafe { (*place.cast::<Request>()).number == number };
        let waiter = self.queue.lock(&rt).take_out(is_it);
        if let Some(waiter) = waiter {
            // SAFETY: taken out once, and its park was complete when we got the lock.
            unsafe { waiter.wake(&rt) };
        }
    }

    fn release(&self, n: usize) -> bool {
        self.serve(&Inside::enter(), n)
    }

    /// Frees `n` units and serves from the head of the queue whoever can be served. False: more
    /// would be free than there are.
    fn serve(&self, rt: &Inside, n: usize) -> bool {
        let mut woken = WakeList::new();
        let mut queue = self.queue.lock(rt);
        // SAFETY: the lock is ours.
        let free = unsafe { &mut *self.free.get() };
        let sum = free.checked_add(n).filter(|&sum| sum <= self.size);
        *free = sum.unwrap_or(*free);
        // SAFETY: a waiter's place is its request.
        while let Some(request) = unsafe { queue.first_place().cast::<Request>().as_ref() } {
            let units = request.units;
            if units > *free {
                break;
            }
            if queue.take_first_to(&mut woken) {
                *free -= units;
            }
        }
        drop(queue);
        woken.wake(rt);
        sum.is_some()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Semaphore({} of {})", self.available(), self.inner.size)
    }
}

/// Units of a [`Semaphore`]. Dropping it gives them back, on whichever goroutine or thread.
#[must_use = "the units are given back when this is dropped"]
pub struct Permit {
    semaphore: Semaphore,
    units: usize,
}

impl Permit {
    /// How many units it stands for.
    pub fn units(&self) -> usize {
        self.units
    }

    /// Keeps the units taken; [`Semaphore::release`] gives them back.
    pub fn forget(mut self) {
        self.units = 0;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.units != 0 {
            self.semaphore.inner.release(self.units);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({})", self.units)
    }
}
