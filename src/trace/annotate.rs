//! Annotations: tasks, regions and logs.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{is_enabled, outside};
use crate::Context;
use crate::sched::Inside;
use crate::tracer::emit::Emitter;
use crate::tracer::generation;

/// Numbers of tasks: unique in the process, never 0, which means no task.
static NEXT_TASK: AtomicU64 = AtomicU64::new(1);

/// An annotation on its way into the trace.
pub(super) enum Note {
    TaskBegin { task: u64, parent: u64, name: String },
    TaskEnd { task: u64 },
    RegionBegin { task: u64, name: String },
    RegionEnd { task: u64, name: String },
    Log { task: u64, category: String, message: String },
}

impl Note {
    /// Writes the annotation with the current goroutine's stack. Plain threads cannot, since the
    /// format wants a goroutine: theirs go through a goroutine that stands for the thread.
    #[inline(never)]
    pub(super) fn write(self) {
        let rt = Inside::enter();
        let Some(m) = rt.m().filter(|m| m.g().is_some()) else {
            drop(rt);
            return outside::write(self);
        };
        m.emit(|emitter| {
            let stack = m.stack_here(emitter);
            self.emit(emitter, stack);
        });
    }

    fn emit(&self, e: &mut Emitter<'_>, stack: u32) {
        match self {
            Note::TaskBegin { task, parent, name } => {
                e.user_task_begin(*task, *parent, generation::strings(|s| s.id(name)), stack);
            }
            Note::TaskEnd { task } => e.user_task_end(*task, stack),
            Note::RegionBegin { task, name } => {
                e.user_region_begin(*task, generation::strings(|s| s.id(name)), stack);
            }
            Note::RegionEnd { task, name } => {
                e.user_region_end(*task, generation::strings(|s| s.id(name)), stack);
            }
            Note::Log { task, category, message } => {
                let (category, message) =
                    generation::strings(|s| (s.id(category), s.id_once(message)));
                e.user_log(*task, category, message, stack);
            }
        }
    }
}

/// Begins a task, a part of the task that `ctx` belongs to, if any. The returned context carries
/// it to whatever works for it: regions and logs made with that context belong to the task.
///
/// Names longer than 1024 bytes are cut.
///
/// # Go
/// `trace.NewTask`.
pub fn new_task(ctx: &Context, name: &str) -> (Context, Task) {
    let task = NEXT_TASK.fetch_add(1, Ordering::Relaxed);
    if is_enabled() {
        Note::TaskBegin { task, parent: ctx.task(), name: name.to_owned() }.write();
    }
    (Context::with_task(task), Task { task })
}

/// A task. It ends when this is dropped or [`Task::end`] is called, on any goroutine or thread.
#[derive(Debug)]
#[must_use = "the task ends when this is dropped"]
pub struct Task {
    task: u64,
}

impl Task {
    /// Ends the task: the time from its beginning to here is its latency.
    pub fn end(self) {}
}

impl Drop for Task {
    fn drop(&mut self) {
        if is_enabled() {
            Note::TaskEnd { task: self.task }.write();
        }
    }
}

/// Begins a region of the current goroutine that ends when the returned value is dropped.
///
/// Regions of a goroutine nest: end them in the reverse order, on the same goroutine.
///
/// # Go
/// `trace.StartRegion`.
pub fn start_region(ctx: &Context, name: &str) -> Region {
    let open = is_enabled().then(|| {
        Note::RegionBegin { task: ctx.task(), name: name.to_owned() }.write();
        (ctx.task(), name.to_owned())
    });
    Region { open, not_send: std::marker::PhantomData }
}

/// An open region. It stays on its goroutine.
#[derive(Debug)]
#[must_use = "the region ends when this is dropped"]
pub struct Region {
    /// Task and name, if the region was opened in a trace.
    open: Option<(u64, String)>,
    not_send: std::marker::PhantomData<*const ()>,
}

impl Region {
    /// Ends the region.
    pub fn end(self) {}
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Some((task, name)) = self.open.take()
            && is_enabled()
        {
            Note::RegionEnd { task, name }.write();
        }
    }
}

/// Runs `f` in a region of the current goroutine.
///
/// # Go
/// `trace.WithRegion`.
pub fn with_region<R>(ctx: &Context, name: &str, f: impl FnOnce() -> R) -> R {
    let _region = start_region(ctx, name);
    f()
}

/// Puts a message into the trace. The category groups messages; it may be empty. Texts longer
/// than 1024 bytes are cut.
///
/// # Go
/// `trace.Log`.
pub fn log(ctx: &Context, category: &str, message: &str) {
    if is_enabled() {
        let (category, message) = (category.to_owned(), message.to_owned());
        Note::Log { task: ctx.task(), category, message }.write();
    }
}
