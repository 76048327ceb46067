//! The share of the processors that is left to the program, as a function of time.

use super::Listener;
use super::moments::Moments;
use super::mutator::{MutatorOptions, MutatorUtilization};
use super::utilization::MAX_PROCS;
use crate::reader::hash::{Map, Set};
use crate::reader::{
    Event, EventKind, Generation, GoID, GoState, MetricName, ProcID, Range, RangeName, Resource,
    Transition,
};

/// A function of time that is constant between points. It ends with the last one.
#[derive(Debug, Default)]
pub(crate) struct Function {
    /// From then on it has this value.
    points: Vec<(i64, f64)>,
}

impl Function {
    fn add(&mut self, time: i64, value: f64) {
        match self.points.last_mut() {
            Some((_, last)) if *last == value => {}
            // Of a moment the smallest value counts.
            Some((at, last)) if *at == time => *last = last.min(value),
            _ => self.points.push((time, value)),
        }
    }

    /// Where it begins and ends.
    pub(crate) fn bounds(&self) -> (i64, i64) {
        let time = |point: Option<&(i64, f64)>| point.map_or(0, |point| point.0);
        (time(self.points.first()), time(self.points.last()))
    }

    /// The smallest mean in a window of this length, or the whole if that is shorter, and where the
    /// first such window begins.
    ///
    /// Between the moments at which either end of the window passes a point the mean changes evenly, so
    /// it is smallest at one of those.
    pub(crate) fn minimum(&self, window: i64) -> (f64, i64) {
        let (begin, end) = self.bounds();
        let window = window.min(end - begin);
        if window <= 0 {
            return (1.0, begin);
        }
        let (mut left, mut right) = (Place::new(&self.points), Place::new(&self.points));
        let mut time = begin;
        let mut smallest = (f64::INFINITY, begin);
        loop {
            let mean = (right.integral(time + window) - left.integral(time)) / window as f64;
            if mean < smallest.0 {
                smallest = (mean, time);
            }
            if time == end - window {
                return smallest;
            }
            let next = left.next().min(right.next().saturating_sub(window));
            time = next.min(end - window);
        }
    }
}

/// A moment that goes on, and the integral up to it.
struct Place<'a> {
    points: &'a [(i64, f64)],
    /// The last point that is not after it.
    at: usize,
    /// The integral up to that point.
    sum: f64,
}

impl<'a> Place<'a> {
    fn new(points: &'a [(i64, f64)]) -> Place<'a> {
        Place { points, at: 0, sum: 0.0 }
    }

    fn integral(&mut self, time: i64) -> f64 {
        while let Some(next) = self.points.get(self.at + 1).filter(|next| next.0 <= time) {
            let (begin, value) = self.points[self.at];
            self.sum += value * (next.0 - begin) as f64;
            self.at += 1;
        }
        let (begin, value) = self.points[self.at];
        self.sum + value * (time - begin) as f64
    }

    /// The next point's time.
    fn next(&self) -> i64 {
        self.points.get(self.at + 1).map_or(i64::MAX, |next| next.0)
    }
}

/// Makes the functions: one, or one for each processor. An event takes the same time however many
/// processors there are, but for those that stop the world or change how many there may be.
pub(crate) struct MutatorListener {
    options: MutatorOptions,
    functions: Vec<Function>,
    procs: Vec<Proc>,
    /// On how many of them something goes on that is the collector's.
    taken: usize,
    /// Which of them are to be recorded, and which in the next moment.
    changed: Vec<usize>,
    again: Vec<usize>,
    /// How many processors there were, from when on.
    counts: Vec<(i64, usize)>,
    /// How many ranges went on as the trace began, by how many points they are still to be taken from.
    went_on: Vec<(usize, u64)>,
    stops: i64,
    was_stopped: bool,
    /// Who assists the collector, or is of it.
    assisting: Set<GoID>,
    workers: Set<GoID>,
    /// The processors they were seen on last.
    places: Map<GoID, ProcID>,
    states: Map<GoID, GoState>,
    syncs: u64,
    moments: Moments,
    now: i64,
    /// The moment that was recorded last.
    recorded: i64,
}

/// A processor.
#[derive(Debug)]
struct Proc {
    /// How many things that are the collector's go on on it.
    collects: i64,
    function: usize,
}

impl MutatorListener {
    pub(crate) fn new(options: MutatorOptions) -> MutatorListener {
        MutatorListener {
            options,
            functions: Vec::new(),
            procs: Vec::new(),
            taken: 0,
            changed: Vec::new(),
            again: Vec::new(),
            counts: Vec::new(),
            went_on: Vec::new(),
            stops: 0,
            was_stopped: false,
            assisting: Set::default(),
            workers: Set::default(),
            places: Map::default(),
            states: Map::default(),
            syncs: 0,
            moments: Moments::default(),
            now: 0,
            recorded: 0,
        }
    }

