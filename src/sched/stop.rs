//! Stopping the world: nobody is inside the runtime. User code computes on.
//!
//! Whoever stops it holds the list of workers, so no new one enters either, and shuts all doors.
//! Then every processor, every worker's trace stream and every running goroutine's trace fields
//! are the stopper's. Threads that are no workers touch none of these; where they change a
//! goroutine's state they hold the tracer's side lock, which the stopper takes last.

use std::io;

use super::m::{self, M};
use super::p::{self, P};
use super::sampler::{self, Sampler};
use super::{SCHED, door, g, own_threads};
use crate::tracer::emit::Traced;
use crate::tracer::{self, ProcView, Sampling, World};

/// The scheduler, for the tracer.
pub(crate) static WORLD: Scheduler = Scheduler;

/// See [`WORLD`].
pub(crate) struct Scheduler;

/// Doors shut; opens them when it goes, also by a panic.
struct Stopped<'a>(&'a [&'static M]);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|m| m.door.release());
    }
}

impl World for Scheduler {
    fn stopped(&self, f: &mut dyn FnMut(&mut tracer::Stopped<'_>)) {
        with_doors_shut(|ms| f(&mut tracer::Stopped { procs: views(ms), away: away(ms) }));
    }

    fn each_goroutine(&self, f: &mut dyn FnMut(&dyn Traced)) {
        g::all_slots().for_each(|g| f(g));
    }

    fn goroutines(&self) -> usize {
        SCHED.goroutines()
    }

    fn procs(&self) -> u32 {
        SCHED.procs()
    }

    fn thread_begins(&self) {
        own_threads::count_me();
    }

    fn thread_ends(&self) {
        own_threads::count_me_out();
    }

    fn sample(&self, hz: u32) -> io::Result<Sampling> {
        Ok(Box::new(Sampler::start(hz, None)?))
    }

    fn collect_samples(&self, last: bool) {
        sampler::collect(last);
    }
}

/// Calls `f` with all workers while none of them is inside. What `f` may wait for must not wait for
/// a door.
pub(crate) fn with_doors_shut<R>(f: impl FnOnce(&[&'static M]) -> R) -> R {
    let ms = m::all();
    let stopped = Stopped(&ms);
    door::shut_all(ms.iter().map(|m| &m.door));
    let result = f(&ms);
    drop(stopped);
    result
}

/// Every processor, with what runs there. The world is stopped.
fn views<'a>(ms: &[&'static M]) -> Vec<ProcView<'a>> {
    let view = |p: &'static P| {
        let owner = ms.iter().find(|m| m.p().is_some_and(|own| std::ptr::eq(own, p)));
        // SAFETY: the world is stopped, so all this is the stopper's; each processor and each
        // worker occurs once.
        unsafe {
            let running = owner.map(|m| (m.stream(), m.g().map(|g| g as &dyn Traced)));
            ProcView { trace: p.trace(), running }
        }
    };
    p::all().map(view).collect()
}

/// Workers that have no processor but still run a goroutine. The world is stopped.
fn away<'a>(ms: &[&'static M]) -> Vec<(u64, &'a dyn Traced)> {
    let away = ms.iter().filter(|m| m.door.is_taken());
    away.filter_map(|m| Some((m.tid, m.g()? as &dyn Traced))).collect()
}
