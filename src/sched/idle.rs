//! Idle processors and idle threads, and how new work wakes them.
//!
//! The protocol is in `spinners.rs`; here are the lists it speaks of.
//!
//! A goroutine that is readied into an empty `runnext` mostly runs there a moment later, when its
//! waker blocks. A thread woken for it would cost some microseconds and find nothing. So where the
//! waker's processor has a record of running what it readies, nobody is woken, and an idle worker
//! that *watches* looks after a while whether the goroutine got stuck behind one that computes. The
//! same holds for short queues that their processor keeps (`find.rs`).

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::find::{self, RUNNEXT_PATIENCE_NS};
use super::glist::GList;
use super::m::{self, M};
use super::p::{self, MAX_PROCS, P};
use super::timers::NEVER;
use super::{Inside, SCHED, netpoll};
use crate::sys::epoll::Events;
use crate::sys::{barrier, clock};

/// How long the watcher sleeps before its first look at the `runnext` slots...
const WATCH: Duration = Duration::from_micros(50);
/// ...and how long in the end, doubled after every look that found nothing.
const WATCH_MAX: Duration = Duration::from_micros(500);

/// Under one lock: who has nothing to do.
pub(crate) struct Idle {
    lists: Mutex<Lists>,
    /// When the keeper wakes; [`NEVER`] while it knows of no timer or there is none.
    keeper_ns: AtomicU64,
    /// How long the watcher sleeps between looks.
    patience_ns: AtomicU64,
    /// The keeper also looks after the `runnext` slots of busy processors.
    watching: AtomicBool,
    /// All have nothing to do: sysmon sleeps.
    pub(super) all_idle: AtomicBool,
}

/// How an idle worker sleeps.
struct Rest {
    timeout: Option<Duration>,
    in_poll: bool,
}

struct Lists {
    ps: Vec<&'static P>,
    ms: Vec<&'static M>,
    /// The idle worker that wakes for the earliest timer, and watches.
    keeper: Option<&'static M>,
    /// The worker that sleeps in the poll of the network: the keeper, or one that was.
    poller: Option<&'static M>,
    /// Why a thread could not be started that was wanted.
    no_thread: Option<String>,
}

