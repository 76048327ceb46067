//! From events to what is shown of them.
//!
//! Who runs where is told as `go tool trace` tells it: a goroutine is on its processor's row from the
//! moment it starts until it stops, or until the processor is taken away in a system call.

use std::collections::BTreeMap;

use super::goroutine::Goroutine;
use super::lane::{Lane, Lasting};
use super::stage::{Arg, Arrow, At, Counter, Mark, Row, Stage};
use crate::analysis::moments::Moments;
use crate::analysis::texts::{TextId, Texts};
use crate::reader::hash::{Map, Set};
use crate::reader::{
    Event, EventKind, Generation, GoID, GoState, Label, Log, Metric, MetricName, ProcID, ProcState,
    Range, Region, Resource, StackId, StringId, Task, TaskID, Transition,
};

/// From here on a heap's goal means that there is none.
const NO_GOAL_BYTES: u64 = 1 << 50;

/// What goes on, and who is told of it.
pub(super) struct Scene<S> {
    stage: S,
    texts: Texts,
    goroutines: Map<GoID, Goroutine>,
    /// In the order of their numbers, for the end.
    procs: BTreeMap<i64, Lane>,
    collector: Lane,
    tasks: Set<TaskID>,
    /// How many goroutines are in each state.
    states: [i64; 6],
    threads: i64,
    arrows: u64,
    generations: u64,
    moments: Moments,
    has_network: bool,
    has_runtime: bool,
    is_open: bool,
    /// A name in the making.
    name: String,
}

/// A goroutine's change of state.
struct Change {
    id: GoID,
    from: GoState,
    to: GoState,
    reason: StringId,
    stack: StackId,
}

impl<S: Stage> Scene<S> {
    pub(super) fn new(stage: S) -> Scene<S> {
        Scene {
            stage,
            texts: Texts::default(),
            goroutines: Map::default(),
            procs: BTreeMap::new(),
            collector: Lane::default(),
            tasks: Set::default(),
            states: [0; 6],
            threads: 0,
            arrows: 0,
            generations: 0,
            moments: Moments::default(),
            has_network: false,
            has_runtime: false,
            is_open: false,
            name: String::new(),
        }
    }

    /// Another generation begins.
    pub(super) fn begin_generation(&mut self) {
        self.texts.begin();
        self.stage.begin_generation();
        self.generations += 1;
    }

    /// The next event.
    pub(super) fn event(&mut self, generation: &Generation, event: &Event, out: &mut Vec<u8>) {
        self.open(out);
        let at = &mut At { generation, now: self.moments.of(event), out };
        match event.kind() {
            EventKind::StateTransition(Transition::Goroutine { id, from, to, reason, stack }) => {
                self.goroutine(at, event, &Change { id, from, to, reason, stack });
            }
            EventKind::StateTransition(Transition::Proc { id, from, to }) => {
                self.proc(at, event, id, from, to);
            }
            EventKind::RangeBegin(range) => self.range_begin(at, event, range, false),
            EventKind::RangeActive(range) => self.range_begin(at, event, range, true),
            EventKind::RangeEnd(range) => self.range_end(at, event, range),
            EventKind::Metric(metric) => self.metric(at, metric),
            EventKind::Label(label) => self.label(at, label),
            EventKind::TaskBegin(task) => self.task_begin(at, event, task),
            EventKind::TaskEnd(task) => self.task_end(at, event, task),
            EventKind::RegionBegin(region) => self.region_begin(at, event, region),
            EventKind::RegionEnd(_) => self.region_end(at, event),
            EventKind::Log(log) => self.log(at, event, log),
            EventKind::StackSample => {
                self.instant(at, event.proc(), Mark::new("CPU profile sample", event.stack()));
            }
            _ => {}
        }
    }

    fn open(&mut self, out: &mut Vec<u8>) {
        if !self.is_open {
            self.is_open = true;
            self.stage.open(out);
            self.stage.row(Row::Collector, "GC", out);
        }
    }

