//! The watcher: who readies a goroutine into an empty `runnext` wakes nobody if an idle worker
//! watches (`src/sched/idle.rs`).
//!
//! The counters are those of `src/sched/spinners.rs`; the steps of `src/sched/idle.rs` and
//! `src/sched/find.rs` are imitated, without the looks that a watcher takes now and then: the
//! model asks, once everybody computes or sleeps, that a goroutine left in a `runnext` beside an
//! idle processor is watched. One processor computes for ever, so a watcher never ceases because
//! all are idle. Spinning workers lack the patience for a `runnext`, unless it made them stay.

#[path = "../../src/sched/spinners.rs"]
#[allow(
    dead_code,
    clippy::duplicate_mod,
    reason = "`spinners.rs` has the rest; mutants stand alone"
)]
mod source;

use std::sync::{Arc, Mutex as PlainMutex};

use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use loom::thread::{self, JoinHandle};

use crate::explore::check_up_to;
use crate::sys::sync::{Ordering, light_barrier};
use source::Spinners;

const AWAKE: usize = 0;
const ASLEEP: usize = 1;
const GIVEN: usize = 2;

struct Worker {
    spinning: UnsafeCell<bool>,
    state: AtomicUsize,
}

#[derive(Default)]
struct Lists {
    procs: u32,
    workers: Vec<usize>,
    keeper: Option<usize>,
}

struct World {
    spinners: Spinners,
    queue: AtomicUsize,
    /// Goroutines in the `runnext` of the busy processor: at most one.
    next: AtomicUsize,
    watching: AtomicBool,
    lists: Mutex<Lists>,
    workers: Vec<Worker>,
    /// The threads that run. Not loom's, so that starting them orders nothing more.
    threads: PlainMutex<Vec<JoinHandle<()>>>,
}

// SAFETY: that the lists hand `spinning` on properly is checked in `spinners.rs`.
unsafe impl Sync for World {}
// SAFETY: as above.
unsafe impl Send for World {}

impl World {
    /// So many workers, all spinning, each with a processor.
    fn new(workers: usize) -> Arc<World> {
        let spinners = Spinners::new();
        let workers = (0..workers).map(|_| {
            assert!(spinners.start_spinning(u32::MAX));
            Worker { spinning: UnsafeCell::new(true), state: AtomicUsize::new(AWAKE) }
        });
        let workers = workers.collect();
        Arc::new(World {
            spinners,
            queue: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            watching: AtomicBool::new(false),
            lists: Mutex::new(Lists::default()),
            workers,
            threads: PlainMutex::default(),
        })
    }

    fn start(self: Arc<World>, run: impl FnOnce(&Arc<World>) + 'static) {
        let world = self.clone();
        let thread = thread::spawn(move || run(&world));
        self.threads.lock().unwrap().push(thread);
    }

    /// Waits until everybody computes or sleeps, and looks whether all is well.
    fn finish(&self) {
        loop {
            let thread = self.threads.lock().unwrap().pop();
            let Some(thread) = thread else { break };
            thread.join().unwrap();
        }
        let lists = self.lists.lock().unwrap();
        assert_eq!(self.spinners.idle(), lists.procs);
        if lists.procs != 0 {
            assert_eq!(self.queue.load(Ordering::Relaxed), 0, "work and an idle processor");
            let watcher = lists.keeper.filter(|_| self.watching.load(Ordering::Relaxed));
            let watched = watcher.is_some_and(|keeper| lists.workers.contains(&keeper));
            assert!(watched || self.next.load(Ordering::Relaxed) == 0, "nobody watches");
        }
    }

    /// `Sched::run_woken` by a goroutine that computes on, on a processor with a record.
    fn ready(self: &Arc<World>) {
        self.next.swap(1, Ordering::Relaxed);
        light_barrier();
        if self.spinners.idle() == 0 || self.watching.load(Ordering::Relaxed) {
            return;
        }
        self.wake_one();
    }

