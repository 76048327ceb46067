//! Tasks: logical pieces of work, on contexts or on the goroutines that work for them.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use super::is_enabled;
use super::note::{Note, cut};
use crate::Context;
use crate::sched::annotations;

/// The number of a new task: unique in the process, never 0, which means no task.
pub(super) fn new_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Begins a task, a part of the task that `ctx` belongs to, if any. The returned context carries
/// it, and all that `ctx` carries, to whatever works for it: regions and logs made with that context belong to the task.
///
/// Names longer than 1024 bytes are cut.
///
/// # Go
/// `trace.NewTask`.
pub fn new_task(ctx: &Context, name: &str) -> (Context, Task) {
    let task = Task::begin(ctx.task(), name);
    (ctx.with_task(task.task), task)
}

/// Begins a task, a part of the one that the current goroutine works for, if any. It takes
/// [`Task::enter`] to work for it.
///
/// # Examples
/// ```
/// use gort::trace;
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let task = trace::task("serve a guest");
///         let _working = task.enter();
///         // A goroutine that is started works for the same task.
///         let cook = gort::go(|| {
///             let _region = trace::region("cook");
///             trace::event("dish", "soup");
///         });
///         cook.join().unwrap();
///     })
/// };
/// ```
///
/// # Go
/// Go has tasks in contexts only: `trace.NewTask`.
pub fn task(name: &str) -> Task {
    Task::begin(annotations::task(), name)
}

/// A task. It ends when this is dropped or [`Task::end`] is called, on any goroutine or thread, and
/// in any generation of a trace: once, since that consumes it.
#[derive(Debug)]
#[must_use = "the task ends when this is dropped"]
pub struct Task {
    task: u64,
}

impl Task {
    #[inline]
    fn begin(parent: u64, name: &str) -> Task {
        let task = new_number();
        if is_enabled() {
            Note::TaskBegin { task, parent, name: cut(name) }.write();
        }
        Task { task }
    }

    /// Ends the task: the time from its beginning to here is its latency.
    pub fn end(self) {}

    /// Has the current goroutine (or plain thread) work for this task until the returned value is
    /// dropped: [`region`](super::region), [`event`](super::event) and [`task`] then belong to it. So
    /// do goroutines that are started meanwhile, for all their lives; threads of `std` do not.
    ///
    /// Any number of goroutines may work for one task, also after it has ended. Who works for it does
    /// so itself:
    ///
    /// ```compile_fail,E0277
    /// let task = gort::trace::task("mine");
    /// let working = task.enter();
    /// gort::go(move || drop(working));
    /// ```
    pub fn enter(&self) -> Working {
        Working::begin(self.task)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if is_enabled() {
            Note::TaskEnd { task: self.task }.write();
        }
    }
}

/// Has the current goroutine (or plain thread) work for the task of `ctx`, as [`Task::enter`]; for
/// none, if that has none.
pub fn enter(ctx: &Context) -> Working {
    Working::begin(ctx.task())
}

/// Runs `f`, which works for the task of `ctx`, as after [`Task::enter`].
pub fn with_task<R>(ctx: &Context, f: impl FnOnce() -> R) -> R {
    let _working = enter(ctx);
    f()
}

/// `ctx` with the task that the current goroutine works for: the way from [`Task::enter`] to those
/// who want a context.
pub fn current_task(ctx: &Context) -> Context {
    ctx.with_task(annotations::task())
}

/// The current goroutine works for a task. When this is dropped, it works for the one before again;
/// drop such values in the reverse order of their making.
#[derive(Debug)]
#[must_use = "it ends when this is dropped"]
pub struct Working {
    before: u64,
    not_send: PhantomData<*const ()>,
}

impl Working {
    fn begin(task: u64) -> Working {
        Working { before: annotations::set_task(task), not_send: PhantomData }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        annotations::set_task(self.before);
    }
}