impl Idle {
    pub(super) const fn new() -> Idle {
        Idle {
            lists: Mutex::new(Lists {
                ps: Vec::new(),
                ms: Vec::new(),
                keeper: None,
                poller: None,
                no_thread: None,
            }),
            keeper_ns: AtomicU64::new(NEVER),
            patience_ns: AtomicU64::new(WATCH.as_nanos() as u64),
            watching: AtomicBool::new(false),
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
                p.retire();
                SCHED.spinners.idle_less();
            }
            keep
        });
    }

    /// A worker becomes idle, with the processor that it gives up, if it has one. From here on
    /// both may be given work; the worker goes on to [`Idle::take_back`] or [`Idle::sleep`].
    pub(super) fn put(&self, m: &'static M, p: Option<&'static P>) {
        let mut lists = self.lists.lock();
        if let Some(p) = p {
            lists.put_p(p);
        }
        lists.ms.push(m);
        if lists.is_unpolled() {
            lists.keeper = Some(m);
        }
        self.appoint(&mut lists, m);
    }

    /// An idle worker that has seen work gets a processor, if there is one still. Otherwise it
    /// stays idle, or has been given one already and will see by [`Idle::sleep`].
    pub(super) fn take_back(&self, m: &'static M) -> Option<&'static P> {
        let mut lists = self.lists.lock();
        let p = lists.take_out(m)?;
        self.resign(&mut lists, m);
        drop(lists);
        self.not_all_idle();
        Some(p)
    }

    /// SUBMIT's slow path: gives an idle processor to an idle or new worker, which begins
    /// spinning. The caller counted it among the spinning ones.
    #[cold]
    pub(super) fn start_spinner(&self) {
        let (p, m) = {
            let mut lists = self.lists.lock();
            let Some(p) = lists.pop_p() else {
                // Under the lock: who sees a processor become idle after this must not see the
                // caller still counted, or it would leave its work to a spinner that is none.
                SCHED.spinners.stop_spinning();
                return;
            };
            (p, lists.pop_m())
        };
        self.run(p, m, true);
    }

    /// Sees to it that there is a worker at all; the others follow as there is work.
    pub(super) fn start_first(&self) -> io::Result<()> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _one = ONE_AT_A_TIME.lock();
        if m::count() > 0 {
            return Ok(());
        }
        let Some(p) = self.lists.lock().pop_p() else { return Ok(()) };
        m::start(p, false).inspect_err(|_| self.lists.lock().put_p(p))
    }

    /// Finds a worker for a processor that has work.
    pub(super) fn hand_off(&self, p: &'static P) {
        let m = self.lists.lock().pop_m();
        self.run(p, m, false);
    }

    /// An idle processor for a worker that has a goroutine to run.
    pub(super) fn take(&self) -> Option<&'static P> {
        let p = self.lists.lock().pop_p()?;
        self.not_all_idle();
        Some(p)
    }

    /// The thread of processor `p` has given it away, or it was taken: another runs it if there is
    /// something to run, or becomes idle with it.
    pub(super) fn hand_over(&self, p: &'static P) {
        if p.has_work() || !SCHED.injector.is_empty() || next_timer_ns() <= clock::monotonic_ns() {
            return self.hand_off(p);
        }
        let unpolled = {
            let mut lists = self.lists.lock();
            if lists.ms.is_empty() {
                // Somebody must sleep until the next timer, or poll the network.
                drop(lists);
                return self.hand_off(p);
            }
            lists.put_p(p);
            lists.is_unpolled()
        };
        // PARK's last look, also at timers: their starters call nobody while no processor is idle.
        barrier::heavy();
        if unpolled || next_timer_ns() < self.keeper_ns.load(Ordering::Relaxed) {
            self.call_keeper();
        }
        if find::is_work_anywhere(true) {
            SCHED.wake_one();
        }
    }

    /// A processor is about to be used: sysmon must not sleep.
    fn not_all_idle(&self) {
        // Pairs with the heavy barrier in sysmon's `sleep_while_idle`: it sees that a processor
        // was taken, or is seen to sleep.
        barrier::light();
        if self.all_idle.load(Ordering::Relaxed) {
            super::sysmon::wake();
        }
    }

    fn run(&self, p: &'static P, m: Option<&'static M>, spinning: bool) {
        self.not_all_idle();
        match m {
            Some(m) => m.give(p, spinning),
            None => {
                if let Err(error) = m::start(p, spinning) {
                    self.no_thread(p, spinning, &error);
                }
            }
        }
    }

    /// No thread is to be had: the processor stays idle, perhaps beside work. sysmon tries again.
    #[cold]
    fn no_thread(&self, p: &'static P, spinning: bool, error: &io::Error) {
        let mut lists = self.lists.lock();
        if spinning {
            SCHED.spinners.stop_spinning();
        }
        lists.put_p(p);
        lists.no_thread = Some(error.to_string());
    }

    /// Starts the thread that could not be started before, if it is still wanted; for sysmon.
    /// Returns why it could not.
    pub(super) fn try_again(&self) -> Option<String> {
        let why = self.lists.lock().no_thread.take()?;
        SCHED.wake_one();
        self.call_keeper();
        Some(why)
    }

    /// Whether [`Idle::try_again`] has something to try.
    pub(super) fn lacks_thread(&self) -> bool {
        self.lists.lock().no_thread.is_some()
    }

    /// An idle worker sleeps until it gets a processor. It comes from outside and is inside then,
    /// with goroutines whose sockets are ready, for it to ready.
    ///
    /// One of the idle workers, the keeper, wakes for the earliest timer of all and for the network,
    /// and while others are busy, now and then to look after their `runnext` slots.
    pub(super) fn sleep(&self, m: &'static M) -> (&'static P, GList) {
        loop {
            let patience = Duration::from_nanos(self.patience_ns.load(Ordering::Relaxed));
            let rest = self.keep_time(m, patience);
            let mut events = Events::new();
            let given = match rest.timeout {
                Some(Duration::ZERO) => m.take_given(),
                timeout if rest.in_poll => {
                    m.sleep_in_poll(timeout, &mut events);
                    m.take_given()
                }
                timeout => m.sleep(timeout),
            };
            let is_news = given.is_some() || !events.is_empty();
            let stuck = !is_news && self.is_watcher(m) && self.is_work_stuck();
            m.enter_idle();
            let rt = Inside::already(m);
            let found = netpoll::deliver(&rt, &events);
            if let Some(p) = self.get_up(m, rest.in_poll, given, stuck || found.len() != 0) {
                std::mem::forget(rt);
                return (p, found);
            }
            // Every processor is busy.
            netpoll::ready(&rt, found);
            drop(rt);
        }
    }

    /// The worker has slept. Returns the processor that it was given, or that it takes since there
    /// is work.
    fn get_up(
        &self,
        m: &'static M,
        from_poll: bool,
        given: Option<&'static P>,
        is_work: bool,
    ) -> Option<&'static P> {
        let mut lists = self.lists.lock();
        if from_poll {
            lists.poller = None;
        }
        let given = given.or_else(|| m.take_given());
        // Poked, timed out, or woken for nothing. A due timer is worth a processor, too.
        let wanted = is_work || next_timer_ns() <= clock::monotonic_ns();
        let own = || if wanted { lists.take_out(m) } else { None };
        let p = given.or_else(own)?;
        let watched = self.resign(&mut lists, m);
        drop(lists);
        self.not_all_idle();
        if watched && !m.spinning.get() {
            // Nobody watches any more: a spinning worker looks, and then watches.
            SCHED.wake_one();
        }
        Some(p)
    }

    /// How the worker may sleep: the keeper until the earliest timer, in the poll of the network,
    /// and at most for `patience` while it watches; others for ever.
    fn keep_time(&self, m: &'static M, patience: Duration) -> Rest {
        m.owes_keeper.set(false);
        let mut lists = self.lists.lock();
        self.appoint(&mut lists, m);
        if !lists.is_keeper(m) {
            // Timers added while no processor was idle are news to the keeper.
            if next_timer_ns() < self.keeper_ns.load(Ordering::Relaxed) {
                lists.keeper.inspect(|keeper| keeper.poke());
            }
            return Rest { timeout: None, in_poll: false };
        }
        let timer = self.until_next_timer(&lists);
        let watching = self.watching.load(Ordering::Relaxed);
        let timeout = [timer, watching.then_some(patience)].into_iter().flatten().min();
        // To wake it for what others are about to find anyway would cost them time, and so would
        // events that no processor is free for: busy ones look for themselves now and then.
        let in_poll = lists.is_unpolled()
            && !lists.ps.is_empty()
            && timeout != Some(Duration::ZERO)
            && !(m.do_others_poll() && watching);
        if in_poll {
            lists.poller = Some(m);
        }
        Rest { timeout, in_poll }
    }

    /// Makes the idle worker the keeper if there is none, none that watches where one must, or
    /// nobody who sleeps in the poll of the network though all are idle.
    fn appoint(&self, lists: &mut Lists, m: &'static M) {
        let busy = lists.ps.len() < SCHED.procs() as usize;
        // What is stuck needs an idle processor. Who makes one idle looks before it sleeps, and watches.
        let watch = busy && !lists.ps.is_empty();
        let watching = self.watching.load(Ordering::Relaxed);
        if lists.keeper.is_none() || watch && !watching || !busy && lists.is_unpolled() {
            lists.keeper = Some(m);
        }
        if lists.is_keeper(m) && watch != watching {
            self.watching.store(watch, Ordering::Relaxed);
            if !busy {
                self.look_before_ceasing();
            }
        }
    }

    /// The keeper ceased to watch, since every processor is idle; but one that retired may run on.
    #[cold]
    fn look_before_ceasing(&self) {
        // Pairs with the light barrier before `is_watched`: what was readied before is seen here,
        // or its waker sees that nobody watches.
        barrier::heavy();
        if find::is_work_anywhere(true) {
            self.watching.store(true, Ordering::Relaxed);
        }
    }

    /// The time until the earliest timer; `None`: there is none.
    fn until_next_timer(&self, lists: &Lists) -> Option<Duration> {
        loop {
            let next = next_timer_ns();
            if self.keeper_ns.swap(next, Ordering::Relaxed) != next {
                // Pairs with the light barrier in `timer_added`: an earlier timer added meanwhile is
                // seen here, or its adder sees our time and pokes us.
                barrier::heavy();
            }
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

    /// A look of the watcher: often where that finds something, less often where it does not.
    fn is_work_stuck(&self) -> bool {
        let is_stuck = is_work_stuck();
        let patience = Duration::from_nanos(self.patience_ns.load(Ordering::Relaxed));
        let patience = if is_stuck { WATCH } else { (2 * patience).min(WATCH_MAX) };
        self.patience_ns.store(patience.as_nanos() as u64, Ordering::Relaxed);
        is_stuck
    }

    fn is_watcher(&self, m: &'static M) -> bool {
        self.watching.load(Ordering::Relaxed) && self.lists.lock().is_keeper(m)
    }

    /// Whether somebody looks after the `runnext` slots of the busy processors.
    ///
    /// The caller has put a goroutine into one before, with a light barrier between; a watcher that
    /// ceases to watch is a spinning worker from then on, or wakes one.
    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.watching.load(Ordering::Relaxed)
    }

    /// The worker is idle no longer. Returns whether it watched.
    fn resign(&self, lists: &mut Lists, m: &'static M) -> bool {
        let kept = lists.is_keeper(m);
        if kept {
            lists.keeper = None;
            self.keeper_ns.store(NEVER, Ordering::Relaxed);
        }
        let watched = kept && self.watching.swap(false, Ordering::Relaxed);
        // Another idle worker takes over, unless this one will be idle again at once.
        if kept || lists.is_unpolled() {
            m.owes_keeper.set(true);
        }
        watched
    }

    /// The worker is about to run a goroutine: another one, which is idle, keeps time and polls.
    #[cold]
    pub(super) fn find_keeper(&self, m: &'static M) {
        m.owes_keeper.set(false);
        let lists = self.lists.lock();
        let unpolled = lists.is_unpolled() && !self.watching.load(Ordering::Relaxed);
        if !unpolled && next_timer_ns() >= self.keeper_ns.load(Ordering::Relaxed) {
            return;
        }
        match lists.keeper.or_else(|| lists.ms.last().copied()) {
            Some(heir) => heir.poke(),
            None => {
                // A new one, if there is a processor to become idle with.
                drop(lists);
                SCHED.wake_one();
            }
        }
    }

    /// There is something to poll for.
    pub(super) fn network_began(&self) {
        self.call_keeper();
    }

    /// A timer for `when_ns` was added: sees to it that an idle worker keeps its time, should the
    /// processor that holds it be busy then.
    #[inline]
    pub(super) fn timer_added(&self, when_ns: u64) {
        if self.is_news_to_keeper(when_ns) {
            self.call_keeper();
        }
    }

    /// As [`Idle::timer_added`], for a goroutine that parks: its worker schedules next.
    #[inline]
    pub(super) fn timer_added_in_park(&self, rt: &Inside, when_ns: u64) {
        if self.is_news_to_keeper(when_ns) {
            match rt.m().filter(|m| m.g().is_none() && m.p().is_some()) {
                Some(m) => m.owes_keeper.set(true),
                None => self.call_keeper(),
            }
        }
    }

    #[inline]
    fn is_news_to_keeper(&self, when_ns: u64) -> bool {
        barrier::light();
        SCHED.spinners.idle() != 0 && when_ns < self.keeper_ns.load(Ordering::Relaxed)
    }

    #[cold]
    pub(super) fn call_keeper(&self) {
        let lists = self.lists.lock();
        if let Some(m) = lists.keeper.or_else(|| lists.ms.last().copied()) {
            m.poke();
        }
    }
}

