//! Who ran where, from when to when.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Listener;
use super::moments::Moments;
use super::texts::{TextId, Texts};
use super::timeline_row::Row;
use crate::reader::hash::Map;
use crate::reader::{Event, EventKind, Generation, GoID, GoState, ProcState, StackId, Transition};

/// What of the timelines one wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelinesQuery {
    /// From this moment on, in nanoseconds since the trace's first event.
    pub from_ns: i64,
    /// Before this moment.
    pub to_ns: i64,
    /// The most stays that a row has, at least one. Where there would be more, neighbours are put
    /// together.
    pub stays: usize,
}

impl Default for TimelinesQuery {
    /// Everything.
    fn default() -> TimelinesQuery {
        TimelinesQuery { from_ns: 0, to_ns: i64::MAX, stays: usize::MAX }
    }
}

/// The timelines of processors and of threads: which goroutine ran on each, from when to when.
///
/// A goroutine is on its processor from the moment it starts until it stops, or until the processor is
/// taken away in a system call; and on its thread until it stops or its system call ends.
///
/// # Go
/// The views "by proc" and "by thread" of `go tool trace`, with the same goroutines at the same times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timelines {
    /// From the trace's first event to its last.
    pub duration_ns: i64,
    /// The moment from which on it was looked at,
    pub from_ns: i64,
    /// and before which.
    pub to_ns: i64,
    /// Each processor on which a goroutine ran.
    pub procs: Vec<Timeline>,
    /// Each thread on which a goroutine ran.
    pub threads: Vec<Timeline>,
    /// The goroutines that the stays name, with the functions they began in.
    pub goroutines: Vec<TimelineGoroutine>,
}

/// The timeline of a processor or a thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// Its number.
    pub id: i64,
    /// How long goroutines were on it, together.
    pub busy_ns: i64,
    /// What is at most so long was put together with its neighbours; 0 if nothing was.
    pub resolution_ns: i64,
    /// The stays, in the order of their ends.
    pub stays: Vec<TimelineStay>,
}

/// The stay of a goroutine on a processor or thread, or several that were put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TimelineStay {
    /// When it, or the first of them, begins.
    pub begin_ns: i64,
    /// When it, or the last of them, ends.
    pub end_ns: i64,
    /// How long goroutines were there in between.
    pub busy_ns: i64,
    /// How many stays they are.
    pub count: u64,
    /// The goroutine, of several the one that stayed longest at a time.
    pub goroutine: i64,
    /// How long that was.
    pub longest_ns: i64,
}

/// A goroutine of a timeline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TimelineGoroutine {
    /// Its number.
    pub id: i64,
    /// The function it began in; empty if the trace does not say.
    pub function: String,
}

impl Timelines {
    /// What to give to [`run`](super::run).
    pub fn listener(query: TimelinesQuery) -> impl Listener<Answer = Timelines> {
        let from_ns = query.from_ns.max(0);
        TimelinesListener {
            query: TimelinesQuery { from_ns, to_ns: query.to_ns.max(from_ns), ..query },
            rows: [BTreeMap::new(), BTreeMap::new()],
            executing: Map::default(),
            on_procs: Map::default(),
            functions: Map::default(),
            texts: Texts::default(),
            generations: 0,
            moments: Moments::default(),
        }
    }

    /// The function that a goroutine of a stay began in.
    pub fn function(&self, goroutine: i64) -> &str {
        let found = self.goroutines.binary_search_by_key(&goroutine, |other| other.id);
        found.map_or("", |at| &self.goroutines[at].function)
    }
}

/// The two kinds of rows.
#[derive(Clone, Copy)]
enum Kind {
    Proc,
    Thread,
}

/// Where a goroutine is, and since when.
type Seat = Option<(i64, i64)>;

struct TimelinesListener {
    query: TimelinesQuery,
    /// By [`Kind`] and number.
    rows: [BTreeMap<i64, Row>; 2],
    /// Who runs or is in a system call: on which processor, and on which thread.
    executing: Map<GoID, (Seat, Seat)>,
    /// Who is on which processor.
    on_procs: Map<i64, GoID>,
    functions: Map<GoID, TextId>,
    texts: Texts,
    generations: u64,
    moments: Moments,
}