    /// There is nothing more: what lasts ends.
    pub(super) fn finish(&mut self, generation: &Generation, out: &mut Vec<u8>) {
        self.open(out);
        let at = &mut At { generation, now: self.moments.last(), out };
        let nothing = Mark::new("", StackId::NONE);
        while self.collector.pop().is_some() {
            self.stage.end(at, Row::Collector, nothing);
        }
        for (&proc, lane) in &mut self.procs {
            while lane.pop().is_some() {
                self.stage.end(at, Row::Proc(proc), nothing);
            }
        }
        let mut in_regions: Vec<(GoID, usize)> =
            self.goroutines.iter().map(|(&id, goroutine)| (id, goroutine.regions)).collect();
        in_regions.retain(|(_, regions)| *regions > 0);
        in_regions.sort_unstable();
        for (id, regions) in in_regions {
            for _ in 0..regions {
                self.stage.end(at, Row::Regions(id.0), nothing);
            }
        }
        let mut tasks: Vec<TaskID> = self.tasks.iter().copied().collect();
        tasks.sort_unstable();
        for task in tasks {
            self.stage.end(at, Row::Task(task.0), nothing);
        }
        self.stage.close(at.out);
    }

    fn goroutine(&mut self, at: &mut At<'_>, event: &Event, change: &Change) {
        let &Change { id, from, to, stack, .. } = change;
        let goroutine = self.goroutines.entry(id).or_default();
        if goroutine.function.is_none()
            && let Some(frame) = at.generation.stack(stack).last()
        {
            goroutine.function = Some(self.texts.of(at.generation, frame.function));
        }
        if from == to {
            return;
        }
        match (from, to) {
            (GoState::Syscall, GoState::Running) => self.syscall_returns(at, event, id),
            (GoState::Running, GoState::Syscall) => self.syscall_begins(at, event, id, false),
            _ => self.starts_or_stops(at, event, change),
        }
        self.count_state(at, from, to);
        if to == GoState::NotExist {
            self.ends(at, id);
        }
    }

    fn starts_or_stops(&mut self, at: &mut At<'_>, event: &Event, change: &Change) {
        let &Change { id, from, to, reason, .. } = change;
        if from.is_executing() && !to.is_executing() {
            self.stops(at, event, id, to, reason);
        }
        match from {
            GoState::Waiting => self.is_woken(at, event, id, false),
            GoState::NotExist if to == GoState::Runnable => self.is_woken(at, event, id, true),
            _ => {}
        }
        let is_old = from == GoState::Undetermined;
        match to {
            GoState::Running => self.starts(at, event, id, is_old),
            GoState::Syscall => self.syscall_begins(at, event, id, is_old),
            _ => {}
        }
    }

    fn starts(&mut self, at: &mut At<'_>, event: &Event, id: GoID, is_old: bool) {
        let Some(proc) = event.proc().get() else { return };
        self.end_other(at, proc);
        let now = at.now;
        // It did so before anything was known.
        if is_old && self.generations <= 1 {
            at.now = 0;
        }
        self.know_proc(at, proc);
        self.begin(at, proc, Lasting::Goroutine(id));
        if let Some(goroutine) = self.goroutines.get_mut(&id) {
            goroutine.proc = Some(proc);
            for range in goroutine.ranges.clone() {
                self.begin(at, proc, Lasting::Range(id, range));
            }
        }
        at.now = now;
    }

    /// On a processor one goroutine runs at a time: one that is not known to have left it does so now.
    fn end_other(&mut self, at: &mut At<'_>, proc: i64) {
        let Some(other) = self.procs.get(&proc).and_then(Lane::goroutine) else { return };
        self.end(at, proc, Lasting::Goroutine(other), Mark::new("", StackId::NONE));
        self.goroutines.get_mut(&other).into_iter().for_each(|goroutine| goroutine.proc = None);
    }

