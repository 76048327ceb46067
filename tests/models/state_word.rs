//! The owner of a goroutine and the sweep of a generation: `src/tracer/status.rs`.

#[path = "../../src/tracer/status.rs"]
mod source;

use std::sync::Mutex as PlainMutex;

use loom::cell::UnsafeCell;

use crate::explore::{check, check_pair};
use crate::sys::sync::{AtomicU64, Ordering};
use source::{Entered, StateWord, Status};

const OLD: u32 = 6;
const NEW: u32 = 7;

/// A goroutine's slot and what was written to the trace of generation [`NEW`] about it.
struct Slot {
    word: StateWord,
    id: AtomicU64,
    /// Not loom's, so that writing orders nothing.
    statuses: PlainMutex<Vec<(u64, Status)>>,
}

impl Slot {
    fn new(status: Status) -> Slot {
        let word = StateWord::new();
        word.born(status, OLD);
        Slot { word, id: AtomicU64::new(1), statuses: PlainMutex::default() }
    }

    fn id(&self) -> u64 {
        self.id.load(Ordering::Relaxed)
    }

    fn write(&self, id: u64, status: Status) {
        self.statuses.lock().unwrap().push((id, status));
    }

    /// The owner, before an event.
    fn enter(&self) {
        if let Entered::WriteStatus(status) = self.word.enter_generation(NEW) {
            self.write(self.id(), status);
        }
    }

    /// `generation::sweep` comes by.
    fn sweep(&self) {
        if self.word.is_behind(NEW)
            && let Some((status, id)) = self.word.sweep(NEW, || self.id())
        {
            self.write(id, status);
        }
    }

    fn statuses(&self) -> Vec<(u64, Status)> {
        self.statuses.lock().unwrap().clone()
    }
}

#[test]
fn one_party_writes_the_status() {
    let own = |slot: &Slot| {
        slot.enter();
        assert_eq!(slot.word.set_numbered(Status::Runnable), 1);
        slot.enter();
        assert_eq!(slot.word.set_numbered(Status::Running), 2);
        slot.word.set(Status::Waiting);
    };
    let sweep_twice = |slot: &Slot| {
        slot.sweep();
        slot.sweep();
    };
    check_pair(
        || Slot::new(Status::Waiting),
        own,
        sweep_twice,
        |slot| {
            assert_eq!(slot.statuses(), [(1, Status::Waiting)]);
            assert_eq!(slot.word.status(), Status::Waiting);
            assert_eq!(slot.word.set_numbered(Status::Runnable), 3, "no number is lost");
        },
    );
}

/// The slot's goroutine ends and another is born in it while the sweep looks at it.
#[test]
fn the_next_life_is_not_swept() {
    let own = |slot: &Slot| {
        slot.enter();
        slot.word.set_numbered(Status::Running);
        slot.word.set(Status::Dead);
        slot.id.store(2, Ordering::Relaxed);
        slot.word.born(Status::Runnable, NEW);
    };
    check_pair(
        || Slot::new(Status::Runnable),
        own,
        Slot::sweep,
        |slot| {
            assert_eq!(slot.statuses(), [(1, Status::Runnable)]);
        },
    );
}

/// A running goroutine's status is its thread's to write, and one that the trace does not know
/// begins with its creation.
#[test]
fn the_sweep_leaves_running_and_unborn_ones_alone() {
    check(|| {
        for status in [Status::Running, Status::Created] {
            let slot = Slot::new(status);
            slot.sweep();
            assert_eq!(slot.statuses(), []);
        }
        let dead = StateWord::new();
        assert!(!dead.is_behind(NEW));
        assert_eq!(dead.sweep(NEW, || ()), None);
    });
}

#[test]
fn one_thread_alone() {
    check(|| {
        let word = StateWord::new();
        word.born(Status::Runnable, 0);
        assert_eq!(word.sweep(7, || ()), Some((Status::Runnable, ())));
        assert_eq!(word.sweep(7, || ()), None);
        assert!(matches!(word.enter_generation(7), Entered::Already));
        assert_eq!(word.set_numbered(Status::Running), 1);
        word.set(Status::Waiting);
        assert_eq!(word.set_numbered(Status::Runnable), 2);
        assert!(matches!(word.enter_generation(8), Entered::WriteStatus(Status::Runnable)));
        assert_eq!(word.set_numbered(Status::Running), 1);
        assert_eq!(word.status(), Status::Running);
    });
}

/// A goroutine with a field that its owner sets before it sets the word: whoever sees the word
/// sees the field.
struct Fields {
    word: StateWord,
    field: UnsafeCell<u32>,
}

// SAFETY: that the word guards the field is what the models check.
unsafe impl Sync for Fields {}

impl Fields {
    fn new() -> Fields {
        let word = StateWord::new();
        word.born(Status::Created, OLD);
        Fields { word, field: UnsafeCell::new(0) }
    }

    fn set_field(&self) {
        // SAFETY: as for the type.
        self.field.with_mut(|field| unsafe { *field = 1 });
    }

    fn assert_field_is_set(&self) {
        // SAFETY: as for the type.
        assert_eq!(self.field.with(|field| unsafe { *field }), 1);
    }

    fn visit(&self) {
        if self.word.status() != Status::Created {
            self.assert_field_is_set();
        }
    }

    fn sweep(&self) {
        self.word.sweep(NEW, || self.assert_field_is_set());
    }
}

#[test]
fn a_visitor_sees_the_field_after_a_birth() {
    let own = |g: &Fields| {
        g.set_field();
        g.word.born(Status::Runnable, OLD);
    };
    check_pair(Fields::new, own, Fields::visit, Fields::assert_field_is_set);
}

#[test]
fn a_visitor_sees_the_field_after_a_change() {
    let own = |g: &Fields| {
        g.set_field();
        g.word.set(Status::Waiting);
    };
    check_pair(Fields::new, own, Fields::visit, Fields::assert_field_is_set);
}

#[test]
fn a_visitor_sees_the_field_after_a_numbered_change() {
    let own = |g: &Fields| {
        g.set_field();
        g.word.set_numbered(Status::Runnable);
    };
    check_pair(Fields::new, own, Fields::visit, Fields::assert_field_is_set);
}

#[test]
fn the_sweep_sees_the_field() {
    let own = |g: &Fields| {
        g.set_field();
        g.word.set(Status::Waiting);
    };
    check_pair(Fields::new, own, Fields::sweep, Fields::assert_field_is_set);
}