impl TimelinesListener {
    fn goroutine(&mut self, event: &Event, id: GoID, from: GoState, to: GoState) {
        // It was there before anything was known.
        let is_old = from == GoState::Undetermined && self.generations <= 1;
        let since = if is_old { 0 } else { self.moments.last() };
        match (from.is_executing(), to.is_executing()) {
            (false, true) => {
                let thread = event.thread().get().map(|thread| (thread, since));
                self.executing.insert(id, (None, thread));
                self.takes(event.proc().get(), id, since);
            }
            (true, false) => self.stops(id),
            // Back from a system call, without the processor it went with.
            (true, true) if to == GoState::Running => {
                if let Some((None, _)) = self.executing.get(&id) {
                    self.takes(event.proc().get(), id, since);
                }
            }
            _ => {}
        }
    }

    /// Is on a processor from now on, and nobody else.
    fn takes(&mut self, proc: Option<i64>, id: GoID, since: i64) {
        let Some(proc) = proc else { return };
        self.leaves(proc);
        if let Some(seats) = self.executing.get_mut(&id) {
            seats.0 = Some((proc, since));
            self.on_procs.insert(proc, id);
        }
    }

    /// Whoever is on a processor is so no longer.
    fn leaves(&mut self, proc: i64) {
        let Some(id) = self.on_procs.remove(&proc) else { return };
        let seat = self.executing.get_mut(&id).and_then(|seats| seats.0.take());
        self.stayed(Kind::Proc, seat, id);
    }

    fn stops(&mut self, id: GoID) {
        let Some((on_proc, on_thread)) = self.executing.remove(&id) else { return };
        on_proc.into_iter().for_each(|(proc, _)| _ = self.on_procs.remove(&proc));
        self.stayed(Kind::Proc, on_proc, id);
        self.stayed(Kind::Thread, on_thread, id);
    }

    /// A stay is over. What of it is not wanted is not kept.
    fn stayed(&mut self, kind: Kind, seat: Seat, id: GoID) {
        let Some((at, since)) = seat else { return };
        let TimelinesQuery { from_ns, to_ns, stays } = self.query;
        let now = self.moments.last();
        if since < to_ns && (now > from_ns || since >= from_ns) {
            let row = self.rows[kind as usize].entry(at).or_insert_with(|| Row::new(stays));
            row.add(since.max(from_ns), now.min(to_ns), id.0);
        }
    }

    fn name(&mut self, generation: &Generation, id: GoID, stack: StackId) {
        if stack.is_none() || self.functions.contains_key(&id) {
            return;
        }
        if let Some(frame) = generation.stack(stack).last() {
            self.functions.insert(id, self.texts.of(generation, frame.function));
        }
    }
}

impl Listener for TimelinesListener {
    type Answer = Timelines;

    fn begin(&mut self, _: &Generation) {
        self.texts.begin();
        self.generations += 1;
    }

    fn event(&mut self, generation: &Generation, event: &Event) {
        self.moments.of(event);
        match event.kind() {
            EventKind::StateTransition(Transition::Goroutine { id, from, to, stack, .. }) => {
                self.name(generation, id, stack);
                if from != to {
                    self.goroutine(event, id, from, to);
                }
            }
            EventKind::StateTransition(Transition::Proc { id, from, to }) if from != to => {
                // Its goroutine is in a system call, without it from now on.
                if let Some(proc) = id.get().filter(|_| from == ProcState::Running) {
                    self.leaves(proc);
                }
            }
            _ => {}
        }
    }

    fn finish(mut self) -> Timelines {
        let mut left: Vec<GoID> = self.executing.keys().copied().collect();
        left.sort_unstable();
        left.into_iter().for_each(|id| self.stops(id));
        let duration_ns = self.moments.last();
        let [procs, threads] = self.rows.map(|rows| {
            rows.into_iter().map(|(id, row)| row.finish(id)).collect::<Vec<Timeline>>()
        });
        let mut ids: Vec<i64> = procs.iter().chain(&threads).flat_map(ids).collect();
        ids.sort_unstable();
        ids.dedup();
        let goroutine = |id| {
            let function = self.functions.get(&GoID(id)).map(|&function| self.texts.text(function));
            TimelineGoroutine { id, function: function.unwrap_or_default().to_owned() }
        };
        Timelines {
            duration_ns,
            from_ns: self.query.from_ns.min(duration_ns),
            to_ns: self.query.to_ns.min(duration_ns),
            procs,
            threads,
            goroutines: ids.into_iter().map(goroutine).collect(),
        }
    }
}

fn ids(timeline: &Timeline) -> impl Iterator<Item = i64> + '_ {
    timeline.stays.iter().map(|stay| stay.goroutine)
}
