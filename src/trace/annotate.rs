//! Annotations: tasks, regions and logs.

use std::sync::atomic::{AtomicU64, Ordering};

use super::is_enabled;
use crate::Context;
use crate::sched::g::{G, OpenRegion};
use crate::sched::{Inside, current_g, stand_in, tls};
use crate::tracer::emit::Emitter;
use crate::tracer::generation;
use crate::wire::encode::{self, Keep};

/// Numbers of tasks: unique in the process, never 0, which means no task.
static NEXT_TASK: AtomicU64 = AtomicU64::new(1);

/// An annotation on its way into the trace.
enum Note {
    TaskBegin { task: u64, parent: u64, name: String },
    TaskEnd { task: u64 },
    RegionBegin { task: u64, name: String },
    RegionEnd { task: u64, name: String },
    Log { task: u64, category: String, message: String },
}

impl Note {
    /// Writes the annotation in the name of the current goroutine, with its stack, or of the one
    /// that stands for the calling plain thread. Never waits for the scheduler.
    #[inline(never)]
    fn write(self) {
        let rt = Inside::enter();
        if let Some(m) = rt.m().filter(|m| m.g().is_some()) {
            m.emit(|emitter| {
                let stack = m.stack_here(emitter);
                self.emit(emitter, stack);
            });
            return;
        }
        drop(rt);
        if let Some(g) = tls::stand_in() {
            stand_in::annotate(g, |emitter, stack| self.emit(emitter, stack));
        }
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

/// As much of a text as the format has room for.
fn cut(text: &str) -> String {
    encode::cut(text, Keep::Head).to_owned()
}

/// Begins a task, a part of the task that `ctx` belongs to, if any. The returned context carries
/// it, and all that `ctx` carries, to whatever works for it: regions and logs made with that context belong to the task.
///
/// Names longer than 1024 bytes are cut.
///
/// # Go
/// `trace.NewTask`.
pub fn new_task(ctx: &Context, name: &str) -> (Context, Task) {
    let task = NEXT_TASK.fetch_add(1, Ordering::Relaxed);
    if is_enabled() {
        Note::TaskBegin { task, parent: ctx.task(), name: cut(name) }.write();
    }
    (ctx.with_task(task), Task { task })
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
/// Regions of a goroutine nest. If one ends while others are open that began inside it, those end
/// with it.
///
/// # Go
/// `trace.StartRegion`; there, ends out of order are an error.
pub fn start_region(ctx: &Context, name: &str) -> Region {
    let serial = if is_enabled() { begin_region(ctx.task(), cut(name)) } else { None };
    Region { serial, not_send: std::marker::PhantomData }
}

/// An open region. It stays on its goroutine.
#[derive(Debug)]
#[must_use = "the region ends when this is dropped"]
pub struct Region {
    /// Which of its goroutine's regions, if it began in a trace.
    serial: Option<u64>,
    not_send: std::marker::PhantomData<*const ()>,
}

impl Region {
    /// Ends the region.
    pub fn end(self) {}
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Some(serial) = self.serial
            && let Some(g) = annotator()
        {
            end_regions(g, serial);
        }
    }
}

/// The goroutine in whose name the caller annotates.
fn annotator() -> Option<&'static G> {
    if tls::current_m().is_null() { tls::stand_in() } else { current_g() }
}

fn begin_region(task: u64, name: String) -> Option<u64> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let g = annotator()?;
    Note::RegionBegin { task, name: name.clone() }.write();
    let serial = NEXT.fetch_add(1, Ordering::Relaxed);
    g.extras_or_new().regions.borrow_mut().push(OpenRegion { serial, task, name });
    Some(serial)
}

/// Ends the region `serial` of the current goroutine and those inside it: Rust drops values in
/// orders of its own (an assignment drops the old value last), and the format knows only nesting.
fn end_regions(g: &G, serial: u64) {
    let regions = &g.extras_or_new().regions;
    if !regions.borrow().iter().any(|region| region.serial == serial) {
        return; // ended with one around it
    }
    loop {
        let Some(region) = regions.borrow_mut().pop() else { return };
        let is_last = region.serial == serial;
        if is_enabled() {
            Note::RegionEnd { task: region.task, name: region.name }.write();
        }
        if is_last {
            return;
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
        let (category, message) = (cut(category), cut(message));
        Note::Log { task: ctx.task(), category, message }.write();
    }
}
