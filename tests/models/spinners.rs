//! SUBMIT and PARK: `src/sched/spinners.rs`.
//!
//! The run queues are one counter here, whose updates order nothing, so that the counters and
//! barriers under test have to; the lists of idle processors and workers are those of
//! `src/sched/idle.rs`, and the steps of a worker those of `src/sched/find.rs`, without timers.
//! An item, once found, keeps its processor for ever, as a goroutine that computes does: so work
//! that nobody wakes a worker for is never done, and loom sees a deadlock.

#[path = "../../src/sched/spinners.rs"]
mod source;

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicUsize;
use loom::sync::{Arc, Mutex};
use loom::thread::{self, JoinHandle};

use crate::explore::check_up_to;
use crate::sys::sync::{AtomicU32, Ordering, wait_while, wake_all};
use source::Spinners;

/// A worker thread, as others see it.
struct Worker {
    /// Its own, or that of whoever took it from the idle list and has not yet given it a
    /// processor.
    spinning: UnsafeCell<bool>,
    given: AtomicU32,
}

/// Who has nothing to do.
#[derive(Default)]
struct Lists {
    procs: u32,
    workers: Vec<usize>,
}

struct World {
    spinners: Spinners,
    queue: AtomicUsize,
    lists: Mutex<Lists>,
    workers: Vec<Worker>,
}

// SAFETY: that the lists hand `spinning` on properly is part of what the models check.
unsafe impl Sync for World {}

/// How a worker begins.
#[derive(Clone, Copy)]
enum Begin {
    /// Looking for work.
    Spinning,
    /// Having looked, and found none.
    GivingUp,
    /// Idle.
    Asleep,
}

impl World {
    /// As many workers and processors as `begins`.
    fn new(begins: &[Begin]) -> Arc<World> {
        let world = World {
            spinners: Spinners::new(),
            queue: AtomicUsize::new(0),
            lists: Mutex::new(Lists::default()),
            workers: begins.iter().map(|_| Worker::new()).collect(),
        };
        for (number, begin) in begins.iter().enumerate() {
            match begin {
                Begin::Spinning | Begin::GivingUp => {
                    assert!(world.spinners.start_spinning(u32::MAX));
                    world.workers[number].set_spinning(true);
                }
                Begin::Asleep => world.put(number),
            }
        }
        // The words' first use is before they are shared.
        assert!(world.spinners.start_spinning(u32::MAX));
        world.spinners.stop_spinning();
        Arc::new(world)
    }

    /// Starts the threads of workers that each do so many items.
    fn start(world: &Arc<World>, begins: &[Begin], items: usize) -> Vec<JoinHandle<()>> {
        let start = |(number, begin): (usize, &Begin)| {
            let (world, begin) = (world.clone(), *begin);
            thread::spawn(move || {
                match begin {
                    Begin::Spinning => {}
                    Begin::GivingUp => world.give_up(number),
                    Begin::Asleep => world.sleep(number),
                }
                world.work(number, items);
            })
        };
        begins.iter().enumerate().map(start).collect()
    }

    /// SUBMIT.
    fn submit(&self) {
        self.queue.fetch_add(1, Ordering::Relaxed);
        self.wake_one();
    }

    /// `Sched::wake_one`.
    fn wake_one(&self) {
        if self.spinners.wanted() {
            self.start_spinner();
        }
    }

    /// `Idle::start_spinner`.
    fn start_spinner(&self) {
        let worker = {
            let mut lists = self.lists.lock().unwrap();
            if !self.pop_proc(&mut lists) {
                self.spinners.stop_spinning();
                return;
            }
            lists.workers.pop().expect("who gives a processor up is idle as well")
        };
        self.workers[worker].give_spinning();
    }

    fn pop_proc(&self, lists: &mut Lists) -> bool {
        if lists.procs == 0 {
            return false;
        }
        lists.procs -= 1;
        self.spinners.idle_less();
        true
    }