    /// Is off its processor, if it is on one.
    fn stops(&mut self, at: &mut At<'_>, event: &Event, id: GoID, to: GoState, reason: StringId) {
        let generations = self.generations;
        let Some(goroutine) = self.goroutines.get_mut(&id) else { return };
        let own = event.goroutine() == id;
        goroutine.stopped = if own { event.stack() } else { StackId::NONE };
        goroutine.stopped_in = generations;
        let is_told = reason != StringId::EMPTY;
        let text = is_told.then(|| self.texts.of(at.generation, reason));
        goroutine.reason = text.filter(|_| to == GoState::Waiting);
        let (stack, proc) = (goroutine.stopped, goroutine.proc.take());
        let text = text.map_or("", |text| self.texts.text(text)).to_owned();
        let args = [("reason", Arg::Text(&text))];
        let mark = Mark { args: &args[..usize::from(is_told)], ..Mark::new("", stack) };
        if let Some(proc) = proc {
            self.end(at, proc, Lasting::Goroutine(id), mark);
        }
    }

    fn is_woken(&mut self, at: &mut At<'_>, event: &Event, id: GoID, is_new: bool) {
        self.arrows += 1;
        let Some(goroutine) = self.goroutines.get_mut(&id) else { return };
        goroutine.arrow = self.arrows;
        let reason = goroutine.reason.take().map_or("", |reason| self.texts.text(reason));
        let mut name = std::mem::take(&mut self.name);
        name.clear();
        name += if is_new { "go" } else { "unblock" };
        if !reason.is_empty() {
            name.extend([" (", reason, ")"]);
        }
        let is_network = reason.contains("network");
        let args = [("goroutine", Arg::Number(id.0))];
        let arrow = Arrow::From(self.arrows);
        let mark = Mark { arrow, args: &args, ..Mark::new(&name, event.stack()) };
        if is_network {
            if !std::mem::replace(&mut self.has_network, true) {
                self.stage.row(Row::Network, "Network", at.out);
            }
            self.stage.instant(at, Row::Network, mark);
        } else {
            self.instant(at, event.proc(), mark);
        }
        self.name = name;
    }

    fn syscall_begins(&mut self, at: &mut At<'_>, event: &Event, id: GoID, is_old: bool) {
        if self.goroutines.get(&id).is_none_or(|goroutine| goroutine.proc.is_none()) {
            self.starts(at, event, id, is_old);
        }
        let proc = self.goroutines.get(&id).and_then(|goroutine| goroutine.proc);
        let Some(proc) = proc else { return };
        let lasting = Lasting::Syscall(id);
        self.procs.entry(proc).or_default().begin(lasting);
        let now = at.now;
        if is_old && self.generations <= 1 {
            at.now = 0;
        }
        self.stage.begin(at, Row::Proc(proc), Mark::new("syscall", event.stack()));
        at.now = now;
    }

    /// With the processor it went with, or with another one.
    fn syscall_returns(&mut self, at: &mut At<'_>, event: &Event, id: GoID) {
        match self.goroutines.get(&id).and_then(|goroutine| goroutine.proc) {
            Some(proc) => {
                let args = [("blocked", Arg::Text("no"))];
                let mark = Mark { args: &args, ..Mark::new("", StackId::NONE) };
                self.end(at, proc, Lasting::Syscall(id), mark);
            }
            None => self.starts(at, event, id, false),
        }
    }

    /// Lives no longer, and is in no region.
    fn ends(&mut self, at: &mut At<'_>, id: GoID) {
        let Some(goroutine) = self.goroutines.remove(&id) else { return };
        for _ in 0..goroutine.regions {
            self.stage.end(at, Row::Regions(id.0), Mark::new("", StackId::NONE));
        }
    }

