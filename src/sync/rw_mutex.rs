//! [`RwMutex`]: many may read, or one write.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use super::queue::{Locked, Queue, Waiting};
use super::raw_mutex::RawMutex;
use super::rw_word::RwWord;
use crate::sched::Inside;
use crate::sched::contention::{self, Arrival};
use crate::sched::sudog::{Outcome, WakeList};
use crate::wire::reason::WaitReason;

/// Data that many goroutines and threads may read at once, or one may write.
///
/// Neither side starves the other: readers who come while a writer waits go in after it, and when
/// it leaves, all readers that waited go in before the next writer. So whoever reads must not lock
/// it for reading once more: with a writer between the two, both wait for ever.
///
/// As with [`Mutex`](super::Mutex), guards belong to no thread and may be kept over blocking calls,
/// and there is no poisoning.
///
/// # Examples
/// ```
/// use gort::sync::RwMutex;
///
/// let menu = RwMutex::new(vec!["tea"]);
/// menu.write().push("coffee");
/// let (mine, yours) = (menu.read(), menu.read());
/// assert_eq!((mine.len(), yours[1]), (2, "coffee"));
/// ```
///
/// # Go
/// `sync.RWMutex`, with the data that it protects.
pub struct RwMutex<T: ?Sized> {
    raw: Raw,
    data: UnsafeCell<T>,
}

/// How often a reader leaves the word to others before it waits in the queue, and pauses in each turn.
const TURNS: u32 = 4;
const PAUSES: u32 = 60;
/// How often a writer looks whether the readers have left before it does, and pauses between the looks.
const WRITER_TURNS: u32 = 8;
const WRITER_PAUSES: u32 = 8;

/// The lock without the data.
struct Raw {
    word: RwWord,
    /// Held by the writer that is in, or is next.
    writers: RawMutex,
    /// Where readers wait for the writer.
    readers: Queue,
    /// Where the writer waits for the readers.
    writer: Queue,
}

// SAFETY: the data goes from thread to thread with the lock.
unsafe impl<T: ?Sized + Send> Send for RwMutex<T> {}
// SAFETY: as above; readers share it.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwMutex<T> {}

impl Raw {
    #[inline]
    fn read(&self) {
        if self.word.read_once().is_err() {
            self.read_again();
        }
    }

    /// Readers on another processor want the word as well, or a writer is there. With every reader a
    /// word goes to and fro between processors, which is several times as slow as if one of them has
    /// it for a while: so the others get it for a while.
    #[cold]
    #[inline(never)]
    fn read_again(&self) {
        for _ in 0..TURNS {
            if self.word.is_written() && !may_spin() {
                break;
            }
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
            if self.word.read_once().is_ok() {
                return;
            }
        }
        self.read_slow();
    }

    fn read_slow(&self) {
        // Too many readers panic here and not below: the panic's hook is the user's.
        if self.word.read() {
            return;
        }
        let rt = Inside::enter_to_block();
        let queue = self.readers.lock(&rt);
        while !self.word.read() {
            if self.word.announce_reader() {
                // The writer that leaves counts the reader in.
                wait(queue, rt, WaitReason::RwMutexRLock);
                return;
            }
        }
    }

    #[inline]
    fn end_read(&self) {
        if self.word.end_read() {
            self.last_reader();
        }
    }

    /// The last reader left: wakes the writer, if it waits already. The one that it left to may
    /// have been in and out meanwhile, and the next one wait for other readers, whose last then
    /// comes here.
    #[cold]
    fn last_reader(&self) {
        let rt = Inside::enter();
        let mut queue = self.writer.lock(&rt);
        if self.word.is_read() {
            return;
        }
        let charge = queue.charge();
        let woken = queue.pop(Outcome::Served);
        drop(queue);
        if let Some(writer) = woken {
            // SAFETY: popped once, and its park was complete when we got the lock.
            unsafe { writer.wake(&rt) };
        }
        drop(rt);
        contention::record(charge);
    }

