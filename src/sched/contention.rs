//! What goroutines and threads wait for, and whom they wait for: samples of gort's own waits.
//!
//! *Blocked*: whoever waits notes when it begins; whoever readies a goroutine notes when that is,
//! since it may be long until it runs. Back on its stack the waiter decides by the time that has
//! passed whether this is a sample: a wait of at least the rate always is, a shorter one with a
//! probability of its share of the rate, and then it stands for that many more (as in Go,
//! `runtime/mprof.go`). It leaves the runtime to write the sample down.
//!
//! *Delayed*: whoever unlocks a lock that others wait for answers for the time that they have
//! waited since it was last unlocked to a waiter, or since they came. So a lock's time is charged
//! once, to those who held it.
//!
//! Where both are off, a wait costs a load, and a wake-up nothing: the flag that asks for the time
//! is looked at together with another one.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::g::{FLAG_CLOCKED, G};
use super::stack_sums::Sums;
use super::sudog::Waiter;
use super::{Inside, current_g, sample};
use crate::sys::clock;
use crate::tracer::stack_table::Site;
use crate::tracer::unwind::Pcs;
use crate::tracer::unwind_tables;
use crate::wire::reason::WaitReason;

/// Lists of a table.
const LISTS: usize = 4096;
/// Of so many who wait for a lock the delay is summed up; it is done under the queue's lock.
const MAX_CHARGED: usize = 1024;

/// Alone in its cache lines: everybody who waits reads it.
#[repr(align(128))]
struct Rates {
    /// Nanoseconds blocked for one sample; 0: off.
    block_ns: AtomicU64,
    /// Of so many contended unlocks one is a sample; 0: off.
    mutex: AtomicU64,
}

static RATES: Rates = Rates { block_ns: AtomicU64::new(0), mutex: AtomicU64::new(0) };

/// Where somebody waited, or unlocked.
pub(crate) struct Stack {
    /// Where the goroutine comes from; `None`: a plain thread.
    pub(crate) site: Option<Site>,
    /// Return addresses, innermost first.
    pub(crate) pcs: Box<[usize]>,
}

/// The sums of one kind of sample. Made when it is first switched on.
pub(crate) struct Kind(OnceLock<Sums<Stack>>);

/// Who was blocked, and how long.
pub(crate) static BLOCK: Kind = Kind(OnceLock::new());
/// Who delayed others by a lock, and how long.
pub(crate) static MUTEX: Kind = Kind(OnceLock::new());

/// One sample for so many nanoseconds blocked, on average; 1: everything; 0: off.
pub(crate) fn set_block_rate(ns: u64) {
    unwind_tables::prepare();
    BLOCK.sums();
    RATES.block_ns.store(ns, Ordering::Relaxed);
}

/// One sample for so many contended unlocks, on average; 0: off. Returns what it was.
pub(crate) fn set_mutex_fraction(fraction: u64) -> u64 {
    unwind_tables::prepare();
    MUTEX.sums();
    RATES.mutex.swap(fraction, Ordering::Relaxed)
}

/// What it is.
pub(crate) fn mutex_fraction() -> u64 {
    RATES.mutex.load(Ordering::Relaxed)
}

impl Kind {
    fn sums(&self) -> &Sums<Stack> {
        self.0.get_or_init(|| Sums::new(LISTS))
    }

    fn add(&self, g: Option<&'static G>, pcs: &[usize], count: f64, delay_ns: u64) {
        let site = g.map(G::site);
        let make = || Stack { site, pcs: pcs.into() };
        let is = |stack: &Stack| *stack.pcs == *pcs && key(stack.site) == key(site);
        self.sums().add(hash(site, pcs), is, make, count, delay_ns);
    }

    /// Shows all that was sampled: where (`None`: what had no room), how often, for how long in all.
    pub(crate) fn each(&self, mut f: impl FnMut(Option<&Stack>, f64, u64)) {
        let Some(sums) = self.0.get() else { return };
        sums.each(|entry| {
            let (count, delay_ns) = entry.sums();
            if count > 0.0 {
                f(entry.key.as_ref(), count, delay_ns);
            }
        });
    }
}

fn key(site: Option<Site>) -> Option<(usize, usize)> {
    site.map(|site| (site.name as usize, std::ptr::from_ref(site.location).addr()))
}

fn hash(site: Option<Site>, pcs: &[usize]) -> u64 {
    let (name, location) = key(site).unwrap_or_default();
    let all = [name, location].into_iter().chain(pcs.iter().copied());
    all.fold(0, |hash, word| mix(hash ^ word as u64))
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood, 2014).
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// A wait that may be a sample.
pub(super) struct Timing {
    /// When it began; 0: nobody asks.
    since_ns: u64,
}

