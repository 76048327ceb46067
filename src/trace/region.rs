//! Regions: stretches of time of one goroutine. They nest; who is open, the goroutine keeps.

use std::borrow::Cow;
use std::cell::RefMut;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use super::is_enabled;
use super::note::{Note, cut};
use crate::Context;
use crate::sched::annotations::{OpenRegion, OpenSpan, annotator, task};
use crate::sched::g::G;

/// Begins a region of the current goroutine that ends when the returned value is dropped. It belongs
/// to the task of `ctx`.
///
/// Regions of a goroutine nest. If one ends while others are open that began inside it, those end
/// with it, and the log target `gort::trace` says so (debug). A region that began while no trace was
/// taken, or in another trace, is not in this one, nor is its end. (Traces beside a
/// [`FlightRecorder`](super::FlightRecorder) are parts of one recording: a part has the end.)
///
/// A region stays on its goroutine, which the compiler sees to:
///
/// ```compile_fail,E0277
/// let region = gort::trace::start_region(&gort::Context::background(), "here");
/// gort::go(move || region.end());
/// ```
///
/// # Go
/// `trace.StartRegion`; there, ends out of order, or on another goroutine, are an error in the trace.
#[inline]
pub fn start_region(ctx: &Context, name: &str) -> Region {
    if is_enabled() { Region::begin(ctx.task(), name) } else { Region::none() }
}

/// Runs `f` in a region of the current goroutine.
///
/// # Go
/// `trace.WithRegion`.
pub fn with_region<R>(ctx: &Context, name: &str, f: impl FnOnce() -> R) -> R {
    let _region = start_region(ctx, name);
    f()
}

/// Begins a region as [`start_region`], of the task that the current goroutine works for: see
/// [`Task::enter`](super::Task::enter).
///
/// # Go
/// Go has tasks in contexts only.
#[inline]
pub fn region(name: &str) -> Region {
    if is_enabled() { Region::begin(task(), name) } else { Region::none() }
}

/// An open region. It stays on its goroutine.
#[derive(Debug)]
#[must_use = "the region ends when this is dropped"]
pub struct Region {
    /// Which of its goroutine's regions, if it began in a trace.
    serial: Option<u64>,
    not_send: PhantomData<*const ()>,
}

impl Region {
    #[inline]
    fn none() -> Region {
        Region { serial: None, not_send: PhantomData }
    }

    #[inline(never)]
    fn begin(task: u64, name: &str) -> Region {
        let serial = annotator().and_then(|g| begin(task, Cow::Owned(owned(g, cut(name))), None));
        Region { serial, not_send: PhantomData }
    }

    /// Ends the region.
    pub fn end(self) {}
}

impl Drop for Region {
    #[inline]
    fn drop(&mut self) {
        if let Some(serial) = self.serial {
            end(serial);
        }
    }
}

/// The regions that are open on a goroutine. Borrowed for moments only: nothing else runs meanwhile.
pub(super) fn open(g: &G) -> RefMut<'_, Vec<OpenRegion>> {
    g.extras_or_new().annotations.regions.borrow_mut()
}

/// Names that a goroutine keeps memory for: regions mostly nest no deeper.
const SPARE_NAMES: usize = 4;

/// A name, in memory that a goroutine has for it.
fn owned(g: &G, name: &str) -> String {
    let spare = g.extras_or_new().annotations.spare_names.borrow_mut().pop();
    let mut owned = spare.unwrap_or_default();
    owned.clear();
    owned.push_str(name);
    owned
}

/// Keeps the memory of a name that nobody wants any more.
fn recycle(g: &G, name: Cow<'static, str>) {
    let mut spare = g.extras_or_new().annotations.spare_names.borrow_mut();
    if let Cow::Owned(name) = name
        && spare.len() < SPARE_NAMES
    {
        spare.push(name);
    }
}

/// Begins a region of the caller's. `None`: no trace is taken by now.
pub(super) fn begin(task: u64, name: Cow<'static, str>, span: Option<OpenSpan>) -> Option<u64> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let g = annotator()?;
    let trace = Note::RegionBegin { task, name: &name }.write()?;
    let serial = NEXT.fetch_add(1, Ordering::Relaxed);
    open(g).push(OpenRegion { serial, trace, task, name, span });
    Some(serial)
}

/// Ends the caller's region `serial` and those inside it: Rust drops values in orders of its own (an
/// assignment drops the old value last), and the format knows only nesting.
#[inline(never)]
fn end(serial: u64) {
    let Some(region) = end_innermost(|region| region.serial == serial) else {
        return end_around(serial);
    };
    if let Some(g) = annotator() {
        recycle(g, region.name);
    }
}

/// As [`end`], where it is not the innermost one, or has ended.
#[cold]
fn end_around(serial: u64) {
    let Some(inner) = end_down_to(|region| region.serial == serial) else { return };
    if let Some((region, inside)) = inner.split_last().filter(|(_, inside)| !inside.is_empty()) {
        let names: Vec<&str> = inside.iter().map(|region| &*region.name).collect();
        log::debug!(
            target: "gort::trace",
            "gort: region {:?} ended before what began inside it: {names:?}", region.name
        );
    }
}

/// Ends the caller's innermost region, if `is_it`, and returns it.
pub(super) fn end_innermost(is_it: impl Fn(&OpenRegion) -> bool) -> Option<OpenRegion> {
    let region = open(annotator()?).pop_if(|region| is_it(region))?;
    write_end(&region);
    Some(region)
}

/// In its own trace.
fn write_end(region: &OpenRegion) {
    Note::RegionEnd { task: region.task, name: &region.name }.write_in(region.trace);
}

/// Ends the caller's regions from the innermost one to the first that `is_it`, and returns them in
/// that order. `None`: there is none, for it has ended with one around it.
pub(super) fn end_down_to(is_it: impl Fn(&OpenRegion) -> bool) -> Option<Vec<OpenRegion>> {
    let g = annotator()?;
    let ended: Vec<OpenRegion> = {
        let mut open = open(g);
        let at = open.iter().rposition(is_it)?;
        open.drain(at..).rev().collect()
    };
    ended.iter().for_each(write_end);
    Some(ended)
}
