//! Idle processors and idle threads, and how new work wakes them.
//!
//! The protocol is in `spinners.rs`; here are the lists it speaks of.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::SCHED;
use super::m::{self, M};
use super::p::{self, MAX_PROCS, P};
use super::timers::NEVER;
use crate::sys::{barrier, clock};

/// Under one lock: who has nothing to do.
pub(crate) struct Idle {
    lists: Mutex<Lists>,
    /// When the timekeeper wakes; [`NEVER`] while it sleeps without a limit or there is none.
    keeper_ns: AtomicU64,
    /// All have nothing to do: sysmon sleeps.
    pub(super) all_idle: AtomicBool,
}

struct Lists {
    ps: Vec<&'static P>,
    ms: Vec<&'static M>,
    /// The idle worker that wakes for the earliest timer.
    keeper: Option<&'static M>,
}

impl Idle {
    pub(super) const fn new() -> Idle {
        Idle {
            lists: Mutex::new(Lists { ps: Vec::new(), ms: Vec::new(), keeper: None }),
            keeper_ns: AtomicU64::new(NEVER),
            all_idle: AtomicBool::new(false),
        }
    }

    /// Makes `n` processors take part: makes missing ones, calls retired ones back, and takes
    /// idle ones above out. Those above that run retire when they next schedule.
    pub(super) fn set_procs(&self, n: usize) {
        debug_assert!((1..=MAX_PROCS).contains(&n));
        let mut lists = self.lists.lock();
        SCHED.procs.store(n as u32, Ordering::Relaxed);
        for p in p::all().take(n).filter(|p| p.retired.get()) {
            p.retired.set(false);
            lists.push_p(p);
        }
        while p::count() < n {
            lists.push_p(P::make());
        }
        lists.ps.retain(|p| {
            let keep = (p.id as usize) < n;
            if !keep {
                p.retired.set(true);
                SCHED.spinners.idle_less();
            }
            keep
        });
    }

    /// An idle processor.
    pub(super) fn take_p(&self) -> Option<&'static P> {
        self.lists.lock().pop_p()
    }

    /// A processor becomes idle, or retires if its number is too high now.
    pub(super) fn put_p(&self, p: &'static P) {
        self.lists.lock().put_p(p);
    }

    /// SUBMIT's slow path: gives an idle processor to an idle or new worker, which begins
    /// spinning. The caller counted it among the spinning ones.
    #[cold]
    pub(super) fn start_spinner(&self) {
        let (p, m) = {
            let mut lists = self.lists.lock();
            let Some(p) = lists.pop_p() else {
                drop(lists);
                SCHED.spinners.stop_spinning();
                return;
            };
            (p, lists.pop_m())
        };
        self.run(p, m, true);
    }

    /// Finds a worker for a processor that has work.
    pub(super) fn hand_off(&self, p: &'static P) {
        let m = self.lists.lock().pop_m();
        self.run(p, m, false);
    }

    fn run(&self, p: &'static P, m: Option<&'static M>, spinning: bool) {
        if self.all_idle.load(Ordering::Relaxed) {
            super::sysmon::wake();
        }
        match m {
            Some(m) => m.give(p, spinning),
            None if m::start(p, spinning) => {}
            None => {
                // No thread is to be had: the processor stays idle until one is free.
                if spinning {
                    SCHED.spinners.stop_spinning();
                }
                self.put_p(p);
            }
        }
    }

    /// The worker has no processor: sleeps until it gets one. It is outside meanwhile.
    ///
    /// One of the idle workers, the timekeeper, wakes for the earliest timer of all.
    pub(super) fn sleep(&self, m: &'static M) -> &'static P {
        self.lists.lock().ms.push(m);
        loop {
            let timeout = self.keep_time(m);
            let given = match timeout {
                Some(Duration::ZERO) => m.take_given(),
                _ => m.sleep(timeout),
            };
            let mut lists = self.lists.lock();
            let given = given.or_else(|| m.take_given());
            if let Some(p) = given {
                self.resign(&mut lists, m);
                return p;
            }
            // Poked, timed out, or woken for nothing. A due timer is worth a processor.
            if next_timer_ns() <= clock::monotonic_ns()
                && let Some(at) = lists.ms.iter().position(|&idle| std::ptr::eq(idle, m))
                && let Some(p) = lists.pop_p()
            {
                lists.ms.swap_remove(at);
                self.resign(&mut lists, m);
                return p;
            }
        }
    }

    /// How long the worker may sleep: the timekeeper until the earliest timer, others for ever.
    fn keep_time(&self, m: &'static M) -> Option<Duration> {
        let mut lists = self.lists.lock();
        if lists.keeper.is_some_and(|keeper| !std::ptr::eq(keeper, m)) {
            return None;
        }
        lists.keeper = Some(m);
        loop {
            let next = next_timer_ns();
            self.keeper_ns.store(next, Ordering::Relaxed);
            // Pairs with the light barrier in `timer_added`: an earlier timer added meanwhile is
            // seen here, or its adder sees our time and pokes us.
            barrier::heavy();
            if next_timer_ns() >= next {
                break (next != NEVER).then(|| {
                    let left = next.saturating_sub(clock::monotonic_ns());
                    // With every processor busy their owners fire the timers; look again then.
                    let busy = left == 0 && lists.ps.is_empty();
                    Duration::from_nanos(if busy { 1_000_000 } else { left })
                });
            }
        }
    }

    fn resign(&self, lists: &mut Lists, m: &'static M) {
        if lists.keeper.is_some_and(|keeper| std::ptr::eq(keeper, m)) {
            lists.keeper = None;
            self.keeper_ns.store(NEVER, Ordering::Relaxed);
            // Another idle worker takes over.
            if let Some(&heir) = lists.ms.last()
                && next_timer_ns() != NEVER
            {
                heir.poke();
            }
        }
    }

    /// A timer for `when_ns` was added: sees to it that an idle worker keeps its time, should the
    /// processor that holds it be busy then.
    #[inline]
    pub(super) fn timer_added(&self, when_ns: u64) {
        barrier::light();
        if SCHED.spinners.idle() != 0 && when_ns < self.keeper_ns.load(Ordering::Relaxed) {
            self.call_keeper();
        }
    }

    #[cold]
    fn call_keeper(&self) {
        let lists = self.lists.lock();
        if let Some(m) = lists.keeper.or_else(|| lists.ms.last().copied()) {
            m.poke();
        }
    }
}

fn next_timer_ns() -> u64 {
    p::all().map(|p| p.shared.timers.next_ns()).min().unwrap_or(NEVER)
}

impl Lists {
    fn push_p(&mut self, p: &'static P) {
        self.ps.push(p);
        SCHED.spinners.idle_more();
    }

    fn put_p(&mut self, p: &'static P) {
        if p.id < SCHED.procs.load(Ordering::Relaxed) {
            self.push_p(p);
        } else {
            p.retired.set(true);
        }
    }

    fn pop_p(&mut self) -> Option<&'static P> {
        let p = self.ps.pop()?;
        SCHED.spinners.idle_less();
        Some(p)
    }

    /// The worker that fell asleep last, and the timekeeper only if there is no other.
    fn pop_m(&mut self) -> Option<&'static M> {
        let last = self.ms.len().checked_sub(1)?;
        let is_keeper = self.keeper.is_some_and(|keeper| std::ptr::eq(keeper, self.ms[last]));
        Some(self.ms.swap_remove(if is_keeper { 0 } else { last }))
    }
}
