//! Where processor time goes: each thread is interrupted now and then, while it runs, and notes
//! where it is.
//!
//! ```text
//! SIGPROF on a thread --sample.rs: tick--> ring --drain, every 100 ms--> the users' sinks
//!                                                                   +--> the trace, while one is taken
//! ```
//! There may be several users at once, a trace and a profile, each with a rate of its own. Threads
//! tick at the highest one; a sample says for how much time it stands, so a user with a lower rate
//! counts some of them only. A trace gets them all, whoever wants them, as Go's does.
//!
//! A thread of our own collects, while there are users; and so does whoever cuts a generation of a
//! trace, or is a user no more.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::sample::{self, Sample};
use super::{own_threads, sample_timers};
use crate::tracer::cpu_sample::{self, CpuSample};
use crate::tracer::{unwind, unwind_tables};

/// The most samples a second of a thread's time. The kernel looks at such timers some hundred times a second anyway.
pub(crate) const MAX_HZ: u32 = 10_000;
/// How often samples are drained, and new threads looked for.
const PERIOD: Duration = Duration::from_millis(100);
/// To look for threads, of which there may be many, takes no more than one part of so many of the
/// collecting thread's time.
const LOOK_SHARE: u32 = 50;
/// How long a thread is waited for that is at its last sample.
const PATIENCE: Duration = Duration::from_millis(20);

/// Who wants samples.
static HUB: Mutex<Hub> = Mutex::new(Hub { users: Vec::new(), last: 0, collector: None });

struct Hub {
    users: Vec<User>,
    /// The number that the last user got.
    last: u64,
    /// While there are users.
    collector: Option<Arc<End>>,
}

struct User {
    number: u64,
    hz: u32,
    sink: Option<Box<dyn Sink>>,
}

/// What a user does with samples, at once and without waiting for anybody.
pub(crate) trait Sink: Send {
    /// Takes a sample.
    fn take(&mut self, sample: &Sample);
    /// Takes note of so many samples that found no room.
    fn take_lost(&mut self, number: u64);
}

/// Tells the collecting thread to end.
#[derive(Default)]
struct End {
    told: Mutex<bool>,
    changed: Condvar,
}

/// Samples are taken while this lives.
pub(crate) struct Sampler {
    number: u64,
}

impl Sampler {
    /// Starts to take samples, `hz` a second of each thread's processor time: 1 to [`MAX_HZ`]. The
    /// `sink` may get more of them, but no earlier ones. Without one the trace only gets them.
    ///
    /// # Errors
    /// When the system has no timers or threads left.
    pub(crate) fn start(hz: u32, sink: Option<Box<dyn Sink>>) -> io::Result<Sampler> {
        assert!((1..=MAX_HZ).contains(&hz), "gort: {hz} samples a second");
        unwind::check(); // there may be no runtime yet
        unwind_tables::prepare();
        let mut hub = HUB.lock();
        hub.drain(); // what is there is of before
        match hub.hz() {
            None => hub.begin(hz)?,
            Some(now) if now < hz => sample_timers::set_period(period_ns(hz)),
            Some(_) => {}
        }
        hub.last += 1;
        let number = hub.last;
        hub.users.push(User { number, hz, sink });
        Ok(Sampler { number })
    }
}

impl Drop for Sampler {
    /// Hands over what was sampled until now.
    fn drop(&mut self) {
        let mut hub = HUB.lock();
        let before = hub.hz();
        let is_other = |user: &User| user.number != self.number;
        let after = hub.users.iter().filter(|user| is_other(user)).map(|user| user.hz).max();
        match after {
            None => sample_timers::stop(),
            Some(hz) if before > after => sample_timers::set_period(period_ns(hz)),
            Some(_) => {}
        }
        hub.drain_all();
        hub.users.retain(is_other);
        let collector = if after.is_none() { hub.collector.take() } else { None };
        drop(hub);
        if let Some(end) = collector {
            *end.told.lock() = true;
            end.changed.notify_one();
        }
    }
}

/// Hands over what was sampled since the last time; also what threads are about to note, if that is
/// `all` there will be of a trace.
pub(super) fn collect(all: bool) {
    let mut hub = HUB.lock();
    if all {
        hub.drain_all();
    } else {
        hub.drain();
    }
}

fn period_ns(hz: u32) -> u64 {
    1_000_000_000 / u64::from(hz)
}

impl Hub {
    /// The rate of the ticks.
    fn hz(&self) -> Option<u32> {
        self.users.iter().map(|user| user.hz).max()
    }

    fn begin(&mut self, hz: u32) -> io::Result<()> {
        sample_timers::start(period_ns(hz))?;
        let end = Arc::new(End::default());
        let told = Arc::clone(&end);
        let builder = std::thread::Builder::new().name("gort-samples".into());
        builder.spawn(move || run(&told)).inspect_err(|_| sample_timers::stop())?;
        self.collector = Some(end);
        sample_timers::look_for_threads();
        Ok(())
    }

