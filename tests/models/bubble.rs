//! A bubble's count: `src/sched/bubble_count.rs`, used as `src/sched/bubble.rs`,
//! `src/sched/schedule.rs` and `src/sched/park.rs` do.
//!
//! Goroutines are threads here, and a park publishes its goroutine, gives its share up, and waits.
//! Whoever brings the count to zero acts for the bubble: everybody must be parked by then and all
//! that they did be seen, and nobody else may act.

#[allow(dead_code, reason = "the model uses a part")]
#[path = "../../src/sched/bubble_count.rs"]
mod source;

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::explore::check;
use crate::sys::sync::{AtomicU32, Ordering, wait_while, wake_all};
use source::Count;

struct Bubble {
    count: Count,
    /// How often each goroutine has worked, by itself.
    work: [UnsafeCell<u32>; 2],
    /// Who waits in a channel's queue, under the channel's lock.
    queue: Mutex<Option<usize>>,
    awake: [AtomicU32; 2],
    /// How often the clock acted; it alone writes it.
    ticks: UnsafeCell<u32>,
}

// SAFETY: that the cells are touched by one at a time is what the models check.
unsafe impl Sync for Bubble {}
// SAFETY: as above.
unsafe impl Send for Bubble {}

impl Bubble {
    /// With two goroutines that run, and without a clock that does.
    fn new() -> Arc<Bubble> {
        let bubble = Bubble {
            count: Count::new(),
            work: [UnsafeCell::new(0), UnsafeCell::new(0)],
            queue: Mutex::new(None),
            awake: [AtomicU32::new(0), AtomicU32::new(0)],
            ticks: UnsafeCell::new(0),
        };
        bubble.count.enter();
        // The words' first use is before they are shared.
        bubble.awake.iter().for_each(|awake| assert_eq!(awake.load(Ordering::Relaxed), 0));
        Arc::new(bubble)
    }

    fn work(&self, me: usize) {
        // SAFETY: as for the type.
        self.work[me].with_mut(|work| unsafe { *work += 1 });
    }

    /// `schedule::suspended` and `bubble::parked`: the commit, and then the share. The caller locked
    /// the queue.
    fn park(&self, me: usize, mut queue: loom::sync::MutexGuard<'_, Option<usize>>) {
        *queue = Some(me);
        drop(queue); // the commit
        self.leave(); // its share
        // ORDERING: Acquire, pairs with the Release in `ready`.
        while self.awake[me].load(Ordering::Acquire) == 0 {
            wait_while(&self.awake[me], 0);
        }
    }

    /// `Inside::ready` of who waits in the queue.
    fn ready(&self) -> bool {
        let waiter = self.queue.lock().unwrap().take();
        let Some(waiter) = waiter else { return false };
        self.count.enter();
        // ORDERING: Release, pairs with the Acquire in `park`.
        self.awake[waiter].store(1, Ordering::Release);
        wake_all(&self.awake[waiter]);
        true
    }

    fn leave(&self) {
        if self.count.leave() {
            self.all_blocked();
        }
    }

    /// All are blocked or have ended: sees what all did, and wakes who waits, as a timer would.
    fn all_blocked(&self) {
        for work in &self.work {
            // SAFETY: as for the type.
            work.with_mut(|work| unsafe { *work += 10 });
        }
        // SAFETY: as for the type.
        self.ticks.with_mut(|ticks| unsafe { *ticks += 1 });
        self.count.enter(); // the clock's
        let woke = self.ready();
        // It may be the last again, if what it woke has ended by now.
        if self.count.leave() && woke {
            self.all_blocked();
        }
    }

    fn results(&self) -> [u32; 3] {
        // SAFETY: all threads have been joined.
        let get = |cell: &UnsafeCell<u32>| cell.with(|value| unsafe { *value });
        [get(&self.work[0]), get(&self.work[1]), get(&self.ticks)]
    }
}

/// One parks and the other readies it if it can, and ends.
#[test]
fn a_park_and_a_wake_up() {
    check(|| {
        let bubble = Bubble::new();
        let other = thread::spawn({
            let bubble = bubble.clone();
            move || {
                bubble.work(1);
                let woke = bubble.ready();
                bubble.work(1);
                bubble.leave();
                woke
            }
        });
        bubble.work(0);
        bubble.park(0, bubble.queue.lock().unwrap());
        bubble.work(0);
        bubble.leave();
        let woke = other.join().unwrap();
        let [first, second, ticks] = bubble.results();
        // Once at the end of all; and before, if nobody else was there to wake the first one.
        let expected = if woke { 1 } else { 2 };
        assert_eq!(ticks, expected);
        assert_eq!((first % 10, second % 10), (2, 2));
    });
}