/// The caller is about to wait. A sleep is no blocking, and neither is what its bubble does.
#[inline(always)]
pub(super) fn begin(waiter: Waiter, reason: WaitReason) -> Timing {
    if RATES.block_ns.load(Ordering::Relaxed) == 0 {
        return Timing { since_ns: 0 };
    }
    begin_slow(waiter, reason)
}

#[cold]
#[inline(never)]
fn begin_slow(waiter: Waiter, reason: WaitReason) -> Timing {
    if !is_blocking(reason) {
        return Timing { since_ns: 0 };
    }
    if let Waiter::Goroutine(g) = waiter {
        g.set_flag(FLAG_CLOCKED);
        note_ready(g, 0);
    }
    Timing { since_ns: clock::monotonic_ns() }
}

fn is_blocking(reason: WaitReason) -> bool {
    use WaitReason::{
        BarrierWait, ChanReceive, ChanSend, CondWait, Future, Join, MutexLock, RwMutexLock,
        RwMutexRLock, Select, Semacquire, WaitGroupWait,
    };
    let sync = [MutexLock, RwMutexRLock, RwMutexLock, CondWait, Semacquire, WaitGroupWait];
    let rest = [ChanReceive, ChanSend, Select, Join, Future, BarrierWait];
    sync.contains(&reason) || rest.contains(&reason)
}

/// A goroutine whose wait is measured is being readied, by its waker.
pub(super) fn readied(g: &G) {
    note_ready(g, clock::monotonic_ns());
}

fn note_ready(g: &G, now_ns: u64) {
    // SAFETY: a goroutine that has run has its coroutine; the caller owns the goroutine.
    unsafe { (*g.coro.get()).ready_ns.set(now_ns) };
}

impl Timing {
    /// The wait is over.
    #[inline(always)]
    pub(super) fn end(self, rt: Inside) -> Inside {
        if self.since_ns == 0 { rt } else { self.end_slow(rt) }
    }

    #[cold]
    #[inline(never)]
    fn end_slow(self, rt: Inside) -> Inside {
        let g = rt.g();
        let mut end_ns = clock::monotonic_ns();
        if let Some(g) = g {
            g.clear_flag(FLAG_CLOCKED);
            // SAFETY: the current goroutine has its coroutine.
            let ready_ns = unsafe { (*g.coro.get()).ready_ns.get() };
            end_ns = if ready_ns == 0 { end_ns } else { ready_ns };
        }
        let delay_ns = end_ns.saturating_sub(self.since_ns).max(1);
        let Some((count, delay_ns)) = blocked_sample(delay_ns, mix(end_ns)) else { return rt };
        let mut pcs = Pcs::new();
        sample::own_stack(g, &mut pcs);
        drop(rt);
        BLOCK.add(g, &pcs, count, delay_ns);
        Inside::enter()
    }
}

/// Whether a wait of this length is a sample: how many it then stands for, and their time.
fn blocked_sample(delay_ns: u64, random: u64) -> Option<(f64, u64)> {
    let rate_ns = RATES.block_ns.load(Ordering::Relaxed);
    match rate_ns {
        0 => None,
        _ if delay_ns >= rate_ns => Some((1.0, delay_ns)),
        _ => (random % rate_ns < delay_ns).then(|| (rate_ns as f64 / delay_ns as f64, rate_ns)),
    }
}

/// When somebody came to wait for a lock, on the stack of whoever waits.
pub(crate) struct Arrival {
    since_ns: u64,
    /// Up to then its wait has been charged, and that of those behind.
    charged_ns: u64,
}

impl Arrival {
    /// Not yet.
    #[inline]
    pub(crate) const fn none() -> Arrival {
        Arrival { since_ns: 0, charged_ns: 0 }
    }

    /// Now, if anybody asks.
    #[inline]
    pub(crate) fn if_asked() -> Arrival {
        let now_ns = if mutex_fraction() == 0 { 0 } else { clock::monotonic_ns() };
        Arrival { since_ns: now_ns, charged_ns: now_ns }
    }

    /// It comes, or comes again. Whether it is again.
    #[inline]
    pub(crate) fn come(&mut self) -> bool {
        let again = self.since_ns != 0;
        if !again || mutex_fraction() != 0 {
            self.charged_ns = clock::monotonic_ns();
        }
        if !again {
            self.since_ns = self.charged_ns;
        }
        again
    }