    fn count_state(&mut self, at: &mut At<'_>, from: GoState, to: GoState) {
        for (state, change) in [(from, -1), (to, 1)] {
            let counter = match state {
                GoState::Runnable => Counter::Runnable,
                GoState::Running => Counter::Running,
                GoState::Waiting => Counter::Waiting,
                GoState::Syscall => Counter::Syscall,
                GoState::Undetermined | GoState::NotExist => continue,
            };
            let count = &mut self.states[state as usize];
            *count += change;
            self.stage.count(at, counter, *count);
        }
    }

    fn proc(&mut self, at: &mut At<'_>, event: &Event, id: ProcID, from: ProcState, to: ProcState) {
        let Some(proc) = id.get().filter(|_| from != to) else { return };
        self.know_proc(at, proc);
        let args = [("thread", Arg::Number(event.thread().0))];
        let mark = |name| Mark { args: &args, ..Mark::new(name, event.stack()) };
        if to == ProcState::Running {
            self.stage.instant(at, Row::Proc(proc), mark("proc start"));
            self.threads += 1;
        } else if from == ProcState::Running {
            self.leaves_syscall(at, proc);
            self.stage.instant(at, Row::Proc(proc), mark("proc stop"));
            self.threads -= 1;
        }
        self.stage.count(at, Counter::Threads, self.threads);
    }

    /// A processor stops while its goroutine is in a system call: that one is there without it.
    fn leaves_syscall(&mut self, at: &mut At<'_>, proc: i64) {
        let Some(Lasting::Syscall(id)) = self.procs.get(&proc).and_then(Lane::last) else { return };
        let args = [("blocked", Arg::Text("yes"))];
        let nothing = Mark::new("", StackId::NONE);
        self.end(at, proc, Lasting::Syscall(id), Mark { args: &args, ..nothing });
        self.end(at, proc, Lasting::Goroutine(id), nothing);
        self.goroutines.get_mut(&id).into_iter().for_each(|goroutine| goroutine.proc = None);
    }

    fn know_proc(&mut self, at: &mut At<'_>, proc: i64) {
        self.procs.entry(proc).or_insert_with(|| {
            self.stage.row(Row::Proc(proc), &format!("Proc {proc}"), at.out);
            Lane::default()
        });
    }

    /// Something begins on a processor's row.
    fn begin(&mut self, at: &mut At<'_>, proc: i64, lasting: Lasting) {
        self.procs.entry(proc).or_default().begin(lasting);
        self.show(at, Row::Proc(proc), lasting);
    }

    fn show(&mut self, at: &mut At<'_>, row: Row, lasting: Lasting) {
        let Scene { stage, texts, goroutines, name, .. } = self;
        match lasting {
            Lasting::Goroutine(id) => {
                let goroutine = goroutines.entry(id).or_default();
                goroutine.name_into(id, texts, name);
                let is_known = goroutine.stopped_in == self.generations;
                let stack = if is_known { goroutine.stopped } else { StackId::NONE };
                let arrow = match std::mem::take(&mut goroutine.arrow) {
                    0 => Arrow::None,
                    number => Arrow::To(number),
                };
                stage.begin(at, row, Mark { name, stack, arrow, args: &[] });
            }
            Lasting::Syscall(_) => stage.begin(at, row, Mark::new("syscall", StackId::NONE)),
            Lasting::Range(_, text) | Lasting::Own(text) => {
                stage.begin(at, row, Mark::new(texts.text(text), StackId::NONE));
            }
        }
    }

    /// Something ends on a processor's row, with what began there after it; of that the rest goes on.
    fn end(&mut self, at: &mut At<'_>, proc: i64, lasting: Lasting, mark: Mark<'_>) {
        let Some(ending) = self.procs.get_mut(&proc).and_then(|lane| lane.end(lasting)) else {
            return;
        };
        for _ in 0..ending.above {
            self.stage.end(at, Row::Proc(proc), Mark::new("", StackId::NONE));
        }
        self.stage.end(at, Row::Proc(proc), mark);
        for lasting in ending.again {
            self.show(at, Row::Proc(proc), lasting);
        }
    }

