//! Which processors sysmon takes, and when. Go's `retake` (`runtime/proc.go`), except that a thread
//! need not have said that it blocks.
//!
//! Each round looks at what runs on each processor. Where it is the same goroutine as in the round
//! before, without a pick in between:
//!
//! - *blocked*: the thread's processor time has stood still, and the kernel says that it waits. The
//!   processor is taken at once, unless it has nothing to run and others are idle: then after a
//!   slice. A thread that is merely not being run by the kernel is in no such state, and keeps it.
//! - *computing*: it has had its slice, all other processors are busy, and somebody else could run.
//!   The goroutine computes on as a plain thread would. Threads that do so are limited, or a
//!   thousand long computations would be a thousand threads on a few cores: beyond the limit each
//!   further one gets a slice twice as long, so that even then everybody runs at some time.

use std::time::Duration;

use super::hand_off::{self, Sight, Why};
use super::m::M;
use super::p::{self, P};
use super::watchdog::{self, Culprit};
use super::{SCHED, find, idle};
use crate::sys::thread;
use crate::tracer::Stream;

/// A goroutine's slice, as Go's.
pub(super) const SLICE: Duration = Duration::from_millis(10);
const SLICE_NS: u64 = SLICE.as_nanos() as u64;
/// The fewest threads that may compute without a processor before slices grow.
const COMPUTING_MIN: usize = 4;
/// How often a slice is doubled at most: to ten seconds.
const DOUBLINGS_MAX: u32 = 10;
/// Threads without a processor that are looked at, the latest.
const AWAY_MAX: usize = 1024;

/// The same goroutine on a processor, over some rounds.
struct Stay {
    sight: Sight,
    since_ns: u64,
    /// Its thread's processor time at the last look.
    cpu_ns: Option<u64>,
    /// The thread was not blocked when it had used so much. To block, it has to run first.
    is_runnable: bool,
}

/// A thread whose processor was taken.
struct Away {
    m: &'static M,
    /// When that was, which tells this absence from later ones.
    since_ns: u64,
    cpu_ns: u64,
    /// The watchdog has named it.
    named: bool,
}

impl Away {
    /// Whether it has not come back since.
    fn lasts(&self) -> bool {
        self.m.away().is_some_and(|(since_ns, _)| since_ns == self.since_ns)
    }

    /// Whose goroutine has been without a processor for long, if it is worth a word.
    fn culprit(&self, now_ns: u64) -> Option<Culprit> {
        let time = Duration::from_nanos(now_ns.saturating_sub(self.since_ns));
        if self.named || time < watchdog::PATIENCE {
            return None;
        }
        let g = self.m.g()?;
        let (id, (_, why)) = (g.id(), self.m.away()?);
        self.lasts().then_some(Culprit { g, id, why, time })
    }
}

/// What sysmon remembers from round to round.
pub(super) struct Retake {
    stays: Vec<Option<Stay>>,
    away: Vec<Away>,
    /// When the threads in `away` were last looked at, and how many computed then.
    counted_ns: u64,
    computing: usize,
    /// When the watchdog last named somebody.
    named_ns: u64,
    /// The events of sysmon's thread.
    stream: Stream,
}

impl Retake {
    pub(super) fn new() -> Retake {
        let stream = Stream::new(thread::id());
        let (stays, away) = (Vec::new(), Vec::new());
        Retake { stays, away, counted_ns: 0, computing: 0, named_ns: 0, stream }
    }

    /// A round. Returns whether it took something.
    pub(super) fn round(&mut self, now_ns: u64) -> bool {
        self.stays.resize_with(p::count(), || None);
        let mut taken = false;
        for (at, p) in p::all().enumerate() {
            taken |= self.look(at, p, now_ns);
        }
        taken
    }

    /// Has the watchdog name a goroutine that has been without its processor for long.
    pub(super) fn name_culprits(&mut self, now_ns: u64) {
        if now_ns - self.named_ns < watchdog::GAP.as_nanos() as u64 {
            return;
        }
        let mut culprits = self.away.iter_mut().filter_map(|a| Some((a.culprit(now_ns)?, a)));
        if let Some((culprit, away)) = culprits.next()
            && watchdog::report(culprit)
        {
            away.named = true;
            self.named_ns = now_ns;
        }
    }

