//! The lives of all goroutines, and what they did for tasks.
//!
//! One pass for three answers: goroutines, tasks and regions. The rules are those of the summaries
//! of `go tool trace`, down to where they are odd.

use std::collections::HashMap;

use super::Listener;
use super::life::Life;
use super::moments::Moments;
use super::spent::Spent;
use super::stacks::Site;
use super::task_lives::{LogLife, TaskLives};
use super::texts::{TextId, Texts};
use crate::reader::hash::Map;
use crate::reader::{
    Event, EventKind, Generation, GoID, GoState, ProcID, ProcState, Range, Region, Resource,
    StackId, TaskID, Transition,
};

/// What Go's runtime calls a wait that nothing ends.
const FOREVER: &str = "forever";

/// Everything that was seen. Moments are nanoseconds since the first event.
#[derive(Debug)]
pub(crate) struct Lives {
    pub(crate) texts: Texts,
    pub(crate) all: Vec<Life>,
    pub(crate) regions: Vec<RegionLife>,
    pub(crate) tasks: TaskLives,
    pub(crate) last: i64,
    /// The place in `all` of the last goroutine with a number.
    by_id: Map<GoID, usize>,
    /// Who is in a system call on which processor.
    syscall_on: Map<ProcID, GoID>,
    syscall_of: Map<GoID, ProcID>,
    /// Who ran as a range of a processor began.
    proc_ranges: HashMap<(ProcID, TextId), GoID>,
    /// When the generation began.
    sync: i64,
    moments: Moments,
    empty: TextId,
    forever: TextId,
}

/// A region of a goroutine.
#[derive(Debug)]
pub(crate) struct RegionLife {
    pub(crate) name: TextId,
    pub(crate) task: TaskID,
    pub(crate) goroutine: GoID,
    /// Missing where the trace began in it.
    pub(crate) begin: Option<i64>,
    /// Missing where the trace ended in it.
    pub(crate) end: Option<i64>,
    /// The root of the stack it began on.
    pub(crate) root: Option<Site>,
    /// What the goroutine spent in it; as long as it lasts that is not known.
    pub(crate) spent: Spent,
    /// Whether it counts; as long as it lasts that is not known.
    pub(crate) counts: bool,
}

impl RegionLife {
    /// One that has not ended.
    fn new(
        name: TextId,
        task: TaskID,
        goroutine: GoID,
        begin: Option<i64>,
        root: Option<Site>,
    ) -> RegionLife {
        let (end, spent, counts) = (None, Spent::default(), false);
        RegionLife { name, task, goroutine, begin, end, root, spent, counts }
    }
}

impl Lives {
    pub(crate) fn new() -> Lives {
        let mut texts = Texts::default();
        let (empty, forever) = (texts.named(""), texts.named(FOREVER));
        Lives {
            texts,
            all: Vec::new(),
            regions: Vec::new(),
            tasks: TaskLives::default(),
            last: 0,
            by_id: Map::default(),
            syscall_on: Map::default(),
            syscall_of: Map::default(),
            proc_ranges: HashMap::new(),
            sync: 0,
            moments: Moments::default(),
            empty,
            forever,
        }
    }

    /// A goroutine's function, or nothing.
    pub(crate) fn name_of(&self, life: &Life) -> &str {
        self.texts.text(life.name.unwrap_or(self.empty))
    }

    fn life(&mut self, id: GoID) -> Option<&mut Life> {
        let at = *self.by_id.get(&id)?;
        self.all.get_mut(at)
    }

    fn add(&mut self, id: GoID, created: i64) {
        self.by_id.insert(id, self.all.len());
        self.all.push(Life::new(id, created));
    }

    fn root(&mut self, generation: &Generation, stack: StackId) -> Option<Site> {
        let frame = generation.stack(stack).last()?;
        Some(Site::of(&mut self.texts, generation, frame))
    }

