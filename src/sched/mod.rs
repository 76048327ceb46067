#![doc = include_str!("README.md")]

pub(crate) mod annotations;
mod bed;
pub(crate) mod bubble;
mod bubble_count;
pub(crate) mod clock;
pub(crate) mod coarse;
#[cfg_attr(not(feature = "pprof"), path = "contention_off.rs")]
pub(crate) mod contention;
pub(crate) mod coro;
pub(crate) mod deadline;
pub(crate) mod deadlock;
pub(crate) mod door;
pub(crate) mod dump;
pub(crate) mod fatal;
mod find;
pub(crate) mod g;
pub(crate) mod glist;
pub(crate) mod hand_off;
mod idle;
pub(crate) mod join;
pub(crate) mod joiner;
pub(crate) mod labels;
pub(crate) mod locals;
pub(crate) mod lock;
pub(crate) mod m;
pub(crate) mod metrics;
pub(crate) mod netpoll;
pub(crate) mod own_threads;
pub(crate) mod p;
pub(crate) mod park;
mod parked_threads;
mod quit;
mod retake;
mod runnext;
mod runq;
pub(crate) mod sample;
mod sample_ring;
pub(crate) mod sample_timers;
pub(crate) mod sampler;
mod schedule;
pub(crate) mod scope;
mod seed;
mod signal_word;
pub(crate) mod spawn;
pub(crate) mod spinners;
pub(crate) mod stack;
#[cfg(feature = "pprof")]
mod stack_sums;
pub(crate) mod stand_in;
pub(crate) mod stop;
pub(crate) mod sudog;
mod sysmon;
pub(crate) mod ticket;
pub(crate) mod timer_state;
pub(crate) mod timers;
pub(crate) mod tls;
pub(crate) mod unseen;
pub(crate) mod wait_queue;
pub(crate) mod waker;
pub(crate) mod watch;
mod watchdog;

use std::io;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use crate::sys::{barrier, signal};
use crate::tracer::{self, generation};

use g::G;
use idle::Idle;
use m::M;
use p::P;
use runq::Injector;
use spinners::Spinners;

/// The scheduler: one a process.
pub(crate) struct Sched {
    pub(crate) injector: Injector,
    pub(crate) spinners: Spinners,
    idle: Idle,
    /// GOMAXPROCS. Processors with higher numbers retire.
    procs: AtomicU32,
    /// Goroutines spawned by plain threads.
    born_outside: AtomicU64,
    /// `GORTDEBUG=migrate=1` and `seed=N`: [`MIGRATE`] and [`SEEDED`].
    pub(crate) shaken: AtomicU8,
}

pub(crate) static SCHED: Sched = Sched {
    injector: Injector::new(),
    spinners: Spinners::new(),
    idle: Idle::new(),
    procs: AtomicU32::new(0),
    born_outside: AtomicU64::new(0),
    shaken: AtomicU8::new(0),
};

/// Every goroutine that is resumed changes threads where it can.
pub(crate) const MIGRATE: u8 = 1;
/// The scheduler's choices come from a seed.
pub(crate) const SEEDED: u8 = 2;

static STARTED: AtomicBool = AtomicBool::new(false);

/// Whether the runtime has been started.
pub(crate) fn is_started() -> bool {
    // ORDERING: Acquire, pairs with the Release in `start`.
    STARTED.load(Ordering::Acquire)
}

/// Starts the runtime with `procs` processors, once; later calls change nothing.
///
/// # Errors
/// When not one worker thread can be started. A later call tries again.
pub(crate) fn start(procs: impl FnOnce() -> usize) -> io::Result<()> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        barrier::init();
        tracer::unwind::check();
        signal::on_overflow(stack::overflow::report);
        dump::init();
        SCHED.idle.set_procs(procs().clamp(1, p::MAX_PROCS));
        stack::emergency::prepare();
        tracer::session::set_world(&stop::WORLD);
        coarse::advance();
        sysmon::start();
        stack::overflow::start_helper();
        quit::start();
        // ORDERING: Release, pairs with the Acquire in `is_started`.
        STARTED.store(true, Ordering::Release);
    });
    SCHED.idle.start_first()
}

impl Sched {
    /// GOMAXPROCS.
    #[inline]
    pub(crate) fn procs(&self) -> u32 {
        self.procs.load(Ordering::Relaxed)
    }

    /// Changes GOMAXPROCS and returns what it was. Goroutines that compute on a processor that
    /// retires keep it until they next park, yield or end.
    pub(crate) fn set_procs(&self, n: usize) -> usize {
        let old = self.procs() as usize;
        if n != 0 && n != old {
            self.idle.set_procs(n.min(p::MAX_PROCS));
            generation::procs_changed();
            self.wake_one();
            // Nobody gave the new processors up, and so looked at timers and the network.
            self.idle.call_keeper();
        }
        old
    }

    /// Goroutines that have been spawned and have not ended.
    pub(crate) fn goroutines(&self) -> usize {
        // Ends first: what is born meanwhile counts at most once too often, never negatively.
        let ended: u64 = p::all().map(|p| p.shared.ended.load(Ordering::Relaxed)).sum();
        let born: u64 = p::all().map(|p| p.shared.born.load(Ordering::Relaxed)).sum();
        let outside = self.born_outside.load(Ordering::Relaxed);
        (born + outside).saturating_sub(ended) as usize
    }

