//! What arrives, and the thread that waits for it: `src/sys/arrivals.rs`.

#[path = "../../src/sys/arrivals.rs"]
mod source;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::explore::{check, check_pair};
use source::Arrivals;

const LOW: u64 = 1 << 3;
const HIGH: u64 = 1 << 40;

struct Shared {
    arrivals: Arrivals,
    why: UnsafeCell<u32>,
}

// SAFETY: loom sees to it that nobody uses the cell while somebody else does.
unsafe impl Sync for Shared {}

/// With the words used once, and the turn that the thread begins with.
fn shared() -> Shared {
    let arrivals = Arrivals::new();
    arrivals.put(LOW | HIGH);
    let mut turn = 0;
    arrivals.wait(&mut turn);
    assert_eq!((arrivals.take(), turn), (LOW | HIGH, 1));
    Shared { arrivals, why: UnsafeCell::new(0) }
}

/// Takes until all of it is there.
fn take(arrivals: &Arrivals, wanted: u64) {
    let (mut turn, mut took) = (1, 0);
    while took != wanted {
        arrivals.wait(&mut turn);
        let now = arrivals.take();
        assert_eq!(took & now, 0, "it is taken once");
        took |= now;
    }
}

#[test]
fn nothing_that_arrives_is_forgotten() {
    check(|| {
        let shared = Arc::new(shared());
        let handlers = [LOW, HIGH].map(|what| {
            let shared = shared.clone();
            thread::spawn(move || shared.arrivals.put(what))
        });
        take(&shared.arrivals, LOW | HIGH);
        handlers.into_iter().for_each(|handler| handler.join().unwrap());
    });
}

/// Somebody else takes as well: all is taken once, by one of the two, and the thread does not sleep
/// over what it is left.
#[test]
fn two_take() {
    check(|| {
        let shared = Arc::new(shared());
        let [handler, other] = [0, 1].map(|n| {
            let shared = shared.clone();
            thread::spawn(move || {
                if n == 1 {
                    return shared.arrivals.take();
                }
                shared.arrivals.put(LOW | HIGH);
                0
            })
        });
        let mut turn = 1;
        shared.arrivals.wait(&mut turn);
        let took = shared.arrivals.take();
        handler.join().unwrap();
        let others = other.join().unwrap();
        assert_eq!((took & others, took | others), (0, LOW | HIGH));
    });
}

#[test]
fn who_is_poked_sees_why() {
    check_pair(
        shared,
        |shared| {
            // SAFETY: before it is said.
            shared.why.with_mut(|why| unsafe { *why = 7 });
            shared.arrivals.put(0);
        },
        |shared| {
            let mut turn = 1;
            shared.arrivals.wait(&mut turn);
            assert_eq!(shared.arrivals.take(), 0);
            // SAFETY: it was said.
            assert_eq!(shared.why.with(|why| unsafe { *why }), 7);
        },
        |_| (),
    );
}