    fn max_procs(&mut self, count: usize) {
        while self.procs.len() > count {
            let proc = self.procs.pop().expect("there are more");
            self.taken -= usize::from(proc.collects > 0);
            if self.options.per_proc {
                self.functions[proc.function].add(self.now, 0.0);
            }
        }
        while self.procs.len() < count {
            if self.options.per_proc || self.functions.is_empty() {
                self.functions.push(Function { points: vec![(self.now, 1.0)] });
            }
            let function = if self.options.per_proc { self.functions.len() - 1 } else { 0 };
            self.changed.push(self.procs.len());
            self.procs.push(Proc { collects: 0, function });
        }
        if self.counts.last().is_none_or(|last| last.1 != count) {
            self.counts.push((self.now, count));
        }
    }

    fn collects(&mut self, proc: ProcID, by: i64) {
        let Ok(at) = usize::try_from(proc.0) else { return };
        let Some(proc) = self.procs.get_mut(at) else { return };
        let was_taken = proc.collects > 0;
        proc.collects += by;
        let is_taken = proc.collects > 0;
        self.taken = self.taken + usize::from(is_taken) - usize::from(was_taken);
        if is_taken != was_taken {
            self.changed.push(at);
        }
    }

    fn is_stop(&self, generation: &Generation, range: Range) -> bool {
        let RangeName::StopTheWorld(reason) = range.name else { return false };
        self.options.stw && generation.text(reason).contains("GC")
    }

    /// Begins or ends what takes a processor.
    fn range(&mut self, generation: &Generation, event: &Event, range: Range, by: i64) {
        if self.is_stop(generation, range) {
            self.stops += by;
            return;
        }
        match range.name {
            RangeName::Sweep if self.options.sweep => self.collects(event.proc(), by),
            RangeName::MarkAssist if self.options.assist => {
                self.collects(event.proc(), by);
                let Resource::Goroutine(id) = range.scope else { return };
                if by > 0 {
                    self.assisting.insert(id);
                    self.places.insert(id, event.proc());
                } else {
                    self.assisting.remove(&id);
                }
            }
            _ => {}
        }
    }

    /// What went on as the trace began did so all the time until now: in the first generation that is
    /// news.
    fn range_goes_on(&mut self, event: &Event, range: Range) {
        let runs = self.states.get(&event.goroutine()).is_some_and(|state| state.is_executing());
        let counts = match range.name {
            RangeName::MarkAssist => self.options.assist && runs,
            RangeName::Sweep => self.options.sweep,
            _ => false,
        };
        if !counts || self.options.per_proc {
            return;
        }
        // What comes next is compared with the last point; the others have time until the end.
        let Some((last, before)) = self.functions[0].points.split_last_mut() else { return };
        take(last, 1, &self.counts);
        match self.went_on.last_mut() {
            Some((points, ranges)) if *points == before.len() => *ranges += 1,
            _ => self.went_on.push((before.len(), 1)),
        }
    }

    /// Takes what went on as the trace began from the points that were there then.
    fn take_what_went_on(&mut self) {
        let mut ranges = 0;
        let first = self.went_on.last().map_or(0, |(points, _)| *points);
        for at in (0..first).rev() {
            while let Some((_, more)) = self.went_on.pop_if(|(points, _)| *points > at) {
                ranges += more;
            }
            take(&mut self.functions[0].points[at], ranges, &self.counts);
        }
    }

    fn goroutine(&mut self, event: &Event, id: GoID, from: GoState, to: GoState) {
        if self.assisting.contains(&id) || self.workers.contains(&id) {
            let runs = |state: GoState| i64::from(state.is_executing());
            let proc = self.place(event, id);
            self.collects(proc, runs(to) - runs(from));
        }
        if self.options.assist && self.syncs <= 1 {
            self.states.insert(id, to);
        }
    }

    /// The processor that a goroutine of the collector starts or stops to run on. Whose processor was
    /// taken away in a system call stops without one: it takes none of that one any more.
    ///
    /// A worker is in no system call. But who runs after a worker that was preempted is labelled as
    /// one, too: the label tells of the processor (Go 1.27.3, `traceLocker.GoStart`). There the page
    /// of `go tool trace` fails: "index out of range [-1]" in `MutatorUtilizationV2`.
    fn place(&mut self, event: &Event, id: GoID) -> ProcID {
        if event.proc() != ProcID::NONE {
            self.places.insert(id, event.proc());
            return event.proc();
        }
        self.places.get(&id).copied().unwrap_or(ProcID::NONE)
    }

