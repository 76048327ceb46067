//! What a goroutine, or the one that stands for a plain thread, has of annotations: the task that it
//! works for, the regions that are open, its labels.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::g::{FLAG_ANNOTATED, G};
use super::{Inside, current_g, labels, stand_in, tls};

/// See the module documentation. The goroutine's owner's.
#[derive(Default)]
pub(crate) struct Annotations {
    /// The task that it works for, 0 for none.
    pub(crate) task: Cell<u64>,
    pub(crate) labels: labels::Slot,
    /// The regions that are open in a trace, innermost last.
    pub(crate) regions: RefCell<Vec<OpenRegion>>,
    /// Memory of names of regions that have ended, for new ones.
    pub(crate) spare_names: RefCell<Vec<String>>,
}

/// A region that began in a trace and has not ended.
pub(crate) struct OpenRegion {
    /// Unique in the process.
    pub(crate) serial: u64,
    /// The trace that it began in.
    pub(crate) trace: u32,
    pub(crate) task: u64,
    pub(crate) name: Cow<'static, str>,
    /// The span that it stands for, if it is one of another crate's.
    #[cfg_attr(not(feature = "tracing"), allow(dead_code, reason = "for spans"))]
    pub(crate) span: Option<OpenSpan>,
}

/// A span that has been entered.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "tracing"), allow(dead_code, reason = "for spans"))]
pub(crate) struct OpenSpan {
    /// Which span, by whoever gives them numbers.
    pub(crate) key: (u64, u64),
    /// The task that its goroutine worked for before.
    pub(crate) task_before: u64,
}

impl Annotations {
    /// Takes over what a goroutine passes on to those it starts. Called once, before it is known.
    pub(super) fn inherit(&self, from: &Annotations) {
        self.task.set(from.task.get());
        drop(self.labels.replace(from.labels.get()));
    }
}

/// The goroutine in whose name the caller annotates; `None` on a thread that is ending.
pub(crate) fn annotator() -> Option<&'static G> {
    if tls::current_m().is_null() { tls::stand_in() } else { current_g() }
}

/// What the caller has, if that is anything.
fn of_caller() -> Option<&'static Annotations> {
    let g = if tls::current_m().is_null() { tls::known_stand_in() } else { current_g() };
    Some(&g?.extras()?.annotations)
}

/// The task that the caller works for, 0 for none.
pub(crate) fn task() -> u64 {
    of_caller().map_or(0, |annotations| annotations.task.get())
}

/// Whether a region of the caller's is open.
#[cfg(feature = "tracing")]
pub(crate) fn has_regions() -> bool {
    of_caller().is_some_and(|annotations| !annotations.regions.borrow().is_empty())
}

/// Has the caller work for a task, or for none if it is 0. Returns the one before.
pub(crate) fn set_task(task: u64) -> u64 {
    let Some(g) = annotator() else { return 0 };
    if task == 0 && g.extras().is_none() {
        return 0;
    }
    let before = g.extras_or_new().annotations.task.replace(task);
    note_whether_annotated(g);
    before
}

/// The caller's labels.
pub(crate) fn labels() -> Option<Arc<labels::Set>> {
    of_caller()?.labels.get()
}

/// Changes the caller's labels, also in the trace that is being taken. Returns those before.
pub(crate) fn set_labels(set: Option<Arc<labels::Set>>) -> Option<Arc<labels::Set>> {
    let g = annotator()?;
    if set.is_none() && g.extras().is_none() {
        return None;
    }
    let extras = g.extras_or_new();
    // Inside, as whoever keeps everybody out may look at them.
    let rt = Inside::enter();
    let before = extras.annotations.labels.replace(set);
    note_whether_annotated(g);
    extras.labelled.set(0);
    match rt.m() {
        Some(m) => drop(m.emit(|e| e.label(g))),
        None => stand_in::label(g),
    }
    drop(rt);
    before
}

/// Whether those that it starts have something to inherit.
fn note_whether_annotated(g: &G) {
    let Some(extras) = g.extras() else { return };
    let annotations = &extras.annotations;
    if annotations.task.get() != 0 || !annotations.labels.is_empty() {
        g.set_flag(FLAG_ANNOTATED);
    } else {
        g.clear_flag(FLAG_ANNOTATED);
    }
}

/// What the goroutine, which nobody knows yet, gets from the plain thread that starts it.
pub(super) fn inherit_from_thread(g: &G) {
    let from = tls::known_stand_in().filter(|from| from.has_flag(FLAG_ANNOTATED));
    if let Some(from) = from.and_then(G::extras) {
        g.extras_or_new().annotations.inherit(&from.annotations);
        g.set_flag(FLAG_ANNOTATED);
    }
}
