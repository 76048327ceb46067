//! [`Mutex`]: one at a time.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use super::raw_mutex::RawMutex;

/// Data that one goroutine or thread at a time may use.
///
/// A mutex that is free costs two atomic operations, one to lock and one to unlock. Who finds it
/// locked spins for some microseconds, if the holder may be running, and then waits in a queue.
/// Newcomers may overtake the queue; but who has waited for a millisecond is handed the mutex.
///
/// **It belongs to no thread.** Unlike [`std::sync::MutexGuard`], a guard may be kept over calls
/// that block (sends, receives, sleeps), after which the goroutine may be on another thread; and
/// where `T` is [`Send`] it may be sent to another goroutine and dropped there.
///
/// **There is no poisoning.** A panic while the mutex is locked unlocks it, and whoever locks it
/// next finds the data as the panic left it. As in Go: whoever catches a panic answers for the
/// state that it leaves behind; a panic that nobody catches ends the process anyway, unless the
/// goroutine is joined, and then its joiner knows.
///
/// Locking it twice in one goroutine waits for ever.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use gort::sync::{Mutex, WaitGroup};
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let (sum, all) = (Arc::new(Mutex::new(0)), WaitGroup::new());
///         for n in 1..=10 {
///             let sum = Arc::clone(&sum);
///             all.go(move || *sum.lock() += n);
///         }
///         all.wait();
///         assert_eq!(*sum.lock(), 55);
///     })
/// };
/// ```
///
/// # Go
/// `sync.Mutex`, with the data that it protects. Only the guard can unlock, so Go's "unlock of
/// unlocked mutex" cannot happen.
#[derive(Default)]
pub struct Mutex<T: ?Sized> {
    pub(super) raw: RawMutex,
    data: UnsafeCell<T>,
}

// SAFETY: the data goes from thread to thread with the lock, one at a time.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    pub const fn new(data: T) -> Mutex<T> {
        Mutex { raw: RawMutex::new(), data: UnsafeCell::new(data) }
    }

    /// The data; nobody else can use it any more.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks, waiting until the mutex is free. On a plain thread this blocks the thread.
    ///
    /// # Go
    /// `Mutex.Lock`.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.raw.lock();
        MutexGuard { mutex: self, data: PhantomData }
    }

    /// Locks; also in a goroutine that ends by `goexit`, whose unwinding is not begun anew here.
    pub(super) fn lock_to_finish(&self) -> MutexGuard<'_, T> {
        self.raw.lock_again();
        MutexGuard { mutex: self, data: PhantomData }
    }

    /// Locks if that is possible at once.
    ///
    /// # Go
    /// `Mutex.TryLock`.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.raw.try_lock().then(|| MutexGuard { mutex: self, data: PhantomData })
    }

    /// The data, without locking: nobody else has the mutex.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

impl Default for RawMutex {
    fn default() -> RawMutex {
        RawMutex::new()
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(data: T) -> Mutex<T> {
        Mutex::new(data)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(guard) => f.debug_tuple("Mutex").field(&&*guard).finish(),
            None => f.write_str("Mutex(<locked>)"),
        }
    }
}

/// The right to use a [`Mutex`]'s data. Dropping it unlocks.
#[must_use = "the mutex is unlocked when this is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// Shared with other threads where the data may be.
    data: PhantomData<&'a mut T>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The mutex that this guard locks.
    pub fn mutex(this: &MutexGuard<'a, T>) -> &'a Mutex<T> {
        this.mutex
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard holds the lock.
        unsafe { self.mutex.raw.unlock() };
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