    fn goroutine(&mut self, context: &Context<'_>, change: &Change) {
        let &Change { id, from, to, reason, stack } = change;
        if from == to {
            return;
        }
        let now = context.now;
        match from {
            GoState::Undetermined => self.found(context, change),
            GoState::NotExist => self.created(context, id),
            GoState::Syscall => self.syscall_ends(id, now),
            _ => self.life(id).into_iter().for_each(|life| life.leave(from, now)),
        }
        if self.life(id).is_some_and(|life| life.name.is_none()) {
            let name = self.root(context.generation, stack).map(|root| root.function);
            self.life(id).into_iter().for_each(|life| life.name = name);
        }
        let ends = to == GoState::NotExist || to == GoState::Waiting && reason == self.forever;
        if ends {
            return self.ends(id, Some(now));
        }
        self.life(id).into_iter().for_each(|life| life.enter(to, reason, now));
        if to == GoState::Syscall {
            self.syscall_on.insert(context.event.proc(), id);
            self.syscall_of.insert(id, context.event.proc());
        }
    }

    /// The first news of a goroutine that was there before: it was in that state since the
    /// generation began.
    fn found(&mut self, context: &Context<'_>, change: &Change) {
        let (sync, lasted) = (self.sync, context.now - self.sync);
        self.add(change.id, sync);
        let has_proc = context.event.proc() != ProcID::NONE;
        let life = self.all.last_mut().expect("just added");
        life.was(change.to, change.reason, has_proc, lasted);
    }

    /// A new goroutine works for the task of the region that its creator is in.
    fn created(&mut self, context: &Context<'_>, id: GoID) {
        let creator = context.event.goroutine();
        let outer = self.life(creator).and_then(|life| life.region());
        self.add(id, context.now);
        self.all.last_mut().expect("just added").is_new = true;
        let Some(outer) = outer else { return };
        let root = self.root(context.generation, context.event.stack());
        let task = self.regions[outer].task;
        let region = RegionLife::new(self.empty, task, id, Some(context.now), root);
        self.all.last_mut().expect("just added").inherit(self.regions.len());
        self.regions.push(region);
    }

    fn syscall_ends(&mut self, id: GoID, now: i64) {
        self.life(id).into_iter().for_each(|life| life.leave(GoState::Syscall, now));
        if let Some(proc) = self.syscall_of.remove(&id) {
            self.syscall_on.remove(&proc);
        }
    }

    /// A processor that goes idle while its goroutine is in a system call was taken from it.
    fn proc(&mut self, id: ProcID, from: ProcState, to: ProcState, now: i64) {
        if from == to || to != ProcState::Idle {
            return;
        }
        if let Some(goroutine) = self.syscall_on.remove(&id) {
            self.life(goroutine).into_iter().for_each(|life| life.loses_proc(now));
        }
    }

    /// A goroutine ends, or the trace does: so do the regions it is in. Those of the runtime's own
    /// goroutines do not count.
    fn ends(&mut self, id: GoID, ended: Option<i64>) {
        let Some(&at) = self.by_id.get(&id) else { return };
        self.finish_life(at, ended);
    }

    fn finish_life(&mut self, at: usize, ended: Option<i64>) {
        let now = ended.unwrap_or(self.last);
        let life = &mut self.all[at];
        life.ended = ended.or(life.ended);
        let is_system = is_system(self.texts.text(life.name.unwrap_or(self.empty)));
        while let Some((at, spent)) = life.region_end(now) {
            let region = &mut self.regions[at];
            region.end = ended;
            region.spent = spent;
            region.counts = !is_system;
        }
        life.finish(now);
    }

    fn range_begin(&mut self, context: &Context<'_>, range: Range, is_active: bool) {
        let name = self.texts.range_name(context.generation, range.name);
        let id = match range.scope {
            Resource::Goroutine(id) => id,
            Resource::Proc(proc) => {
                let id = context.event.goroutine();
                if self.life(id).is_some() {
                    self.proc_ranges.insert((proc, name), id);
                }
                id
            }
            _ => return,
        };
        let (sync, now) = (self.sync, context.now);
        match self.life(id) {
            Some(life) if is_active => life.range_goes_on(name, sync),
            Some(life) => life.range_begin(name, now),
            None => {}
        }
    }

