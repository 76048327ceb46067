//! ENTER, LEAVE, PROBE, RELEASE: `src/sched/door.rs`.

#[path = "../../src/sched/door.rs"]
#[allow(
    dead_code,
    clippy::duplicate_mod,
    reason = "`hand_off.rs` has the rest; mutants stand alone"
)]
mod source;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::explore::{check, check_pair};
use crate::sys::sync::set_early_returns;
use source::{Door, shut_all};

/// A worker thread: its door, and what the door guards, which loom watches for races.
struct Worker {
    door: Door,
    trace: UnsafeCell<u32>,
}

// SAFETY: that the door guards the cell is what the models check.
unsafe impl Sync for Worker {}

impl Worker {
    fn new() -> Worker {
        let worker = Worker { door: Door::new(), trace: UnsafeCell::new(0) };
        // The first use of the door's words is before they are shared.
        assert!(!worker.door.enter());
        worker.door.leave();
        worker
    }

    /// Inside, or by the holder: adds to what was there, so that a lost sight of it shows.
    fn write(&self, amount: u32) {
        // SAFETY: as for the type.
        self.trace.with_mut(|trace| unsafe { *trace += amount });
    }

    fn read(&self) -> u32 {
        // SAFETY: as for the type.
        self.trace.with(|trace| unsafe { *trace })
    }

    fn visit_runtime(&self) {
        assert!(!self.door.enter());
        self.write(1);
        self.door.leave();
    }

    fn be_held(&self) {
        shut_all([&self.door].into_iter());
        self.write(10);
        self.door.release();
    }
}

fn visit_twice(worker: &Worker) {
    worker.visit_runtime();
    worker.visit_runtime();
}

#[test]
fn holder_and_owner_exclude_each_other() {
    let finish = |worker: &Worker| assert_eq!(worker.read(), 12);
    check_pair(Worker::new, visit_twice, Worker::be_held, finish);
}

#[test]
fn a_waiting_owner_is_woken_early() {
    let make = || {
        set_early_returns(1);
        Worker::new()
    };
    let finish = |worker: &Worker| assert_eq!(worker.read(), 12);
    check_pair(make, visit_twice, Worker::be_held, finish);
}

#[test]
fn one_holder_after_another() {
    let hold_twice = |worker: &Worker| {
        worker.be_held();
        worker.be_held();
    };
    let finish = |worker: &Worker| assert_eq!(worker.read(), 21);
    check_pair(Worker::new, Worker::visit_runtime, hold_twice, finish);
}

/// The owner stays inside until the holder has been there.
#[test]
fn a_long_stay_steps_aside() {
    let stay = |worker: &Worker| {
        assert!(!worker.door.enter());
        worker.write(1);
        while worker.read() < 11 {
            thread::yield_now();
            worker.door.step_aside();
            assert!(worker.door.is_inside());
        }
        worker.write(1);
        worker.door.leave();
    };
    let finish = |worker: &Worker| assert_eq!(worker.read(), 12);
    check_pair(Worker::new, stay, Worker::be_held, finish);
}

#[test]
fn one_holder_shuts_two_doors() {
    check(|| {
        let workers = [Worker::new(), Worker::new()].map(Arc::new);
        let owners = workers.clone().map(|worker| thread::spawn(move || worker.visit_runtime()));
        shut_all(workers.iter().map(|worker| &worker.door));
        workers.iter().for_each(|worker| worker.write(10));
        workers.iter().for_each(|worker| worker.door.release());
        owners.into_iter().for_each(|owner| owner.join().unwrap());
        assert!(workers.iter().all(|worker| worker.read() == 11));
    });
}