    /// On a processor's row, or on that of the runtime where there is none.
    fn instant(&mut self, at: &mut At<'_>, proc: ProcID, mark: Mark<'_>) {
        let row = match proc.get() {
            Some(proc) => {
                self.know_proc(at, proc);
                Row::Proc(proc)
            }
            None => {
                if !std::mem::replace(&mut self.has_runtime, true) {
                    self.stage.row(Row::Runtime, "Runtime", at.out);
                }
                Row::Runtime
            }
        };
        self.stage.instant(at, row, mark);
    }

    fn range_begin(&mut self, at: &mut At<'_>, event: &Event, range: Range, is_active: bool) {
        let name = self.texts.range_name(at.generation, range.name);
        // In a later generation that is no news.
        if is_active && self.generations > 1 {
            return;
        }
        match range.scope {
            Resource::None => self.collector_begins(at, event, name, is_active),
            Resource::Proc(id) => {
                let Some(proc) = id.get() else { return };
                self.know_proc(at, proc);
                if self.procs.get(&proc).is_some_and(|lane| !lane.has(Lasting::Own(name))) {
                    self.begin(at, proc, Lasting::Own(name));
                }
            }
            Resource::Goroutine(id) => {
                let Some(goroutine) = self.goroutines.get_mut(&id) else { return };
                if goroutine.ranges.contains(&name) {
                    return;
                }
                goroutine.ranges.push(name);
                if let Some(proc) = goroutine.proc {
                    self.begin(at, proc, Lasting::Range(id, name));
                }
            }
            Resource::Thread(_) => {}
        }
    }

    fn collector_begins(&mut self, at: &mut At<'_>, event: &Event, name: TextId, is_active: bool) {
        let lasting = Lasting::Own(name);
        if self.collector.has(lasting) {
            return;
        }
        self.collector.begin(lasting);
        let now = at.now;
        if is_active {
            at.now = 0;
        }
        let mark = Mark::new(self.texts.text(name), event.stack());
        self.stage.begin(at, Row::Collector, mark);
        at.now = now;
    }

    fn range_end(&mut self, at: &mut At<'_>, event: &Event, range: Range) {
        let name = self.texts.range_name(at.generation, range.name);
        let swept = range.swept.unwrap_or_default();
        let args = [
            ("swept bytes", Arg::Number(swept.0 as i64)),
            ("reclaimed bytes", Arg::Number(swept.1 as i64)),
        ];
        let args = if range.swept.is_some() { &args[..] } else { &[] };
        let mark = Mark { args, ..Mark::new("", event.stack()) };
        match range.scope {
            Resource::None => {
                let ending = self.collector.end(Lasting::Own(name));
                if ending.is_some() {
                    self.stage.end(at, Row::Collector, mark);
                }
            }
            Resource::Proc(proc) => self.end(at, proc.0, Lasting::Own(name), mark),
            Resource::Goroutine(id) => {
                let Some(goroutine) = self.goroutines.get_mut(&id) else { return };
                goroutine.ranges.retain(|range| *range != name);
                if let Some(proc) = goroutine.proc {
                    self.end(at, proc, Lasting::Range(id, name), mark);
                }
            }
            Resource::Thread(_) => {}
        }
    }

