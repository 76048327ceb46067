//! The profile of processor time: who samples, who sums up, who writes.
//!
//! The sampler's thread sums samples up by stack. Whoever stops the profile looks up the names and
//! calls the writer.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

use super::labels;
use super::profile::{self, Builder, Stack, Types};
use crate::sched::dump::names::Inner;
use crate::sched::labels::Set;
use crate::sched::sample::Sample;
use crate::sched::sample_timers;
use crate::sched::sampler::{MAX_HZ, Sampler, Sink};
use crate::sys::clock;
use crate::tracer::stack_table::Site;

/// Samples a second of a thread's processor time, as in Go.
const DEFAULT_HZ: u32 = 100;

static RATE: AtomicU32 = AtomicU32::new(DEFAULT_HZ);

/// What is going on.
enum State {
    Off,
    /// Being started or stopped.
    Busy,
    On(Running),
}

static STATE: Mutex<State> = Mutex::new(State::Off);

/// A profile that is being taken.
struct Running {
    out: Box<dyn Write + Send>,
    hz: u32,
    begin_ns: u64,
    wall_ns: u64,
    sampler: Sampler,
    sums: Arc<Mutex<Sums>>,
}

type Key = (usize, usize, Box<[usize]>, Option<String>, Option<Arc<Set>>);

/// What was sampled.
struct Sums {
    period_ns: u64,
    ticks: HashMap<Key, (Option<Site>, u64)>,
    /// Time of each thread, less than a period, that has yet to be counted: samples may come more
    /// often than this profile wants them. It begins with any part of a period, so that threads
    /// with less than one in all count, now and then.
    rests_ns: HashMap<u64, u64>,
    lost: u64,
}

/// See [`super::set_cpu_profile_rate`].
pub(super) fn set_rate(hz: u32) {
    let hz = if hz == 0 { DEFAULT_HZ } else { hz.min(MAX_HZ) };
    RATE.store(hz, Ordering::Relaxed);
}

/// See [`super::start_cpu_profile`].
pub(super) fn start(out: Box<dyn Write + Send>) -> io::Result<()> {
    {
        let mut state = STATE.lock();
        if !matches!(*state, State::Off) {
            drop(state);
            return Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "cpu profiling already in use",
            ));
        }
        *state = State::Busy;
    }
    let begun = begin(out);
    let (state, result) = match begun {
        Ok(running) => (State::On(running), Ok(())),
        Err(error) => (State::Off, Err(error)),
    };
    *STATE.lock() = state;
    result
}

fn begin(out: Box<dyn Write + Send>) -> io::Result<Running> {
    let hz = RATE.load(Ordering::Relaxed);
    let sums = Arc::new(Mutex::new(Sums::new(period_ns(hz))));
    let sampler = Sampler::start(hz, Some(Box::new(Arc::clone(&sums))))?;
    let (seconds, ns) = clock::wall();
    let wall_ns = seconds * 1_000_000_000 + u64::from(ns);
    Ok(Running { out, hz, begin_ns: clock::monotonic_ns(), wall_ns, sampler, sums })
}

fn period_ns(hz: u32) -> u64 {
    1_000_000_000 / u64::from(hz)
}

impl Sink for Arc<Mutex<Sums>> {
    fn take(&mut self, sample: &Sample) {
        self.lock().add(sample);
    }

    fn take_lost(&mut self, number: u64) {
        self.lock().lost += number;
    }
}

impl Sums {
    fn new(period_ns: u64) -> Sums {
        Sums { period_ns, ticks: HashMap::new(), rests_ns: HashMap::new(), lost: 0 }
    }

    fn add(&mut self, sample: &Sample) {
        let ticks = self.ticks_of(sample.tid, sample.cpu_ns);
        if ticks == 0 {
            return;
        }
        let site = sample.site;
        let (entry, location) =
            site.map_or((0, 0), |s| (s.name as usize, std::ptr::from_ref(s.location).addr()));
        let name = sample.name.clone();
        let key = (entry, location, sample.pcs.clone(), name, sample.labels.clone());
        self.ticks.entry(key).or_insert((site, 0)).1 += ticks;
    }

    /// How many ticks of this profile so much of a thread's time is, with what was left over.
    fn ticks_of(&mut self, tid: u64, cpu_ns: u64) -> u64 {
        let begin = || sample_timers::random(tid) % self.period_ns;
        let rest = self.rests_ns.entry(tid).or_insert_with(begin);
        *rest += cpu_ns;
        let ticks = *rest / self.period_ns;
        *rest %= self.period_ns;
        ticks
    }

    fn fill(&self, builder: &mut Builder, period_ns: u64) {
        let values = |ticks: u64| vec![ticks as i64, (ticks * period_ns) as i64];
        for ((_, _, pcs, name, set), (site, ticks)) in &self.ticks {
            let labels = labels(name.as_deref(), set.as_deref());
            builder.add(Stack { pcs, site: *site }, values(*ticks), &labels);
        }
        if self.lost > 0 {
            log::warn!("gort: {} samples of the cpu profile found no room", self.lost);
            builder.add_named("gort::pprof::lost_samples", values(self.lost));
            builder.comment(&format!("{} samples were lost", self.lost));
        }
    }
}

/// See [`super::stop_cpu_profile`].
pub(super) fn stop() -> io::Result<()> {
    let running = {
        let mut state = STATE.lock();
        match std::mem::replace(&mut *state, State::Busy) {
            State::On(running) => running,
            other => {
                *state = other;
                return Ok(());
            }
        }
    };
    let Running { out, hz, begin_ns, wall_ns, sampler, sums } = running;
    drop(sampler);
    *STATE.lock() = State::Off;
    let period = period_ns(hz);
    let duration_ns = clock::monotonic_ns() - begin_ns;
    let types = Types {
        values: &[("samples", "count"), ("cpu", "nanoseconds")],
        period_type: ("cpu", "nanoseconds"),
        period,
    };
    let fill = move |builder: &mut Builder| {
        builder.set_time(wall_ns, duration_ns);
        sums.lock().fill(builder, period);
    };
    profile::write(types, Inner::All, fill, out)
}
