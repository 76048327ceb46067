//! The profile of processor time: who samples, who sums up, who writes.
//!
//! A thread of its own drains the samples ten times a second and sums them up by stack; it ends
//! with the profile. Whoever stops the profile looks up the names and calls the writer.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::labels;
use super::profile::{self, Builder, Stack, Types};
use crate::chan::Receiver;
use crate::sched::dump::names::Inner;
use crate::sched::labels::Set;
use crate::sched::sampler::{Sample, Sampler};
use crate::sys::clock;
use crate::tracer::stack_table::Site;

/// Samples a second of a thread's processor time, as in Go.
const DEFAULT_HZ: u32 = 100;
/// The most. The kernel looks at such timers some hundred times a second anyway.
const MAX_HZ: u32 = 10_000;
/// How often samples are drained, and new threads looked for.
const PERIOD: Duration = Duration::from_millis(100);

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
    end: Arc<End>,
    sums: Receiver<Sums>,
}

/// Tells the collecting thread to end.
#[derive(Default)]
struct End {
    told: Mutex<bool>,
    changed: Condvar,
}

type Key = (usize, usize, Box<[usize]>, Option<String>, Option<Arc<Set>>);

/// What was sampled.
#[derive(Default)]
struct Sums {
    ticks: HashMap<Key, (Option<Site>, u64)>,
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
    let sampler = Sampler::start(hz)?;
    let end = Arc::new(End::default());
    // No bubble's, whose thread this is not.
    let (tx, sums) = crate::chan::of_nobody(1);
    let told = Arc::clone(&end);
    let collect = move || {
        let collected = collect(&sampler, &told);
        // Once it is sent, the next profile may begin.
        drop(sampler);
        let _ = tx.try_send(collected);
    };
    std::thread::Builder::new().name("gort-cpu-profile".into()).spawn(collect)?;
    let (seconds, ns) = clock::wall();
    let wall_ns = seconds * 1_000_000_000 + u64::from(ns);
    Ok(Running { out, hz, begin_ns: clock::monotonic_ns(), wall_ns, end, sums })
}

/// The collecting thread.
fn collect(sampler: &Sampler, end: &End) -> Sums {
    let mut sums = Sums::default();
    loop {
        let mut told = end.told.lock();
        if !*told {
            end.changed.wait_for(&mut told, PERIOD);
        }
        let is_over = *told;
        drop(told);
        if is_over {
            sampler.stop();
        } else {
            sampler.look_for_threads();
        }
        sampler.drain(|sample| sums.add(sample));
        sums.lost += sampler.take_lost();
        if is_over {
            return sums;
        }
    }
}

impl Sums {
    fn add(&mut self, sample: Sample) {
        let Sample { site, name, labels, pcs, ticks, .. } = sample;
        let (entry, location) =
            site.map_or((0, 0), |s| (s.name as usize, std::ptr::from_ref(s.location).addr()));
        self.ticks.entry((entry, location, pcs, name, labels)).or_insert((site, 0)).1 += ticks;
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
    *running.end.told.lock() = true;
    running.end.changed.notify_one();
    let sums = running.sums.recv();
    *STATE.lock() = State::Off;
    let sums = sums.map_err(|_| io::Error::other("the collecting thread has died"))?;
    write(running, sums)
}

fn write(running: Running, sums: Sums) -> io::Result<()> {
    let Running { out, hz, begin_ns, wall_ns, .. } = running;
    let period = 1_000_000_000 / u64::from(hz);
    let duration_ns = clock::monotonic_ns() - begin_ns;
    let types = Types {
        values: &[("samples", "count"), ("cpu", "nanoseconds")],
        period_type: ("cpu", "nanoseconds"),
        period,
        inner: Inner::All,
    };
    let fill = move |builder: &mut Builder| {
        builder.set_time(wall_ns, duration_ns);
        sums.fill(builder, period);
    };
    profile::write(types, fill, out)
}