    fn take_item(&self) -> bool {
        let take = |items: usize| items.checked_sub(1);
        self.queue.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// `find_runnable`, for a worker that has a processor.
    fn work(&self, me: usize, items: usize) {
        let mut done = 0;
        while done < items {
            if self.take_item() || self.spin(me) {
                self.stop_spinning(me);
                done += 1;
            } else {
                self.give_up(me);
            }
        }
    }

    /// `find::spin`, for a worker that found nothing: looks again if it may.
    fn spin(&self, me: usize) -> bool {
        let worker = &self.workers[me];
        if !worker.is_spinning() {
            if !self.spinners.start_spinning(self.workers.len() as u32) {
                return false;
            }
            worker.set_spinning(true);
        }
        self.take_item()
    }

    /// `find::stop_spinning`.
    fn stop_spinning(&self, me: usize) {
        if self.workers[me].set_spinning(false) && self.spinners.found_work() {
            self.spinners.before_last_look();
            if self.queue.load(Ordering::Relaxed) != 0 {
                self.wake_one();
            }
        }
    }

    /// `find::give_up`.
    fn give_up(&self, me: usize) {
        let was_spinning = self.workers[me].set_spinning(false);
        self.put(me);
        if was_spinning {
            self.spinners.stop_spinning();
        }
        self.spinners.before_last_look();
        if self.queue.load(Ordering::Relaxed) != 0 && self.take_back(me) {
            let spinning = self.spinners.start_spinning(u32::MAX);
            self.workers[me].set_spinning(spinning);
        } else {
            self.sleep(me);
        }
    }

    /// `Idle::put`.
    fn put(&self, me: usize) {
        let mut lists = self.lists.lock().unwrap();
        lists.procs += 1;
        self.spinners.idle_more();
        lists.workers.push(me);
    }

    /// `Idle::take_back`.
    fn take_back(&self, me: usize) -> bool {
        let mut lists = self.lists.lock().unwrap();
        let Some(place) = lists.workers.iter().position(|&worker| worker == me) else {
            return false;
        };
        if !self.pop_proc(&mut lists) {
            return false;
        }
        lists.workers.swap_remove(place);
        true
    }

    /// `Idle::sleep`, until it is given a processor.
    fn sleep(&self, me: usize) {
        let given = &self.workers[me].given;
        // ORDERING: Acquire, pairs with the Release in `give_spinning`.
        while given.swap(0, Ordering::Acquire) == 0 {
            wait_while(given, 0);
        }
    }

    /// All items are done and every worker computes for ever: the counters are back where they
    /// began.
    fn assert_at_rest(&self) {
        assert_eq!(self.queue.load(Ordering::Relaxed), 0);
        assert_eq!(self.spinners.idle(), 0);
        self.spinners.idle_more();
        assert!(self.spinners.wanted(), "somebody counts as spinning who is not");
    }
}

impl Worker {
    fn new() -> Worker {
        let given = AtomicU32::new(0);
        given.load(Ordering::Relaxed); // its first use
        Worker { spinning: UnsafeCell::new(false), given }
    }

    fn is_spinning(&self) -> bool {
        // SAFETY: as for the type.
        self.spinning.with(|cell| unsafe { *cell })
    }

    fn set_spinning(&self, spinning: bool) -> bool {
        // SAFETY: as for the type.
        self.spinning.with_mut(|cell| unsafe { std::mem::replace(&mut *cell, spinning) })
    }

    /// `M::give`.
    fn give_spinning(&self) {
        self.set_spinning(true);
        // ORDERING: Release, pairs with the Acquire in `sleep`.
        self.given.swap(1, Ordering::Release);
        wake_all(&self.given);
    }
}

/// With two workers and two submitters there is much to explore: `preemptions` limits it.
fn check_world(
    preemptions: usize,
    begins: &'static [Begin],
    items: usize,
    submit: fn(&Arc<World>),
) {
    check_up_to(preemptions, move || {
        let world = World::new(begins);
        let workers = World::start(&world, begins, items);
        submit(&world);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        world.assert_at_rest();
    });
}

fn submit_twice_at_once(world: &Arc<World>) {
    let other = thread::spawn({
        let world = world.clone();
        move || world.submit()
    });
    world.submit();
    other.join().unwrap();
}

/// Somebody submits while the only worker gives up.
#[test]
fn work_comes_as_the_last_spinner_gives_up() {
    check_world(3, &[Begin::Spinning], 1, |world| world.submit());
}

/// Two items come while one worker looks: who finds the first wakes another for the second.
#[test]
fn who_finds_work_passes_the_search_on() {
    check_world(2, &[Begin::Spinning, Begin::Asleep], 1, |world| {
        world.submit();
        world.submit();
    });
}

#[test]
fn two_give_up_as_two_items_come() {
    check_world(2, &[Begin::GivingUp, Begin::GivingUp], 1, |world| {
        world.submit();
        world.submit();
    });
}

/// Two submitters, one of whom may find the processor gone that it meant to give away.
#[test]
fn two_submitters_and_a_spinner() {
    check_world(2, &[Begin::Spinning], 2, submit_twice_at_once);
}

#[test]
fn two_submitters_and_a_sleeper() {
    check_world(3, &[Begin::Asleep], 2, submit_twice_at_once);
}

#[test]
fn two_submitters_and_two_sleepers() {
    check_world(2, &[Begin::Asleep, Begin::Asleep], 1, submit_twice_at_once);
}