    /// A submission to the common queue.
    fn submit(self: &Arc<World>) {
        self.queue.fetch_add(1, Ordering::Relaxed);
        self.wake_one();
    }

    fn wake_one(self: &Arc<World>) {
        if self.spinners.wanted() {
            self.start_spinner();
        }
    }

    /// `Idle::start_spinner`.
    fn start_spinner(self: &Arc<World>) {
        let worker = {
            let mut lists = self.lists.lock().unwrap();
            if lists.procs == 0 {
                self.spinners.stop_spinning();
                return;
            }
            self.pop_proc(&mut lists);
            lists.pop_worker()
        };
        self.set_spinning(worker, true);
        // ORDERING: AcqRel, pairs with the one in `sleep`.
        if self.workers[worker].state.fetch_or(GIVEN, Ordering::AcqRel) & ASLEEP != 0 {
            self.clone().start(move |world| world.wake_up(worker));
        }
    }

    fn pop_proc(&self, lists: &mut Lists) {
        lists.procs -= 1;
        self.spinners.idle_less();
    }

    fn set_spinning(&self, me: usize, spinning: bool) -> bool {
        // SAFETY: as for the type.
        self.workers[me]
            .spinning
            .with_mut(|cell| unsafe { std::mem::replace(&mut *cell, spinning) })
    }

    fn is_spinning(&self, me: usize) -> bool {
        // SAFETY: as for the type.
        self.workers[me].spinning.with(|cell| unsafe { *cell })
    }

    /// `find_runnable`, for a worker with a processor. Returns when it computes or sleeps.
    fn look_for_work(self: &Arc<World>, me: usize) {
        let take = |items: usize| items.checked_sub(1);
        let update = |queue: &AtomicUsize| {
            queue.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
        };
        if update(&self.queue) {
            return self.compute(me);
        }
        while self.give_up(me) {
            if update(&self.queue) || update(&self.next) {
                return self.compute(me);
            }
        }
    }

    /// `find::stop_spinning`, and a goroutine that computes for ever.
    fn compute(self: &Arc<World>, me: usize) {
        if self.set_spinning(me, false) && self.spinners.stop_spinning() {
            self.wake_one();
        }
    }

    /// `find::give_up`. True: there is work.
    fn give_up(self: &Arc<World>, me: usize) -> bool {
        let was_spinning = self.set_spinning(me, false);
        self.put(me);
        if was_spinning {
            self.spinners.stop_spinning();
        }
        self.spinners.before_last_look();
        let and_next = !self.watching.load(Ordering::Relaxed);
        let is_work = self.queue.load(Ordering::Relaxed) != 0
            || and_next && self.next.load(Ordering::Relaxed) != 0;
        if is_work && self.take_back(me) {
            let spinning = self.spinners.start_spinning(u32::MAX);
            self.set_spinning(me, spinning);
            return true;
        }
        self.sleep(me);
        false
    }

    /// `Idle::put`.
    fn put(&self, me: usize) {
        let mut lists = self.lists.lock().unwrap();
        lists.procs += 1;
        self.spinners.idle_more();
        lists.workers.push(me);
        self.appoint(&mut lists, me);
    }

    /// `Idle::appoint`, where one processor is always busy.
    fn appoint(&self, lists: &mut Lists, me: usize) {
        let watching = self.watching.load(Ordering::Relaxed);
        if lists.keeper.is_none() || !watching {
            lists.keeper = Some(me);
        }
        if lists.keeper == Some(me) && !watching {
            self.watching.store(true, Ordering::Relaxed);
        }
    }

    /// `Idle::take_back`, and what the keeper does when a timer is due.
    fn take_back(&self, me: usize) -> bool {
        let mut lists = self.lists.lock().unwrap();
        self.take_out(&mut lists, me) && {
            self.resign(&mut lists, me);
            true
        }
    }