    #[inline]
    fn write(&self) {
        self.writers.lock();
        if !self.word.write() {
            self.write_slow();
        }
    }

    /// Readers are in. They may leave soon.
    #[cold]
    fn write_slow(&self) {
        for _ in 0..WRITER_TURNS {
            if !self.word.is_read() {
                return;
            }
            if !may_spin() {
                break;
            }
            (0..WRITER_PAUSES).for_each(|_| std::hint::spin_loop());
        }
        // Not `enter_to_block`, which may unwind: `writers` is locked.
        let rt = Inside::enter();
        let queue = self.writer.lock(&rt);
        if self.word.is_read() {
            wait(queue, rt, WaitReason::RwMutexLock);
        }
    }

    fn try_write(&self) -> bool {
        if !self.writers.try_lock() {
            return false;
        }
        let is_free = self.word.try_write();
        if !is_free {
            // SAFETY: locked above.
            unsafe { self.writers.unlock() };
        }
        is_free
    }

    /// The writer leaves; `readers`: 1 if it goes on as a reader, else 0.
    #[inline]
    fn end_write(&self, readers: u32) {
        if !self.word.end_write(readers) {
            self.end_write_slow(readers);
        }
        // SAFETY: locked in `write` or `try_write`.
        unsafe { self.writers.unlock() };
    }

    /// Lets those in who wait to read.
    #[cold]
    fn end_write_slow(&self, readers: u32) {
        let rt = Inside::enter();
        let mut woken = WakeList::new();
        let mut queue = self.readers.lock(&rt);
        let charge = queue.charge();
        let count = queue.pop_all_to(&mut woken) as u32;
        self.word.end_write_with(readers + count);
        drop(queue);
        woken.wake(&rt);
        drop(rt);
        contention::record(charge);
    }
}

/// Whether it may pay to wait a moment for others to leave.
fn may_spin() -> bool {
    Inside::enter().may_spin()
}

/// Waits in a queue of readers or writers.
fn wait(queue: Locked<'_>, rt: Inside, reason: WaitReason) {
    let mut arrival = Arrival::if_asked();
    let place = (&raw mut arrival).cast();
    drop(queue.wait(rt, Waiting { place, ..Waiting::new(reason) }, |_| ()).0);
}

impl<T> RwMutex<T> {
    /// An unlocked lock.
    pub const fn new(data: T) -> RwMutex<T> {
        let raw = Raw {
            word: RwWord::new(),
            writers: RawMutex::new(),
            readers: Queue::new(),
            writer: Queue::new(),
        };
        RwMutex { raw, data: UnsafeCell::new(data) }
    }

    /// The data; nobody else can use it any more.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> RwMutex<T> {
    /// Locks for reading, waiting while a writer is in, or waits to get in.
    ///
    /// # Panics
    /// If more than half a billion read.
    ///
    /// # Go
    /// `RWMutex.RLock`.
    #[inline]
    pub fn read(&self) -> RwReadGuard<'_, T> {
        self.raw.read();
        RwReadGuard { lock: self, data: PhantomData }
    }

    /// Locks for reading if that is possible at once.
    ///
    /// # Go
    /// `RWMutex.TryRLock`.
    #[inline]
    pub fn try_read(&self) -> Option<RwReadGuard<'_, T>> {
        self.raw.word.read().then(|| RwReadGuard { lock: self, data: PhantomData })
    }

    /// Locks for writing, waiting until nobody else is in.
    ///
    /// # Go
    /// `RWMutex.Lock`.
    #[inline]
    pub fn write(&self) -> RwWriteGuard<'_, T> {
        self.raw.write();
        RwWriteGuard { lock: self, data: PhantomData }
    }

    /// Locks for writing if that is possible at once.
    ///
    /// # Go
    /// `RWMutex.TryLock`.
    #[inline]
    pub fn try_write(&self) -> Option<RwWriteGuard<'_, T>> {
        self.raw.try_write().then(|| RwWriteGuard { lock: self, data: PhantomData })
    }

    /// The data, without locking: nobody else has the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