    fn metric(&mut self, at: &mut At<'_>, metric: Metric) {
        let (counter, value) = match metric.name {
            MetricName::GoMaxProcs => (Counter::MaxProcs, metric.value),
            MetricName::HeapObjects => (Counter::HeapAllocated, metric.value),
            MetricName::HeapGoal if metric.value > NO_GOAL_BYTES => (Counter::HeapGoal, 0),
            MetricName::HeapGoal => (Counter::HeapGoal, metric.value),
        };
        self.stage.count(at, counter, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn label(&mut self, at: &mut At<'_>, label: Label) {
        let text = self.texts.of(at.generation, label.label);
        let goroutine = self.goroutines.get_mut(&label.goroutine);
        goroutine.into_iter().for_each(|goroutine| goroutine.label = Some(text));
    }

    /// A task has a row of its own, from its begin, or that of the trace.
    fn task_row(&mut self, at: &mut At<'_>, task: Task) -> String {
        let name = at.generation.text(task.name).into_owned();
        self.stage.row(Row::Task(task.id.0), &format!("T{} {name}", task.id), at.out);
        name
    }

    fn task_begin(&mut self, at: &mut At<'_>, event: &Event, task: Task) {
        if !self.tasks.insert(task.id) {
            return;
        }
        let name = self.task_row(at, task);
        let args = [
            ("task", Arg::Number(task.id.0 as i64)),
            ("goroutine", Arg::Number(event.goroutine().0)),
            ("parent", Arg::Number(task.parent.0 as i64)),
        ];
        let has_parent = ![TaskID::NONE, TaskID::BACKGROUND].contains(&task.parent);
        let args = if has_parent { &args[..] } else { &args[..2] };
        let mark = Mark { args, ..Mark::new(&name, event.stack()) };
        self.stage.begin(at, Row::Task(task.id.0), mark);
    }

    fn task_end(&mut self, at: &mut At<'_>, event: &Event, task: Task) {
        if !self.tasks.remove(&task.id) {
            let name = self.task_row(at, task);
            let now = std::mem::take(&mut at.now);
            let args = [("task", Arg::Number(task.id.0 as i64))];
            let mark = Mark { args: &args, ..Mark::new(&name, StackId::NONE) };
            self.stage.begin(at, Row::Task(task.id.0), mark);
            at.now = now;
        }
        let args = [("ended by goroutine", Arg::Number(event.goroutine().0))];
        let mark = Mark { args: &args, ..Mark::new("", event.stack()) };
        self.stage.end(at, Row::Task(task.id.0), mark);
    }

    fn region_row(&mut self, at: &mut At<'_>, id: GoID) -> Option<&mut Goroutine> {
        let goroutine = self.goroutines.get_mut(&id)?;
        if !goroutine.has_row {
            goroutine.has_row = true;
            goroutine.name_into(id, &self.texts, &mut self.name);
            self.stage.row(Row::Regions(id.0), &self.name, at.out);
        }
        Some(goroutine)
    }

    fn region_begin(&mut self, at: &mut At<'_>, event: &Event, region: Region) {
        let id = event.goroutine();
        let Some(goroutine) = self.region_row(at, id) else { return };
        goroutine.regions += 1;
        let name = at.generation.text(region.name);
        let args = [("task", Arg::Number(region.task.0 as i64))];
        let mark = Mark { args: &args, ..Mark::new(&name, event.stack()) };
        self.stage.begin(at, Row::Regions(id.0), mark);
    }

    /// Ends the innermost; one that began before the trace is not shown.
    fn region_end(&mut self, at: &mut At<'_>, event: &Event) {
        let id = event.goroutine();
        let Some(goroutine) = self.goroutines.get_mut(&id) else { return };
        if goroutine.regions > 0 {
            goroutine.regions -= 1;
            self.stage.end(at, Row::Regions(id.0), Mark::new("", event.stack()));
        }
    }

    fn log(&mut self, at: &mut At<'_>, event: &Event, log: Log) {
        let (category, message) =
            (at.generation.text(log.category), at.generation.text(log.message));
        let name = match &*category {
            "" => message.into_owned(),
            category => format!("[{category}] {message}"),
        };
        let args = [("task", Arg::Number(log.task.0 as i64))];
        let mark = Mark { args: &args, ..Mark::new(&name, event.stack()) };
        self.instant(at, event.proc(), mark);
    }
}
