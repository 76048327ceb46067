//! Sums by stack: `src/sched/stack_sums.rs`, with one list.

#[path = "../../src/sched/stack_sums.rs"]
#[allow(dead_code, reason = "a model needs a part")]
mod source;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::explore::{check, check_up_to};
use source::Sums;

/// A key that must have come with its entry.
struct Key(UnsafeCell<u64>);

// SAFETY: that it is not written any more when it is read is what the models check.
unsafe impl Sync for Key {}
// SAFETY: as above.
unsafe impl Send for Key {}

impl Key {
    fn new(value: u64) -> Key {
        let key = Key(UnsafeCell::new(0));
        // SAFETY: nobody else has it yet.
        key.0.with_mut(|place| unsafe { *place = value });
        key
    }

    fn is(&self, value: u64) -> bool {
        // SAFETY: as for the type.
        self.0.with(|place| unsafe { *place == value })
    }
}

fn add(sums: &Sums<Key>, value: u64) {
    sums.add(7, |key| key.is(value), || Key::new(value), 1.0, value);
}

/// What there is of the key: in how many entries, and their sums.
fn found(sums: &Sums<Key>, value: u64) -> (usize, f64, u64) {
    let mut all = (0, 0.0, 0);
    sums.each(|entry| {
        if entry.key.as_ref().is_some_and(|key| key.is(value)) {
            let (count, total) = entry.sums();
            all = (all.0 + 1, all.1 + count, all.2 + total);
        }
    });
    all
}

#[test]
fn two_add_the_same_stack() {
    check(|| {
        let sums = Arc::new(Sums::new(1));
        let other = thread::spawn({
            let sums = sums.clone();
            move || {
                add(&sums, 5);
                add(&sums, 5);
            }
        });
        add(&sums, 5);
        other.join().unwrap();
        assert_eq!(found(&sums, 5), (1, 3.0, 15));
    });
}

#[test]
fn stacks_meet_in_one_list() {
    check_up_to(2, || {
        let sums = Arc::new(Sums::new(1));
        let others = [[5, 6], [6, 5]].map(|values| {
            let sums = sums.clone();
            thread::spawn(move || values.into_iter().for_each(|value| add(&sums, value)))
        });
        let _ = found(&sums, 5);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(found(&sums, 5), (1, 2.0, 10));
        assert_eq!(found(&sums, 6), (1, 2.0, 12));
    });
}