    /// Of a processor's range a goroutine has only what begins and ends with it.
    fn range_end(&mut self, context: &Context<'_>, range: Range) {
        let name = self.texts.range_name(context.generation, range.name);
        let ran = context.event.goroutine();
        let id = match range.scope {
            Resource::Goroutine(id) => Some(id),
            Resource::Proc(proc) => {
                self.proc_ranges.remove(&(proc, name)).filter(|began| *began == ran)
            }
            _ => None,
        };
        let now = context.now;
        id.and_then(|id| self.life(id)).into_iter().for_each(|life| life.range_end(name, now));
    }

    fn region_begin(&mut self, context: &Context<'_>, region: Region) {
        let id = context.event.goroutine();
        let name = self.texts.of(context.generation, region.name);
        let root = self.root(context.generation, context.event.stack());
        let at = self.regions.len();
        let now = context.now;
        let Some(life) = self.life(id) else { return };
        life.region_begin(at, now);
        self.regions.push(RegionLife::new(name, region.task, id, Some(now), root));
        self.tasks.region(region.task, at, self.empty);
    }

    /// Ends the innermost region; where there is none, the trace began in it.
    fn region_end(&mut self, context: &Context<'_>, region: Region) {
        let (id, now) = (context.event.goroutine(), context.now);
        let name = self.texts.of(context.generation, region.name);
        let added = self.regions.len();
        let Some(life) = self.life(id) else { return };
        let (at, spent) = life.region_end(now).unwrap_or_else(|| (added, life.spent_at(now)));
        if at == added {
            self.regions.push(RegionLife::new(name, region.task, id, None, None));
            self.tasks.region(region.task, at, self.empty);
        }
        let region = &mut self.regions[at];
        region.end = Some(now);
        region.counts = true;
        region.spent = spent;
    }
}

/// An event, and what goes with it.
struct Context<'a> {
    generation: &'a Generation,
    event: &'a Event,
    now: i64,
}

/// A goroutine's change of state.
struct Change {
    id: GoID,
    from: GoState,
    to: GoState,
    reason: TextId,
    stack: StackId,
}

/// Whether a goroutine that began in this function is the runtime's own.
pub(crate) fn is_system(function: &str) -> bool {
    function.is_empty() || function != "runtime.main" && function.starts_with("runtime.")
}

impl Listener for Lives {
    type Answer = Lives;

    fn begin(&mut self, _: &Generation) {
        self.texts.begin();
    }

    fn event(&mut self, generation: &Generation, event: &Event) {
        let now = self.moments.of(event);
        self.last = now;
        let context = Context { generation, event, now };
        match event.kind() {
            EventKind::Sync(_) => self.sync = now,
            EventKind::StateTransition(Transition::Goroutine { id, from, to, reason, stack }) => {
                let reason = self.texts.of(generation, reason);
                self.goroutine(&context, &Change { id, from, to, reason, stack });
            }
            EventKind::StateTransition(Transition::Proc { id, from, to }) => {
                self.proc(id, from, to, now);
            }
            EventKind::RangeBegin(range) => self.range_begin(&context, range, false),
            EventKind::RangeActive(range) => self.range_begin(&context, range, true),
            EventKind::RangeEnd(range) => self.range_end(&context, range),
            EventKind::RegionBegin(region) => self.region_begin(&context, region),
            EventKind::RegionEnd(region) => self.region_end(&context, region),
            EventKind::TaskBegin(task) => {
                let name = self.texts.of(generation, task.name);
                self.tasks.begins(task, name, event.goroutine(), now, self.empty);
            }
            EventKind::TaskEnd(task) => {
                let name = self.texts.of(generation, task.name);
                self.tasks.ends(task, name, now, self.empty);
            }
            EventKind::Log(log) => {
                let category = self.texts.of(generation, log.category);
                let message = generation.text(log.message).into_owned();
                let goroutine = event.goroutine();
                let life = LogLife { time: now, goroutine, category, message };
                self.tasks.log(log.task, life, self.empty);
            }
            _ => {}
        }
    }

    fn finish(mut self) -> Lives {
        for at in 0..self.all.len() {
            self.finish_life(at, None);
        }
        self.by_id = Map::default();
        self
    }
}