impl<T: Default> Default for RwMutex<T> {
    fn default() -> RwMutex<T> {
        RwMutex::new(T::default())
    }
}

impl<T> From<T> for RwMutex<T> {
    fn from(data: T) -> RwMutex<T> {
        RwMutex::new(data)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_read() {
            Some(guard) => f.debug_tuple("RwMutex").field(&&*guard).finish(),
            None => f.write_str("RwMutex(<locked>)"),
        }
    }
}

/// The right to read a [`RwMutex`]'s data. Dropping it unlocks.
#[must_use = "the lock is released when this is dropped"]
pub struct RwReadGuard<'a, T: ?Sized> {
    lock: &'a RwMutex<T>,
    data: PhantomData<&'a T>,
}

impl<T: ?Sized> Deref for RwReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock, for reading.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> Drop for RwReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw.end_read();
    }
}

/// The right to write a [`RwMutex`]'s data. Dropping it unlocks.
#[must_use = "the lock is released when this is dropped"]
pub struct RwWriteGuard<'a, T: ?Sized> {
    lock: &'a RwMutex<T>,
    data: PhantomData<&'a mut T>,
}

impl<'a, T: ?Sized> RwWriteGuard<'a, T> {
    /// Goes on as a reader. No writer gets in between.
    pub fn downgrade(this: RwWriteGuard<'a, T>) -> RwReadGuard<'a, T> {
        let this = ManuallyDrop::new(this);
        this.lock.raw.end_write(1);
        RwReadGuard { lock: this.lock, data: PhantomData }
    }
}

impl<T: ?Sized> Deref for RwWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock, for writing.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for RwWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock, for writing.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized> Drop for RwWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw.end_write(0);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// The panic's hook is the user's, and may use the lock.
    #[test]
    fn too_many_readers_panic_under_no_lock() {
        let lock: &'static RwMutex<()> = Box::leak(Box::new(RwMutex::new(())));
        lock.raw.word.end_write_with(u32::MAX >> 3);
        let (before, (tx, rx)) = (std::panic::take_hook(), mpsc::channel());
        std::panic::set_hook(Box::new(move |info| {
            if thread::current().name() != Some("reader") {
                return before(info);
            }
            let (done, other) = mpsc::channel();
            thread::spawn(move || {
                drop(lock.raw.readers.lock(&Inside::enter()));
                done.send(())
            });
            let _ = tx.send(other.recv_timeout(Duration::from_secs(20)).is_ok());
        }));
        let reader = thread::Builder::new().name("reader".into());
        assert!(reader.spawn(|| lock.raw.read()).unwrap().join().is_err());
        drop(std::panic::take_hook());
        assert!(rx.recv().unwrap(), "the queue is locked");
    }

    /// A last reader that is slow to say so does not let in the writer after the next, for whom
    /// another reader has to leave.
    #[test]
    fn a_late_last_reader_wakes_nobody() {
        let lock = RwMutex::new(());
        let raw = &lock.raw;
        let is_in = AtomicBool::new(false);
        raw.read();
        raw.writers.lock();
        assert!(!raw.word.write() && raw.word.end_read()); // but not yet `last_reader`
        raw.write_slow();
        raw.end_write(0);
        raw.read();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                raw.write();
                is_in.store(true, Ordering::Relaxed);
                raw.end_write(0);
            });
            let waits = || !raw.writer.lock(&Inside::enter()).is_empty();
            while !waits() {
                std::thread::yield_now();
            }
            raw.last_reader();
            std::thread::sleep(Duration::from_millis(20));
            let (was_in, still_waits) = (is_in.load(Ordering::Relaxed), waits());
            raw.end_read();
            assert!(!was_in && still_waits, "a writer is in beside a reader");
        });
        assert!(is_in.load(Ordering::Relaxed));
    }
}