    /// The collector's workers tell by their labels what they are.
    fn label(&mut self, event: &Event, label: &str) {
        let is_idle = label == "GC (idle)";
        // Who has a processor to itself is not in the way of what runs on others.
        let is_apart = self.options.per_proc && label == "GC (dedicated)";
        if self.options.background && label.starts_with("GC ") && !is_idle && !is_apart {
            self.workers.insert(event.goroutine());
            self.places.insert(event.goroutine(), event.proc());
            self.collects(event.proc(), 1);
        }
    }

    fn record(&mut self) {
        if self.options.per_proc {
            self.record_changed();
        } else if !self.procs.is_empty() {
            self.changed.clear();
            let count = self.procs.len();
            let taken = if self.stops > 0 { count } else { self.taken };
            self.functions[0].add(self.now, 1.0 - taken as f64 / count as f64);
        }
    }

    /// Each processor has its function: those are looked at whose value is another one.
    fn record_changed(&mut self) {
        let is_stopped = self.stops > 0;
        if std::mem::replace(&mut self.was_stopped, is_stopped) != is_stopped {
            self.again.clear();
            self.changed = (0..self.procs.len()).collect();
        }
        if self.now > self.recorded {
            self.recorded = self.now;
            self.changed.append(&mut self.again);
        }
        for at in self.changed.drain(..) {
            let Some(proc) = self.procs.get(at) else { continue };
            let value = if is_stopped || proc.collects > 0 { 0.0 } else { 1.0 };
            let function = &mut self.functions[proc.function];
            function.add(self.now, value);
            // Of this moment there was a smaller one, which counts.
            if function.points.last().is_some_and(|last| last.1 != value) {
                self.again.push(at);
            }
        }
    }
}

/// Takes so many times one processor from a point.
fn take(point: &mut (i64, f64), ranges: u64, counts: &[(i64, usize)]) {
    let at = counts.partition_point(|count| count.0 < point.0).max(1) - 1;
    point.1 = (point.1 - ranges as f64 / counts[at].1 as f64).max(0.0);
}

impl Listener for MutatorListener {
    type Answer = MutatorUtilization;

    fn event(&mut self, generation: &Generation, event: &Event) {
        self.now = self.moments.of(event);
        match event.kind() {
            EventKind::Sync(sync) => self.syncs = sync.number,
            EventKind::Metric(metric) if metric.name == MetricName::GoMaxProcs => {
                self.max_procs(metric.value.min(MAX_PROCS) as usize);
            }
            EventKind::StateTransition(Transition::Goroutine { id, from, to, .. })
                if !self.procs.is_empty() =>
            {
                // Most goroutines have nothing to do with it.
                let before = self.assisting.len() + self.workers.len();
                self.goroutine(event, id, from, to);
                if before == 0 {
                    return;
                }
            }
            _ if self.procs.is_empty() => return,
            EventKind::RangeActive(range) if self.syncs <= 1 => {
                self.range_goes_on(event, range);
                self.range(generation, event, range, 1);
            }
            EventKind::RangeBegin(range) => self.range(generation, event, range, 1),
            EventKind::RangeEnd(range) => self.range(generation, event, range, -1),
            EventKind::Label(label) => self.label(event, &generation.text(label.label)),
            _ => return,
        }
        self.record();
    }

    fn finish(mut self) -> MutatorUtilization {
        self.take_what_went_on();
        for proc in &self.procs {
            self.functions[proc.function].add(self.now, 0.0);
        }
        MutatorUtilization::new(self.options, &self.functions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::event::Context;
    use crate::reader::{ThreadID, Time};
    use crate::wire::event::EventType;

    #[test]
    fn the_smallest_mean() {
        let function = Function { points: vec![(0, 1.0), (10, 0.0), (12, 0.5), (20, 0.0)] };
        assert_eq!(function.minimum(2), (0.0, 10));
        assert_eq!(function.minimum(4), (0.25, 10));
        assert_eq!(function.minimum(100), ((10.0 + 4.0) / 20.0, 0));
        assert_eq!(Function { points: vec![(3, 1.0)] }.minimum(5), (1.0, 3));
    }

    #[test]
    fn a_system_call_that_ends_without_its_processor() {
        let mut listener = MutatorListener::new(MutatorOptions::default());
        listener.max_procs(2);
        let id = GoID(7);
        let on = |proc| Context { goroutine: id, proc, thread: ThreadID(1) };
        let event = |time, proc| Event::new(EventType::GoLabel, Time(time), on(proc));
        listener.label(&event(1, ProcID(1)), "GC (dedicated)");
        assert_eq!(listener.taken, 1);
        listener.goroutine(&event(2, ProcID(1)), id, GoState::Running, GoState::Syscall);
        assert_eq!(listener.taken, 1);
        listener.goroutine(&event(3, ProcID::NONE), id, GoState::Syscall, GoState::Runnable);
        assert_eq!(listener.taken, 0);
    }
}
