//! Where an idle worker sleeps: `src/sched/bed.rs`, used as `src/sched/m.rs` does. The poll of the
//! network is a word that its interruption sets.

#[path = "../../src/sched/bed.rs"]
mod source;

use crate::explore::check_pair;
use crate::sys::sync::{AtomicU32, Ordering, wait_while, wake_all};
use source::Bed;

struct Worker {
    bed: Bed,
    eventfd: AtomicU32,
    /// What it is called for: the calls so far.
    given: AtomicU32,
}

impl Worker {
    fn new() -> Worker {
        let word = || AtomicU32::new(0);
        let worker = Worker { bed: Bed::new(), eventfd: word(), given: word() };
        for word in [worker.bed.word(), &worker.eventfd, &worker.given] {
            word.load(Ordering::Relaxed); // its first use
        }
        worker
    }

    /// `M::poke`, and what was done before it.
    fn call(&self) {
        let given = self.given.load(Ordering::Relaxed);
        self.given.store(given + 1, Ordering::Relaxed);
        if self.bed.call() {
            self.eventfd.store(1, Ordering::Relaxed);
            wake_all(&self.eventfd);
        } else {
            wake_all(self.bed.word());
        }
    }

    /// `M::sleep_in_poll`.
    fn sleep_in_poll(&self) {
        if self.bed.begin_poll() {
            wait_while(&self.eventfd, 0);
            self.eventfd.store(0, Ordering::Relaxed);
        }
        self.bed.get_up();
    }

    /// `M::sleep`.
    fn sleep(&self) {
        if !self.bed.get_up() {
            wait_while(self.bed.word(), Bed::EMPTY);
            self.bed.get_up();
        }
    }

    /// Sleeps here and there until it has been called so often.
    fn wait_for(&self, calls: u32, places: &[fn(&Worker)]) {
        for place in places.iter().cycle() {
            if self.given.load(Ordering::Relaxed) == calls {
                return;
            }
            place(self);
        }
    }
}

#[test]
fn a_call_ends_the_poll() {
    let sleep = |worker: &Worker| worker.wait_for(1, &[Worker::sleep_in_poll]);
    check_pair(Worker::new, sleep, Worker::call, |_| ());
}

#[test]
fn a_call_ends_the_sleep() {
    let sleep = |worker: &Worker| worker.wait_for(1, &[Worker::sleep]);
    check_pair(Worker::new, sleep, Worker::call, |_| ());
}

/// One call may find it in the poll and another on its word, or both be one.
#[test]
fn two_calls_and_two_places() {
    let call_twice = |worker: &Worker| {
        worker.call();
        worker.call();
    };
    let sleep = |worker: &Worker| worker.wait_for(2, &[Worker::sleep_in_poll, Worker::sleep]);
    check_pair(Worker::new, sleep, call_twice, |_| ());
    let sleep = |worker: &Worker| worker.wait_for(2, &[Worker::sleep, Worker::sleep_in_poll]);
    check_pair(Worker::new, sleep, call_twice, |_| ());
}