    /// New work is visible: wakes a worker if a processor is idle and nobody looks for work.
    #[inline]
    pub(crate) fn wake_one(&self) {
        if self.spinners.wanted() {
            self.idle.start_spinner();
        }
    }

    /// Makes a new goroutine the next to run on `p`, the caller's processor. Wakes nobody for it if
    /// that seems vain and it is watched (see `idle.rs`).
    #[inline]
    pub(crate) fn run_fresh(&self, p: &'static P, g: &'static G) {
        p.put_next(g);
        barrier::light();
        if self.spinners.idle() != 0 {
            self.wake_for(p, false);
        }
    }

    /// Makes a readied goroutine the next to run on `p`, the caller's processor. Wakes nobody for
    /// it if that seems vain and it is watched (see `idle.rs`).
    #[inline]
    pub(crate) fn run_woken(&self, p: &'static P, g: &'static G) {
        let is_next = p.put_next(g);
        barrier::light();
        if self.spinners.idle() != 0 {
            self.wake_for(p, is_next);
        }
    }

    /// A goroutine was readied, or born, on `p` while a processor is idle.
    #[inline(never)]
    fn wake_for(&self, p: &P, is_next: bool) {
        let is_kept =
            if is_next { p.shared.runs_what_it_readies() } else { p.shared.keeps_short() };
        if !(is_kept && self.idle.is_watched()) {
            self.wake_one();
        }
    }

    /// Lets a number decide what is left to chance. Before there are processors.
    pub(crate) fn set_seed(&self, seed: u64) {
        seed::set(seed);
        self.shaken.fetch_or(SEEDED, Ordering::Relaxed);
    }

    /// Whether this is the seed.
    pub(crate) fn has_seed(&self, seed: u64) -> bool {
        self.is_seeded() && seed::is(seed)
    }

    /// Whether [`Sched::set_seed`] was called.
    #[inline]
    pub(crate) fn is_seeded(&self) -> bool {
        self.shaken.load(Ordering::Relaxed) & SEEDED != 0
    }

    /// `GORTDEBUG`: settings for tests, separated by commas. `migrate=1`: every goroutine that is
    /// resumed changes threads where it can. `seed=N`: see [`seed`]. `traceadvanceperiod=NS`: how
    /// long a generation of a trace lasts, as in Go's `GODEBUG`.
    pub(crate) fn apply_debug_settings(&self, settings: &str) {
        for setting in settings.split(',').filter(|s| !s.is_empty()) {
            match setting.split_once('=') {
                Some(("migrate", "1")) => drop(self.shaken.fetch_or(MIGRATE, Ordering::Relaxed)),
                Some(("migrate", "0")) => {}
                Some(("traceadvanceperiod", ns)) if ns.parse::<u64>().is_ok_and(|ns| ns > 0) => {
                    tracer::session::set_generation_ns(ns.parse().unwrap_or(u64::MAX));
                }
                Some(("seed", seed)) if seed.parse::<u64>().is_ok() => {
                    self.set_seed(seed.parse().unwrap_or_default());
                }
                _ => log::warn!("gort: GORTDEBUG: unknown setting {setting:?}"),
            }
        }
    }
}

/// Being inside the runtime: on a worker its door is entered, on a plain thread it is a token.
/// Dropping it leaves. It is never kept over a park, which returns a new one.
pub(crate) struct Inside {
    m: *const M,
}

impl Inside {
    /// ENTER.
    #[inline(always)]
    pub(crate) fn enter() -> Inside {
        let m = tls::current_m();
        // SAFETY: null or a leaked worker, this thread's.
        if let Some(m) = unsafe { m.as_ref() } {
            debug_assert!(!m.door.is_inside(), "gort: user code ran inside the runtime");
            if m.door.enter() {
                hand_off::come_back(m);
            }
        }
        Inside { m }
    }

    /// The token of a thread that is inside already.
    #[inline(always)]
    pub(crate) fn already(m: *const M) -> Inside {
        Inside { m }
    }

    /// The worker that this thread is.
    #[inline(always)]
    pub(crate) fn m(&self) -> Option<&'static M> {
        // SAFETY: null or a leaked worker.
        unsafe { self.m.as_ref() }
    }

    /// Whether it may pay to spin for what somebody else is about to release: others are running
    /// who could release it, and nothing else waits for this processor. Go's rule.
    pub(crate) fn may_spin(&self) -> bool {
        let Some(m) = self.m() else { return true };
        let busy = SCHED.procs().saturating_sub(SCHED.spinners.idle() + SCHED.spinners.spinning());
        busy > 1
            && m.p()
                .is_some_and(|p| p.shared.queue.is_empty() && p.shared.queue.peek_next().is_null())
    }

    /// The current goroutine.
    #[inline(always)]
    pub(crate) fn g(&self) -> Option<&'static G> {
        self.m()?.g()
    }
}

/// LEAVE.
impl Drop for Inside {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(m) = self.m() {
            m.door.leave();
        }
    }
}

/// The current goroutine, without entering: only the goroutine itself can ask, and what it reads
/// of itself does not change meanwhile.
pub(crate) fn current_g() -> Option<&'static G> {
    // SAFETY: null or a leaked worker.
    unsafe { tls::current_m().as_ref() }.and_then(M::g)
}
