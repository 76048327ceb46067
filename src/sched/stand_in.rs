//! The goroutine that stands for a plain thread in traces: the format lets only goroutines annotate.
//! It is a slot that never runs; what the thread annotates is written at once, in its name.

use std::panic::Location;

use parking_lot::Mutex;

use super::g::{Entry, Extras, G};
use super::{p, spawn};
use crate::sys::thread;
use crate::tracer::emit::Emitter;
use crate::tracer::generation;
use crate::tracer::status::Status;

/// Slots of stand-ins whose threads have ended. They never become goroutines, so who finds a slot
/// with [`ENTRY`] in it knows what it is for good.
static FREE: Mutex<Vec<&'static G>> = Mutex::new(Vec::new());

/// Owned by its thread, and ends with it.
pub(crate) struct StandIn(&'static G);

/// Nobody runs it.
static ENTRY: Entry = Entry {
    run: |_| unreachable!("a stand-in runs"),
    refuse: |_, _| unreachable!("a stand-in is refused"),
    drop_result: |_| unreachable!("a stand-in has a result"),
    name: || "(plain thread)",
};

impl StandIn {
    pub(super) fn new() -> StandIn {
        let name = std::thread::current().name().map(str::to_owned);
        let extras = Extras { name, ..Extras::default() };
        let g = FREE.lock().pop().unwrap_or_else(spawn::take_slot_outside);
        // SAFETY: the slot is free and ours.
        unsafe { g.revive(p::new_id(), None, &ENTRY, Location::caller(), Some(Box::new(extras))) };
        g.state.born(Status::Created, 0);
        StandIn(g)
    }

    pub(super) fn g(&self) -> &'static G {
        self.0
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        generation::annotate_outside(thread::id(), self.0, true, |_| {});
        drop(self.0.take_extras());
        FREE.lock().push(self.0);
    }
}

/// Whether a slot that is in use is a thread's stand-in.
pub(crate) fn is_one(g: &G) -> bool {
    std::ptr::eq(g.entry(), &ENTRY)
}

/// Writes the labels of the calling plain thread, if they have changed.
pub(crate) fn label(g: &'static G) {
    if crate::tracer::generation() != 0 {
        generation::annotate_outside(thread::id(), g, false, |_| {});
    }
}

/// Writes what the calling plain thread annotates.
pub(crate) fn annotate(g: &'static G, f: impl FnOnce(&mut Emitter<'_>, u32)) {
    generation::annotate_outside(thread::id(), g, false, |emitter| {
        let stack = emitter.entry_stack(g.site());
        f(emitter, stack);
    });
}
