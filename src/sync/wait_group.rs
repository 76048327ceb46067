//! A counter that one can wait for to become zero.

use std::cell::UnsafeCell;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::go::{JoinHandle, go_named};
use crate::sched::Inside;
use crate::sched::lock::RawLock;
use crate::sched::park::Wait;
use crate::sched::sudog::{Parker, Sudog, WaitQueue};
use crate::wire::reason::WaitReason;

/// Waits for a number of things to be done. Clones share the counter.
///
/// # Examples
/// ```
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let all = gort::sync::WaitGroup::new();
///         for n in 0..10 {
///             all.go(move || println!("{n}"));
///         }
///         all.wait();
///     })
/// };
/// ```
///
/// # Go
/// `sync.WaitGroup`.
#[derive(Clone, Default)]
pub struct WaitGroup {
    inner: Arc<Inner>,
}

struct Inner {
    count: AtomicUsize,
    lock: RawLock,
    waiters: UnsafeCell<WaitQueue>,
}

// SAFETY: the queue is touched under its lock, and its members stand for parked goroutines and
// threads, which may be woken from anywhere.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Default for Inner {
    fn default() -> Inner {
        Inner {
            count: AtomicUsize::new(0),
            lock: RawLock::new(),
            waiters: UnsafeCell::new(WaitQueue::new()),
        }
    }
}

impl WaitGroup {
    /// A group with nothing to wait for.
    pub fn new() -> WaitGroup {
        WaitGroup::default()
    }

    /// Adds `n` things to wait for.
    ///
    /// # Panics
    /// If the counter overflows.
    pub fn add(&self, n: usize) {
        let count = &self.inner.count;
        if count.fetch_add(n, Ordering::Relaxed).checked_add(n).is_none() {
            count.fetch_sub(n, Ordering::Relaxed);
            panic!("gort: WaitGroup counter overflow");
        }
    }

    /// One thing is done.
    ///
    /// # Panics
    /// If there was nothing to wait for.
    #[inline]
    pub fn done(&self) {
        let count = &self.inner.count;
        let mut old = count.load(Ordering::Relaxed);
        while old > 1 {
            // ORDERING: AcqRel: Release pairs with the Acquire in `wait`, Acquire with the other
            // `done`s, so that the last one acts after all.
            match count.compare_exchange_weak(old, old - 1, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => old = now,
            }
        }
        assert!(self.inner.done_with_all(), "gort: negative WaitGroup counter");
    }

    /// Starts a goroutine that the group waits for, however it ends.
    ///
    /// # Panics
    /// As [`go`](crate::go).
    ///
    /// # Go
    /// `WaitGroup.Go`, with the function's result in a handle.
    #[track_caller]
    pub fn go<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.add(1);
        let done = Done(self.clone());
        let body = move || {
            let _done = done;
            f()
        };
        go_named::<_, T, F>(body, Location::caller(), None)
    }

    /// Waits until the counter is zero.
    pub fn wait(&self) {
        // ORDERING: Acquire, pairs with the Release in `done`.
        if self.inner.count.load(Ordering::Acquire) == 0 {
            return;
        }
        self.inner.wait();
    }
}

/// Counts down also when the goroutine panics.
struct Done(WaitGroup);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.done();
    }
}

impl Inner {
    fn wait(&self) {
        let rt = Inside::enter_to_block();
        self.lock.lock();
        // It becomes zero under the lock only: now, or whoever makes it so finds us in the queue.
        // ORDERING: Acquire, pairs with the Release in `done`.
        if self.count.load(Ordering::Acquire) == 0 {
            // SAFETY: locked above.
            unsafe { self.lock.unlock() };
            return;
        }
        let parker = Parker::new();
        let waiter = rt.waiter(&parker);
        let mut sudog = Sudog::new(waiter, std::ptr::null_mut(), std::ptr::null());
        // SAFETY: the lock is ours; the sudog lies on this stack until it is woken, and is out of
        // the queue by then.
        unsafe { (*self.waiters.get()).push(&raw mut sudog) };
        let argument = std::ptr::from_ref(&self.lock).cast_mut().cast();
        let wait = Wait { reason: WaitReason::WaitGroupWait, commit: RawLock::commit, argument };
        // SAFETY: `self` and the sudog outlive the wait.
        drop(unsafe { rt.block(waiter, wait, None) });
    }

    /// Counts down to zero, most likely, and then wakes everybody who waits. False: it is zero.
    ///
    /// The counter becomes zero, and the queue empty, under one lock: else a waiter of the next
    /// round, after the counter has been raised again, could be woken for this one.
    #[cold]
    fn done_with_all(&self) -> bool {
        let rt = Inside::enter();
        let mut woken = Vec::new();
        self.lock.lock();
        let less = |n: usize| n.checked_sub(1);
        // ORDERING: AcqRel, as in `done`; pairs with the Acquires in `wait`.
        let old = self.count.fetch_update(Ordering::AcqRel, Ordering::Relaxed, less);
        if old == Ok(1) {
            // SAFETY: the lock is ours.
            while let Some(sudog) = unsafe { (*self.waiters.get()).pop() } {
                // SAFETY: popped, so its waiter waits for us.
                woken.push(unsafe { (*sudog).waiter });
            }
        }
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
        for waiter in woken {
            // SAFETY: popped once, and its park was complete when we got the lock.
            unsafe { waiter.wake(&rt) };
        }
        old.is_ok()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WaitGroup({})", self.inner.count.load(Ordering::Relaxed))
    }
}
