//! A counter that one can wait for to become zero.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::count::Count;
use super::queue::{Queue, Waiting};
use crate::go::{JoinHandle, go_named};
use crate::sched::sudog::WakeList;
use crate::sched::{Inside, current_g, unseen};
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
    count: Count,
    queue: Queue,
}

impl Default for Inner {
    fn default() -> Inner {
        Inner { count: Count::new(), queue: Queue::in_bubble() }
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
        self.inner.queue.check("an addition to a WaitGroup");
        assert!(self.inner.count.add(n), "gort: WaitGroup counter overflow");
    }

    /// One thing is done.
    ///
    /// # Panics
    /// If there was nothing to wait for.
    #[inline]
    pub fn done(&self) {
        self.inner.queue.check("a part of a WaitGroup done");
        let done = self.inner.count.less() || self.inner.done_with_all();
        assert!(done, "gort: negative WaitGroup counter");
    }

    /// Starts a goroutine that the group waits for, however it ends. But a panic that ends the
    /// process, since nobody can join the goroutine any more, does not end the wait before that.
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
        self.inner.queue.check("a wait for a WaitGroup");
        if !self.inner.count.is_zero() {
            self.inner.wait();
        }
    }
}

/// Counts down also when the goroutine panics.
struct Done(WaitGroup);

impl Drop for Done {
    fn drop(&mut self) {
        if !current_g().is_some_and(unseen::is_about_to_end_the_process) {
            self.0.done();
        }
    }
}

impl Inner {
    #[cold]
    fn wait(&self) {
        let rt = Inside::enter_to_block();
        let queue = self.queue.lock(&rt);
        // It becomes zero under the lock only: now, or whoever makes it so finds us in the queue.
        if !self.count.is_zero() {
            drop(queue.wait(rt, Waiting::new(WaitReason::WaitGroupWait), |_| ()).0);
        }
    }

    /// Counts down to zero, most likely, and then wakes everybody who waits. False: it is zero.
    ///
    /// The counter becomes zero, and the queue empty, under one lock: else a waiter of the next
    /// round, after the counter has been raised again, could be woken for this one.
    #[cold]
    fn done_with_all(&self) -> bool {
        let rt = Inside::enter();
        let mut woken = WakeList::new();
        let mut queue = self.queue.lock(&rt);
        let last = self.count.last();
        if last == Some(true) {
            queue.pop_all_to(&mut woken);
        }
        drop(queue);
        woken.wake(&rt);
        last.is_some()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WaitGroup({})", self.inner.count.get())
    }
}