    /// Looks at one processor, and takes it if it should be. Returns whether it has.
    fn look(&mut self, at: usize, p: &'static P, now_ns: u64) -> bool {
        let Some((sight, m)) = Sight::of(p) else {
            self.stays[at] = None;
            return false;
        };
        let cpu_ns = thread::cpu_time_ns(m.tid);
        let Some(stay) = self.stays[at].as_mut().filter(|stay| stay.sight == sight) else {
            self.stays[at] = Some(Stay { sight, since_ns: now_ns, cpu_ns, is_runnable: false });
            return false;
        };
        let stands_still = std::mem::replace(&mut stay.cpu_ns, cpu_ns) == cpu_ns;
        let stay_ns = now_ns - stay.since_ns;
        stay.is_runnable &= stands_still;
        if stands_still && !stay.is_runnable && is_worth_taking(p, stay_ns) {
            let is_blocked = thread::is_blocked(m.tid);
            stay.is_runnable = is_blocked == Some(false);
            if is_blocked == Some(true) {
                return self.take(m, sight, Why::Blocked, now_ns);
            }
        }
        if stay_ns >= SLICE_NS && could_others_run(p, now_ns) && stay_ns >= self.slice_ns(now_ns) {
            return self.take(m, sight, Why::Computing, now_ns);
        }
        false
    }

    fn take(&mut self, m: &'static M, sight: Sight, why: Why, now_ns: u64) -> bool {
        let Some(p) = hand_off::take(m, sight, why, &mut self.stream) else { return false };
        SCHED.idle.hand_over(p);
        if self.away.len() >= AWAY_MAX {
            self.away.remove(0);
        }
        let cpu_ns = thread::cpu_time_ns(m.tid).unwrap_or(0);
        let since_ns = m.away().map_or(now_ns, |(since_ns, _)| since_ns);
        self.away.push(Away { m, since_ns, cpu_ns, named: false });
        self.computing += usize::from(why == Why::Computing);
        true
    }

    /// How long a slice is, with so many threads computing without a processor.
    fn slice_ns(&mut self, now_ns: u64) -> u64 {
        if now_ns - self.counted_ns >= SLICE_NS {
            self.count(now_ns);
        }
        let limit = COMPUTING_MIN.max(SCHED.procs() as usize);
        let beyond = (self.computing + 1).saturating_sub(limit) as u32;
        SLICE_NS << beyond.min(DOUBLINGS_MAX)
    }

    /// Counts the threads that compute without a processor: that have run since the last count.
    fn count(&mut self, now_ns: u64) {
        self.counted_ns = now_ns;
        self.computing = 0;
        self.away.retain_mut(|away| {
            let cpu_ns = if away.lasts() { thread::cpu_time_ns(away.m.tid) } else { None };
            if let Some(cpu_ns) = cpu_ns {
                let ran_ns = cpu_ns - std::mem::replace(&mut away.cpu_ns, cpu_ns);
                self.computing += usize::from(ran_ns > SLICE_NS / 20);
            }
            cpu_ns.is_some()
        });
    }
}

/// Whether a processor whose thread blocks is of use to others: it has work, or all others are
/// busy, so that work may come that it could do. After a slice it is taken in any case, so that it
/// counts as idle.
fn is_worth_taking(p: &P, stay_ns: u64) -> bool {
    let spare = SCHED.spinners.idle() + SCHED.spinners.spinning();
    spare == 0 || p.has_work() || stay_ns >= SLICE_NS
}

/// Whether somebody would run on the processor of a goroutine that computes.
fn could_others_run(p: &P, now_ns: u64) -> bool {
    if p.id >= SCHED.procs() {
        return true; // it is to retire
    }
    !SCHED.is_seeded()
        && SCHED.spinners.idle() == 0
        && (find::is_work_anywhere(true) || idle::next_timer_ns() <= now_ns)
}
