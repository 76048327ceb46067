//! Tasks, regions and logs.

use super::carried::Carried;
use super::{Order, Place, Step, stack, string, wrong};
use crate::reader::decode::Timed;
use crate::reader::event::Event;
use crate::reader::generation::Generation;
use crate::reader::hash::Map;
use crate::reader::ids::{GoID, StringId, TaskID};

/// Tasks that have begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    active: Map<u64, Task>,
    /// Those that began in this generation.
    fresh: Vec<u64>,
}

#[derive(Debug)]
struct Task {
    parent: TaskID,
    name: StringId,
}

impl Tasks {
    /// A later generation does not have this one's names.
    pub(super) fn carry(&mut self, carried: &mut Carried, before: &Generation) {
        for id in self.fresh.drain(..) {
            if let Some(task) = self.active.get_mut(&id) {
                task.name = carried.name(task.name, before);
            }
        }
    }
}

/// Regions that goroutines are in, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Regions {
    open: Map<i64, Vec<Region>>,
    /// The goroutines that entered one in this generation.
    fresh: Vec<i64>,
}

#[derive(Debug)]
struct Region {
    task: TaskID,
    name: StringId,
}

impl Regions {
    pub(super) fn forget(&mut self, id: GoID) {
        if !self.open.is_empty() {
            self.open.remove(&id.0);
        }
    }

    /// A later generation does not have this one's names.
    pub(super) fn carry(&mut self, carried: &mut Carried, before: &Generation) {
        self.fresh.sort_unstable();
        self.fresh.dedup();
        for id in self.fresh.drain(..) {
            // Those further out were carried before.
            let regions = self.open.get_mut(&id).into_iter().flatten().rev();
            for region in regions.take_while(|region| region.is_of_generation()) {
                region.name = carried.name(region.name, before);
            }
        }
    }

    fn enter(&mut self, id: GoID, region: Region) {
        self.open.entry(id.0).or_default().push(region);
        if self.fresh.last() != Some(&id.0) {
            self.fresh.push(id.0);
        }
    }
}

impl Region {
    fn is_of_generation(&self) -> bool {
        self.name.0 < crate::reader::generation::FIRST_NAME
    }
}

impl Order {
    pub(super) fn user_task_begin(&mut self, ev: &Timed, place: Place, of: &Generation) -> Step {
        let [id, parent, ..] = ev.args;
        if self.tasks.active.contains_key(&id) {
            return Err(wrong(ev, format!("task {id} begins, but goes on already")));
        }
        let parent = if parent == 0 { TaskID::NONE } else { TaskID(parent) };
        let name = string(ev, 2, of)?;
        self.tasks.active.insert(id, Task { parent, name });
        self.tasks.fresh.push(id);
        place.check_user(ev)?;
        let stack = stack(ev, 3, of)?;
        self.emit(Event { args: [id, parent.0, name.0.into()], stack, ..place.event(ev) })
    }

    /// A task may end twice, or without its begin in the trace.
    pub(super) fn user_task_end(&mut self, ev: &Timed, place: Place, of: &Generation) -> Step {
        let id = ev.args[0];
        let task = self.tasks.active.remove(&id);
        let Task { parent, name } =
            task.unwrap_or(Task { parent: TaskID::NONE, name: StringId::EMPTY });
        place.check_user(ev)?;
        let stack = stack(ev, 1, of)?;
        self.emit(Event { args: [id, parent.0, name.0.into()], stack, ..place.event(ev) })
    }

    pub(super) fn user_region_begin(&mut self, ev: &Timed, place: Place, of: &Generation) -> Step {
        place.check_user(ev)?;
        let task = TaskID(ev.args[0]);
        let name = string(ev, 1, of)?;
        self.current(ev.event, place.on.goroutine_slot, place.on.goroutine)?;
        self.regions.enter(place.on.goroutine, Region { task, name });
        self.region(ev, place, name, of)
    }

    /// Of regions that began before the trace nothing is known.
    pub(super) fn user_region_end(&mut self, ev: &Timed, place: Place, of: &Generation) -> Step {
        place.check_user(ev)?;
        let task = TaskID(ev.args[0]);
        let name = string(ev, 1, of)?;
        self.current(ev.event, place.on.goroutine_slot, place.on.goroutine)?;
        let open = self.regions.open.get_mut(&place.on.goroutine.0);
        if let Some(innermost) = open.and_then(Vec::pop) {
            let is_named = innermost.name == name || of.bytes(innermost.name) == of.bytes(name);
            if innermost.task != task || !is_named {
                return Err(misnested(ev, &innermost, of));
            }
        }
        self.region(ev, place, name, of)
    }

    fn region(&mut self, ev: &Timed, place: Place, name: StringId, of: &Generation) -> Step {
        let stack = stack(ev, 2, of)?;
        self.emit(Event { args: [ev.args[0], name.0.into(), 0], stack, ..place.event(ev) })
    }

    pub(super) fn user_log(&mut self, ev: &Timed, place: Place, of: &Generation) -> Step {
        place.check_user(ev)?;
        let stack = stack(ev, 3, of)?;
        let (category, message) = (string(ev, 1, of)?, string(ev, 2, of)?);
        let args = [ev.args[0], category.0.into(), message.0.into()];
        self.emit(Event { args, stack, ..place.event(ev) })
    }
}

#[cold]
fn misnested(ev: &Timed, innermost: &Region, of: &Generation) -> crate::reader::Error {
    let (name, task) = (of.text(innermost.name), innermost.task);
    wrong(ev, format!("expected the end of region {name:?} of task {task}, the innermost one"))
}