    fn drain(&mut self) {
        while let Some(sample) = sample::take() {
            self.hand_over(sample);
        }
        self.hand_over_lost();
    }

    /// As [`Self::drain`], and waits for those whose threads are at it.
    fn drain_all(&mut self) {
        let ((end, _), begin) = (sample::begun_and_taken(), Instant::now());
        loop {
            self.drain();
            if sample::begun_and_taken().1 >= end || begin.elapsed() >= PATIENCE {
                return;
            }
            std::thread::sleep(PATIENCE / 200);
        }
    }

    fn hand_over(&mut self, sample: Sample) {
        for sink in self.users.iter_mut().filter_map(|user| user.sink.as_mut()) {
            sink.take(&sample);
        }
        if sample.generation != 0 {
            cpu_sample::add(CpuSample::from(sample));
        }
    }

    fn hand_over_lost(&mut self) {
        let lost = sample::take_lost();
        if lost > 0 {
            let sinks = self.users.iter_mut().filter_map(|user| user.sink.as_mut());
            sinks.for_each(|sink| sink.take_lost(lost));
            cpu_sample::add_lost(lost);
        }
        cpu_sample::note_unsampled(sample_timers::unsampled());
    }
}

impl From<Sample> for CpuSample {
    fn from(sample: Sample) -> CpuSample {
        let Sample { generation, time, tid: thread, proc, goroutine, site, pcs, .. } = sample;
        CpuSample { generation, time, thread, proc, goroutine, site, pcs }
    }
}

/// The collecting thread.
fn run(end: &End) {
    own_threads::count_me();
    let mut next_look = Instant::now();
    let mut has_told = false;
    while !wait(end.told.lock(), &end.changed) {
        let begin = Instant::now();
        if begin >= next_look {
            sample_timers::look_for_threads();
            next_look = Instant::now() + begin.elapsed() * LOOK_SHARE;
            has_told = has_told || tell_unsampled();
        }
        collect(false);
    }
    own_threads::count_me_out();
}

/// Says so, if there are threads that are not sampled.
fn tell_unsampled() -> bool {
    let threads = sample_timers::unsampled();
    if threads > 0 {
        log::warn!("gort: no timers left to sample {threads} threads (see RLIMIT_SIGPENDING)");
    }
    threads > 0
}

/// Waits for the next turn. True: there is none.
fn wait(mut told: MutexGuard<'_, bool>, changed: &Condvar) -> bool {
    if !*told {
        changed.wait_for(&mut told, PERIOD);
    }
    *told
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::trace::{self, Summary};
    use crate::tracer::session;

    /// Counts the samples that were taken for a trace.
    struct Count(Arc<AtomicU64>);

    impl Sink for Count {
        fn take(&mut self, sample: &Sample) {
            self.0.fetch_add(u64::from(sample.generation != 0), Ordering::Relaxed);
        }

        fn take_lost(&mut self, number: u64) {
            self.0.fetch_add(number, Ordering::Relaxed);
        }
    }

    /// Cuts every other millisecond, and each sample that a signal's handler took is in the trace.
    #[test]
    fn a_trace_has_every_sample() {
        session::set_generation_ns(2_000_000);
        let count = Arc::new(AtomicU64::new(0));
        let sampler = Sampler::start(MAX_HZ, Some(Box::new(Count(Arc::clone(&count))))).unwrap();
        // SAFETY: nothing here keeps a thread's own data over a blocking call.
        unsafe {
            crate::run(|| {
                // It takes a while to read the symbols at first, and others may have the cores: then
                // there are few cuts, and few samples.
                let is_enough = |_| {
                    let summary = traced();
                    let found = summary.cpu_samples() + summary.lost_cpu_samples();
                    assert_eq!(count.swap(0, Ordering::Relaxed), found);
                    summary.generations() > 5 && summary.cpu_samples() > 20
                };
                assert!((0..100).any(is_enough));
            })
        };
        drop(sampler);
        session::set_generation_ns(1_000_000_000);
    }

    /// Two goroutines compute for a third of a second.
    fn traced() -> Summary {
        let compute = || {
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(300) {
                black_box(begin);
            }
        };
        trace::start(io::sink()).unwrap();
        let two: Vec<_> = (0..2).map(|_| crate::go(compute)).collect();
        two.into_iter().for_each(|one| one.join().unwrap());
        trace::stop().unwrap()
    }

    /// Threads tick at the highest rate that somebody wants, and no more when nobody does.
    #[test]
    fn the_highest_rate_counts() {
        // Other tests may sample meanwhile, at the most of all.
        let hub = || HUB.lock().hz().filter(|&hz| hz != MAX_HZ);
        let first = Sampler::start(30, None).unwrap();
        let second = Sampler::start(50, None).unwrap();
        let third = Sampler::start(40, None).unwrap();
        assert!(hub().is_none_or(|hz| hz == 50));
        drop(second);
        assert!(hub().is_none_or(|hz| hz == 40));
        drop(first);
        drop(third);
        assert!(hub().is_none());
    }
}