    fn take_out(&self, lists: &mut Lists, me: usize) -> bool {
        let Some(place) = lists.workers.iter().position(|&worker| worker == me) else {
            return false;
        };
        if lists.procs == 0 {
            return false;
        }
        lists.workers.swap_remove(place);
        self.pop_proc(lists);
        true
    }

    /// `Idle::resign`.
    fn resign(&self, lists: &mut Lists, me: usize) -> bool {
        if lists.keeper != Some(me) {
            return false;
        }
        lists.keeper = None;
        self.watching.swap(false, Ordering::Relaxed)
    }

    /// `Idle::sleep`: the thread ends here, and whoever gives it a processor starts it again.
    fn sleep(self: &Arc<World>, me: usize) {
        self.appoint(&mut self.lists.lock().unwrap(), me);
        // ORDERING: AcqRel, pairs with the one in `start_spinner`.
        if self.workers[me].state.fetch_or(ASLEEP, Ordering::AcqRel) & GIVEN != 0 {
            self.wake_up(me);
        }
    }

    /// The rest of `Idle::sleep`, with a processor that the worker was given.
    fn wake_up(self: &Arc<World>, me: usize) {
        self.workers[me].state.swap(AWAKE, Ordering::Relaxed);
        let watched = self.resign(&mut self.lists.lock().unwrap(), me);
        self.end_watch(me, watched);
        self.look_for_work(me);
    }

    /// The rest of `Idle::sleep` for a sleeper that has something to do, such as a due timer, whose
    /// goroutine then computes.
    fn wake_for_timer(self: &Arc<World>, me: usize) {
        let watched = {
            let mut lists = self.lists.lock().unwrap();
            if !self.take_out(&mut lists, me) {
                return;
            }
            self.resign(&mut lists, me)
        };
        self.end_watch(me, watched);
        self.compute(me);
    }

    fn end_watch(self: &Arc<World>, me: usize, watched: bool) {
        if watched && !self.is_spinning(me) {
            self.wake_one();
        }
    }
}

impl Lists {
    /// The keeper only if there is no other.
    fn pop_worker(&mut self) -> usize {
        let last = self.workers.len() - 1;
        let last = if self.keeper == Some(self.workers[last]) { 0 } else { last };
        self.workers.swap_remove(last)
    }
}

/// `asleep` workers sleep, the first of them watching. One more gives up if `gives_up`, and
/// `beside` goes on, while `first` is done and then a goroutine readied.
fn check_watch(
    asleep: usize,
    gives_up: bool,
    first: Option<fn(&Arc<World>)>,
    beside: Option<fn(&Arc<World>)>,
) {
    check_up_to(2, move || {
        let world = World::new(asleep + usize::from(gives_up));
        for sleeper in 0..asleep {
            assert!(!world.give_up(sleeper));
        }
        if gives_up {
            world.clone().start(move |world| world.look_for_work(asleep));
        }
        if let Some(beside) = beside {
            world.clone().start(beside);
        }
        if let Some(first) = first {
            first(&world);
        }
        world.ready();
        world.finish();
    });
}

fn wake_watcher(world: &Arc<World>) {
    world.wake_for_timer(0);
}

#[test]
fn readied_as_the_last_spinner_gives_up() {
    check_watch(0, true, None, None);
}

#[test]
fn readied_as_the_watcher_is_given_work() {
    check_watch(1, false, None, Some(World::submit));
}

#[test]
fn readied_as_the_watcher_leaves_by_itself() {
    check_watch(2, false, None, Some(wake_watcher));
}

#[test]
fn readied_as_one_gives_up_and_the_watcher_leaves() {
    check_watch(1, true, None, Some(wake_watcher));
}

#[test]
fn readied_after_work_as_one_gives_up() {
    check_watch(1, true, Some(World::submit), None);
}

/// All were idle before, so the keeper does not watch.
#[test]
fn readied_while_nobody_watches() {
    let cease = |world: &Arc<World>| world.watching.store(false, Ordering::Relaxed);
    check_watch(1, false, Some(cease), None);
    check_watch(2, false, Some(cease), Some(wake_watcher));
}
