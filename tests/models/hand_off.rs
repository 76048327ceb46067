//! GIVE, TAKE and SLOW: `src/sched/door.rs`, and the steps of `src/sched/hand_off.rs` in their order.

#[path = "../../src/sched/door.rs"]
#[allow(dead_code, clippy::duplicate_mod, reason = "`door.rs` has the rest; mutants stand alone")]
mod source;

use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use crate::explore::{check_pair, check_up_to};
use source::Door;

/// A worker with a goroutine in user code, one processor, and the list of idle processors.
struct Machine {
    door: Door,
    /// The worker's word for the processor: 1, it has it.
    p: AtomicU32,
    idle: Mutex<bool>,
    /// What belongs to whoever has the processor.
    queue: UnsafeCell<u32>,
}

// SAFETY: that the processor has one owner is what the models check.
unsafe impl Sync for Machine {}

impl Machine {
    fn new() -> Machine {
        let machine = Machine {
            door: Door::new(),
            p: AtomicU32::new(1),
            idle: Mutex::new(false),
            queue: UnsafeCell::new(0),
        };
        // The first use of the door's words is before they are shared.
        assert!(!machine.door.enter());
        machine.door.leave();
        machine
    }

    /// The owner of the processor works with it.
    fn work(&self) {
        // SAFETY: as for the type.
        self.queue.with_mut(|queue| unsafe { *queue += 1 });
    }

    fn worked(&self) -> u32 {
        // SAFETY: as for the type.
        self.queue.with(|queue| unsafe { *queue })
    }

    /// ENTER of the worker, and SLOW where it is due.
    fn enter(&self) {
        let taken = self.door.enter();
        assert_eq!(self.p.load(Ordering::Relaxed), u32::from(!taken));
        if taken {
            self.door.come_back();
            while !std::mem::replace(&mut *self.idle.lock().unwrap(), false) {
                // In its queue, outside, where nobody can take anything from it.
                self.door.leave();
                thread::yield_now();
                assert!(!self.door.enter());
            }
            self.p.store(1, Ordering::Relaxed);
        }
    }

    fn visit_runtime(&self) {
        self.enter();
        self.work();
        self.door.leave();
    }

    /// A call that may block: GIVE, the call, and back.
    fn call(&self) {
        self.enter();
        self.p.store(0, Ordering::Relaxed);
        self.door.give_away();
        self.door.leave();
        *self.idle.lock().unwrap() = true;
        self.visit_runtime();
    }

    /// sysmon's TAKE, and the work of whoever gets the processor.
    fn take(&self) {
        let taken = self.door.take(|| {
            if self.p.load(Ordering::Relaxed) == 0 {
                return false;
            }
            self.work();
            self.p.store(0, Ordering::Relaxed);
            true
        });
        if taken {
            self.work();
            *self.idle.lock().unwrap() = true;
        }
    }

    /// A trace's cut, for which everybody is kept out.
    fn cut(&self) {
        source::shut_all([&self.door].into_iter());
        if self.p.load(Ordering::Relaxed) == 1 {
            self.work();
        }
        self.door.release();
    }
}

fn visit_twice(machine: &Machine) {
    machine.visit_runtime();
    machine.visit_runtime();
}

#[test]
fn a_processor_has_one_owner() {
    let finish = |machine: &Machine| assert!([2, 4].contains(&machine.worked()));
    check_pair(Machine::new, visit_twice, Machine::take, finish);
}

#[test]
fn a_call_gives_the_processor_and_gets_it_back() {
    let finish = |machine: &Machine| assert!([1, 3].contains(&machine.worked()));
    check_pair(Machine::new, Machine::call, Machine::take, finish);
}

/// What a cut finds taken is taken after it.
#[test]
fn a_cut_beside_a_call() {
    let finish = |machine: &Machine| assert!([1, 2].contains(&machine.worked()));
    check_pair(Machine::new, Machine::call, Machine::cut, finish);
}

/// Probers one after the other, as the lock of the list of workers has it.
#[test]
fn a_cut_after_a_take() {
    let probe = |machine: &Machine| {
        machine.take();
        machine.cut();
    };
    let finish = |machine: &Machine| assert!((1..=4).contains(&machine.worked()));
    check_pair(Machine::new, Machine::visit_runtime, probe, finish);
}

/// The processor goes through the hands of another worker meanwhile.
#[test]
fn the_idle_list_hands_it_on() {
    check_up_to(2, || {
        let machine = loom::sync::Arc::new(Machine::new());
        let [worker, other] = [(); 2].map(|()| machine.clone());
        let worker = thread::spawn(move || worker.call());
        let other = thread::spawn(move || {
            if std::mem::replace(&mut *other.idle.lock().unwrap(), false) {
                other.work();
                *other.idle.lock().unwrap() = true;
            }
        });
        worker.join().unwrap();
        other.join().unwrap();
        assert!([1, 2].contains(&machine.worked()));
    });
}
