//! SET, TAKE, STEAL: `src/sched/runnext.rs`.
//!
//! The deques beside it are crossbeam's and not modelled here.

#[path = "../../src/sched/runnext.rs"]
mod source;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::explore::{check, check_pair};
use source::RunNext;

/// A goroutine: how often it was made runnable, and how often it ran.
struct Item(UnsafeCell<(u32, u32)>);

// SAFETY: that whoever gets it from the slot has it alone is what the models check.
unsafe impl Sync for Item {}

impl Item {
    fn new() -> &'static Item {
        Box::leak(Box::new(Item(UnsafeCell::new((0, 0)))))
    }

    fn make_runnable(&self) {
        // SAFETY: as for the type.
        self.0.with_mut(|counts| unsafe { (*counts).0 += 1 });
    }

    fn run(&self) {
        self.0.with_mut(|counts| {
            // SAFETY: as for the type.
            let counts = unsafe { &mut *counts };
            counts.1 += 1;
            assert_eq!(counts.0, counts.1, "it runs once each time it is made runnable");
        });
    }

    /// The end of the model: it ran, and its memory is given back.
    fn finish(&'static self) {
        // SAFETY: as for the type.
        let (made, ran) = self.0.with(|counts| unsafe { *counts });
        assert_eq!(made, ran);
        assert_ne!(ran, 0);
        // SAFETY: leaked in `new`, and nobody has it any more.
        drop(unsafe { Box::from_raw(std::ptr::from_ref(self).cast_mut()) });
    }
}

/// A processor's slot and the goroutines that go through it.
struct Processor {
    slot: RunNext<Item>,
    items: [&'static Item; 2],
}

impl Processor {
    fn new() -> Processor {
        Processor { slot: RunNext::new(), items: [Item::new(), Item::new()] }
    }

    fn make_next(&self, item: &'static Item) {
        item.make_runnable();
        if let Some(displaced) = self.slot.set(item) {
            displaced.run();
        }
    }

    fn take(&self) -> Option<&'static Item> {
        let next = self.slot.take()?;
        next.run();
        Some(next)
    }

    fn steal(&self) {
        let seen = self.slot.peek();
        if !seen.is_null()
            && let Some(item) = self.slot.steal(seen)
        {
            item.run();
        }
    }

    fn finish(&self) {
        self.take();
        self.items.into_iter().for_each(Item::finish);
    }
}

#[test]
fn each_is_given_out_once() {
    let own = |p: &Processor| {
        p.items.into_iter().for_each(|item| p.make_next(item));
        p.take();
    };
    let steal_twice = |p: &Processor| {
        p.steal();
        p.steal();
    };
    check_pair(Processor::new, own, steal_twice, Processor::finish);
}

/// ABA: between a thief's look and its swap the owner runs the item and puts it back.
#[test]
fn what_comes_back_may_be_stolen() {
    let own = |p: &Processor| {
        for item in p.items {
            p.make_next(item);
            if let Some(next) = p.take() {
                p.make_next(next);
            }
        }
    };
    check_pair(Processor::new, own, Processor::steal, Processor::finish);
}

#[test]
fn two_thieves() {
    check(|| {
        let p = Arc::new(Processor::new());
        let thieves = [p.clone(), p.clone()].map(|p| thread::spawn(move || p.steal()));
        p.items.into_iter().for_each(|item| p.make_next(item));
        thieves.into_iter().for_each(|thief| thief.join().unwrap());
        p.finish();
    });
}
