//! [`Pool`]: values that are used again.

use std::cell::UnsafeCell;
use std::fmt;
use std::mem::{ManuallyDrop, take};
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use crate::sched::lock::RawLock;
use crate::sched::{Inside, SCHED, p};
use crate::sys::clock;

/// The most values that a shelf keeps of each age.
const SHELF: usize = 256;
/// What has not been used for this long is old, and dropped when it is old for as long again.
const AGE_NS: u64 = 60_000_000_000;
/// Puts between two looks at the clock.
const TURN: u32 = 64;

/// Keeps values that were costly to make for the next one who needs one.
///
/// Each processor has a shelf; who finds its own empty takes from another's. A pool may drop any
/// value at any time: what is more than some hundred for each processor at once, and what has not
/// been used for some minutes as others are put back.
///
/// # Examples
/// ```
/// use gort::sync::Pool;
///
/// static BUFFERS: Pool<Vec<u8>> = Pool::new(Vec::new);
///
/// let mut buffer = BUFFERS.lend();
/// buffer.clear(); // it may have been used
/// buffer.extend(b"tea");
/// drop(buffer); // back into the pool
/// ```
///
/// # Go
/// `sync.Pool`. What a collection does there to values that lie about, time does here.
pub struct Pool<T, F = fn() -> T> {
    new: F,
    shelves: OnceLock<Box<[Shelf<T>]>>,
}

/// The values of one processor.
#[repr(align(128))]
struct Shelf<T> {
    lock: RawLock,
    values: UnsafeCell<Values<T>>,
}

struct Values<T> {
    fresh: Vec<T>,
    old: Vec<T>,
    puts: u32,
    aged_ns: u64,
}

// SAFETY: the values are touched under the shelf's lock, and go from thread to thread.
unsafe impl<T: Send> Sync for Shelf<T> {}

impl<T> Shelf<T> {
    fn new() -> Shelf<T> {
        let values = Values { fresh: Vec::new(), old: Vec::new(), puts: 0, aged_ns: 0 };
        Shelf { lock: RawLock::new(), values: UnsafeCell::new(values) }
    }

    /// Runs `f` under the lock. The caller is inside the runtime.
    fn locked<R>(&self, _rt: &Inside, f: impl FnOnce(&mut Values<T>) -> R) -> R {
        self.lock.lock();
        // SAFETY: the lock is ours.
        let result = f(unsafe { &mut *self.values.get() });
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
        result
    }
}

impl<T> Values<T> {
    fn take(&mut self) -> Option<T> {
        self.fresh.pop().or_else(|| self.old.pop())
    }

    /// Keeps a value. Returns what is to be dropped, once the lock is free.
    fn put(&mut self, value: T) -> (Vec<T>, Option<T>) {
        self.puts = self.puts.wrapping_add(1);
        let too_old = if self.puts.is_multiple_of(TURN) { self.age() } else { Vec::new() };
        if self.fresh.len() == SHELF {
            return (too_old, Some(value));
        }
        self.fresh.push(value);
        (too_old, None)
    }

    fn age(&mut self) -> Vec<T> {
        let now_ns = clock::monotonic_ns();
        if now_ns - self.aged_ns < AGE_NS {
            return Vec::new();
        }
        self.aged_ns = now_ns;
        let fresh = take(&mut self.fresh);
        std::mem::replace(&mut self.old, fresh)
    }
}

impl<T: Send, F: Fn() -> T> Pool<T, F> {
    /// An empty pool; `new` makes values when there are none.
    pub const fn new(new: F) -> Pool<T, F> {
        Pool { new, shelves: OnceLock::new() }
    }

    /// A value: one that was put back, as it was, or a new one.
    ///
    /// # Go
    /// `Pool.Get`.
    pub fn get(&self) -> T {
        self.find().unwrap_or_else(|| (self.new)())
    }

    /// Puts a value back, or any other value.
    ///
    /// # Go
    /// `Pool.Put`.
    pub fn put(&self, value: T) {
        let shelves = self.shelves();
        let rt = Inside::enter();
        let shelf = &shelves[own_shelf(&rt, shelves.len())];
        let dropped = shelf.locked(&rt, |values| values.put(value));
        drop(rt);
        drop(dropped);
    }

    /// As [`Pool::get`]; the value goes back when what is returned is dropped.
    pub fn lend(&self) -> Lent<'_, T, F> {
        Lent { value: ManuallyDrop::new(self.get()), pool: self }
    }

    /// The shelves: one for each processor that there is at the first use, and one for threads.
    fn shelves(&self) -> &[Shelf<T>] {
        self.shelves.get_or_init(|| {
            let procs = p::count().max(SCHED.procs() as usize).max(1);
            (0..=procs).map(|_| Shelf::new()).collect()
        })
    }

    fn find(&self) -> Option<T> {
        let shelves = self.shelves.get()?;
        let rt = Inside::enter();
        let own = own_shelf(&rt, shelves.len());
        let mut order = (own..shelves.len()).chain(0..own);
        order.find_map(|n| shelves[n].locked(&rt, Values::take))
    }
}

/// The shelf of the caller's processor; the last one is for threads.
fn own_shelf(rt: &Inside, len: usize) -> usize {
    rt.m().and_then(|m| m.p()).map_or(len - 1, |p| p.id as usize % (len - 1))
}

impl<T, F> fmt::Debug for Pool<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

/// A value of a [`Pool`], to which it returns when this is dropped.
pub struct Lent<'a, T: Send, F: Fn() -> T = fn() -> T> {
    value: ManuallyDrop<T>,
    pool: &'a Pool<T, F>,
}

impl<T: Send, F: Fn() -> T> Deref for Lent<'_, T, F> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Send, F: Fn() -> T> DerefMut for Lent<'_, T, F> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Send, F: Fn() -> T> Drop for Lent<'_, T, F> {
    fn drop(&mut self) {
        // SAFETY: taken once, here; `self` is not used after that.
        self.pool.put(unsafe { ManuallyDrop::take(&mut self.value) });
    }
}

impl<T: Send + fmt::Debug, F: Fn() -> T> fmt::Debug for Lent<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
