//! The ring of samples: `src/sched/sample_ring.rs`, with two slots of two words.

#[path = "../../src/sched/sample_ring.rs"]
#[allow(dead_code, reason = "a model needs a part")]
mod source;

use std::sync::Mutex;

use loom::sync::Arc;
use loom::thread;

use crate::explore::{check, check_pair};
use crate::sys::sync::Ordering;
use source::Ring;

type Pair = Ring<2>;

/// Writes a record whose words are the same.
fn push(ring: &Pair, value: usize) -> bool {
    ring.push(|words| words.iter().for_each(|word| word.store(value, Ordering::Relaxed)))
}

/// Reads a record: its words must be of one writer.
fn pop(ring: &Pair) -> Option<usize> {
    let mut seen = None;
    ring.pop(|words| {
        let [first, second] = [0, 1].map(|n| words[n].load(Ordering::Relaxed));
        assert_eq!(first, second, "a record in the middle of being written");
        seen = Some(first);
    });
    seen
}

#[test]
fn records_are_whole_and_none_comes_twice() {
    check(|| {
        let ring = Arc::new(Pair::new(2));
        let pushed = Arc::new(Mutex::new(Vec::new()));
        let writer = thread::spawn({
            let (ring, pushed) = (ring.clone(), pushed.clone());
            move || {
                for value in [1, 2] {
                    if push(&ring, value) {
                        pushed.lock().unwrap().push(value);
                    }
                }
            }
        });
        let other = thread::spawn({
            let (ring, pushed) = (ring.clone(), pushed.clone());
            move || {
                if push(&ring, 3) {
                    pushed.lock().unwrap().push(3);
                }
            }
        });
        let mut popped: Vec<usize> = pop(&ring).into_iter().collect();
        writer.join().unwrap();
        other.join().unwrap();
        popped.extend(std::iter::from_fn(|| pop(&ring)));
        let mut pushed = pushed.lock().unwrap().clone();
        popped.sort_unstable();
        pushed.sort_unstable();
        assert_eq!(popped, pushed);
        assert_eq!(ring.take_lost() as usize, 3 - pushed.len());
    });
}

#[test]
fn a_record_comes_whole() {
    check_pair(
        || Pair::new(1),
        |ring| assert!(push(ring, 7)),
        |ring| assert!(pop(ring).is_none_or(|value| value == 7)),
        |_| (),
    );
}

#[test]
fn slots_are_used_again() {
    check(|| {
        let ring = Arc::new(Pair::new(1));
        assert!(push(&ring, 1));
        let reader = thread::spawn({
            let ring = ring.clone();
            move || pop(&ring)
        });
        let second = push(&ring, 2);
        let first = reader.join().unwrap();
        assert_eq!(first, Some(1));
        assert_eq!(pop(&ring), second.then_some(2));
        assert!(push(&ring, 3), "there is room");
        assert_eq!(pop(&ring), Some(3));
    });
}
