//! A counter that one can wait for to become zero.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::count::Count;
use super::queue::{Queue, Waiting};
use crate::go::{JoinHandle, go_named};
use crate::sched::bubble::InBubble;
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
    /// The test bubble that the group is used in, while the count is not zero.
    bubble: InBubble,
}

impl Default for Inner {
    fn default() -> Inner {
        Inner { count: Count::new(), queue: Queue::new(), bubble: InBubble::none() }
    }
}

impl WaitGroup {
    /// A group with nothing to wait for.
    pub fn new() -> WaitGroup {
        WaitGroup::default()
    }

    /// Adds `n` things to wait for.
    ///
    /// In a [test bubble](crate::test::bubble) the group belongs to the bubble until the count is
    /// zero again.
    ///
    /// # Panics
    /// If the counter overflows. If the group is in use by others than the caller's test bubble.
    pub fn add(&self, n: usize) {
        let fits = match self.inner.bubble.is_usual() {
            true => self.inner.count.add(n),
            false => self.inner.add_in_bubble(n),
        };
        assert!(fits, "gort: WaitGroup counter overflow");
    }

    /// One thing is done.
    ///
    /// # Panics
    /// If there was nothing to wait for.
    #[inline]
    pub fn done(&self) {
        self.inner.bubble.check("done of a WaitGroup");
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
            let durable = self.bubble.is_current();
            let waiting =
                Waiting { is_durable: durable, ..Waiting::new(WaitReason::WaitGroupWait) };
            drop(queue.wait(rt, waiting, |_| ()).0);
        }
    }

    /// Adds in a bubble, or to a group that belongs to one. Under the lock, under which the count
    /// becomes zero and the group belongs to nobody.
    #[cold]
    fn add_in_bubble(&self, n: usize) -> bool {
        let rt = Inside::enter();
        let queue = self.queue.lock(&rt);
        let is_ours = self.bubble.claim(self.count.is_zero());
        let fits = !is_ours || self.count.add(n);
        drop(queue);
        drop(rt);
        assert!(is_ours, "gort: WaitGroup::add from inside and outside of a test bubble");
        fits
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
            self.bubble.clear();
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