    /// When it first came.
    #[inline]
    pub(crate) fn since_ns(&self) -> u64 {
        self.since_ns
    }
}

/// The sum of what an unlock made others wait for.
pub(crate) struct Charge {
    now_ns: u64,
    /// Since when waits have not been charged.
    base_ns: u64,
    sum_ns: u64,
    seen: usize,
    /// One more than the number of those who are looked at.
    limit: usize,
    fraction: u64,
}

impl Charge {
    /// Of an unlock that found waiters. `None`: nobody asks.
    #[inline]
    pub(crate) fn new() -> Option<Charge> {
        let fraction = mutex_fraction();
        if fraction == 0 { None } else { Some(Charge::new_slow(fraction)) }
    }

    #[cold]
    fn new_slow(fraction: u64) -> Charge {
        let now_ns = clock::monotonic_ns();
        let is_sample = mix(now_ns).is_multiple_of(fraction);
        // The second one is told in any case that it was charged up to now.
        let limit = if is_sample { MAX_CHARGED } else { 2 };
        let fraction = if is_sample { fraction } else { 0 };
        Charge { now_ns, base_ns: 0, sum_ns: 0, seen: 0, limit, fraction }
    }

    /// Adds a waiter, in the order of the queue. False: it is enough.
    ///
    /// # Safety
    /// Null, or the arrival of one who waits; the queue is locked.
    pub(crate) unsafe fn add(&mut self, arrival: *mut Arrival) -> bool {
        // SAFETY: by the caller's promise.
        let arrived = unsafe { arrival.as_mut() }.filter(|arrival| arrival.since_ns != 0);
        if let Some(arrival) = arrived {
            if self.seen == 0 {
                self.base_ns = arrival.charged_ns;
            }
            let since_ns = self.base_ns.max(arrival.since_ns);
            self.sum_ns += self.now_ns.saturating_sub(since_ns);
            if self.seen == 1 {
                arrival.charged_ns = self.now_ns;
            }
        }
        self.seen += 1;
        self.seen < self.limit
    }

    #[cold]
    #[inline(never)]
    fn record(self) {
        if self.fraction == 0 || self.seen == 0 {
            return;
        }
        let g = current_g();
        let mut pcs = Pcs::new();
        sample::own_stack(g, &mut pcs);
        MUTEX.add(g, &pcs, self.fraction as f64, self.sum_ns.saturating_mul(self.fraction));
    }
}

/// Writes down what an unlock made others wait for, if it is a sample, with the caller's stack.
/// Outside of the runtime.
#[inline]
pub(crate) fn record(charge: Option<Charge>) {
    if let Some(charge) = charge {
        charge.record();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_unbiased() {
        RATES.block_ns.store(1000, Ordering::Relaxed);
        for delay_ns in [1, 10, 300, 999, 1000, 5000] {
            let (mut events, mut time_ns) = (0.0, 0);
            let all = 200_000;
            for n in 0..all {
                if let Some((count, ns)) = blocked_sample(delay_ns, mix(n)) {
                    events += count;
                    time_ns += ns;
                }
            }
            let share = events / all as f64;
            let time = time_ns as f64 / (all * delay_ns) as f64;
            assert!((share - 1.0).abs() < 0.25 && (time - 1.0).abs() < 0.25, "{share} {time}");
        }
        RATES.block_ns.store(0, Ordering::Relaxed);
        assert!(blocked_sample(5000, 0).is_none());
    }

    #[test]
    fn time_is_charged_once() {
        let arrival = |since_ns| Arrival { since_ns, charged_ns: since_ns };
        let charge = |now_ns| Charge {
            now_ns,
            base_ns: 0,
            sum_ns: 0,
            seen: 0,
            limit: MAX_CHARGED,
            fraction: 1,
        };
        let mut waiting = vec![arrival(100), arrival(150), arrival(400)];
        // Three wait when the lock is passed on at 500: 400 + 350 + 100.
        let mut first = charge(500);
        for arrival in &mut waiting {
            // SAFETY: they are there.
            assert!(unsafe { first.add(arrival) });
        }
        assert_eq!(first.sum_ns, 850);
        waiting.remove(0);
        // The others have waited for 100 more each, and one came between.
        waiting.push(arrival(570));
        let mut second = charge(600);
        for arrival in &mut waiting {
            // SAFETY: as above.
            unsafe { second.add(arrival) };
        }
        assert_eq!(second.sum_ns, 100 + 100 + 30);
    }
}