/// Whether a goroutine lies in the `runnext`, or a queue, of a processor that does not schedule
/// meanwhile, or not from there; or in a queue that a thief may take from at once. Who yields, or takes
/// a batch from the common queue, wakes nobody; and who is said to spin may be off its core.
fn is_work_stuck() -> bool {
    !SCHED.injector.is_empty()
        || p::all().any(|p| {
            let is_stuck = p.shared.has_loot(true) || is_left_lying(p);
            if is_stuck {
                p.shared.set_keeps_short(false);
                p.shared.set_has_trifles(false);
            }
            is_stuck
        })
}

/// Whether what the processor's owner keeps for itself lies where it is.
fn is_left_lying(p: &P) -> bool {
    let is_queued = || !p.shared.queue.is_empty();
    let (before, pops, was_queued) = (p.shared.next_and_tick(), p.shared.pops(), is_queued());
    if before.0.is_null() && !was_queued {
        return false;
    }
    clock::spin_ns(RUNNEXT_PATIENCE_NS);
    let after = p.shared.next_and_tick();
    // What it runs may ready one after the other.
    let is_still = after.1 == before.1 && (after.0 == before.0 || is_queued());
    is_still || was_queued && is_queued() && p.shared.pops() == pops
}

pub(super) fn next_timer_ns() -> u64 {
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
            p.retire();
        }
    }

    fn pop_p(&mut self) -> Option<&'static P> {
        let p = self.ps.pop()?;
        SCHED.spinners.idle_less();
        Some(p)
    }

    /// Takes an idle worker out of the list, with an idle processor for it, if there are both.
    fn take_out(&mut self, m: &'static M) -> Option<&'static P> {
        let at = self.ms.iter().position(|&idle| std::ptr::eq(idle, m))?;
        let p = self.pop_p()?;
        self.ms.swap_remove(at);
        Some(p)
    }

    /// Whether the network is to be polled by a sleeper, but is not: a processor is idle. Without one
    /// the busy ones poll as they schedule.
    fn is_unpolled(&self) -> bool {
        self.poller.is_none() && !self.ps.is_empty() && netpoll::is_active()
    }

    fn is_keeper(&self, m: &'static M) -> bool {
        self.keeper.is_some_and(|keeper| std::ptr::eq(keeper, m))
    }

    /// The worker that fell asleep last; the keeper, or who polls, only if there is no other.
    fn pop_m(&mut self) -> Option<&'static M> {
        let polls = |m: &'static M| self.poller.is_some_and(|poller| std::ptr::eq(poller, m));
        let is_free = |m: &&'static M| !self.is_keeper(m) && !polls(m);
        let at = self.ms.iter().rposition(is_free).or(self.ms.len().checked_sub(1))?;
        Some(self.ms.swap_remove(at))
    }
}
