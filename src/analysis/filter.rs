//! Which events one wants to see.

use crate::reader::hash::Map;
use crate::reader::{
    Event, EventKind, Generation, GoID, Resource, StackId, TaskID, Time, Transition,
};

/// Which events one wants to see: those that fit everything that is given. Of a list, one is enough.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// From this moment on, in nanoseconds since the trace's first event.
    pub from_ns: Option<i64>,
    /// Before this moment.
    pub to_ns: Option<i64>,
    /// What these did, and what was done to them.
    pub goroutines: Vec<GoID>,
    /// Of these kinds: names of the file, as `GoBlock`, or of what they mean, as `StateTransition`; in
    /// capitals or not.
    pub kinds: Vec<String>,
    /// With a function in a stack whose name contains one of these.
    pub functions: Vec<String>,
    /// About these tasks: their begin and end, their regions and messages.
    pub tasks: Vec<TaskID>,
}

/// Asks of one event after the other whether a [`Filter`] lets it through.
#[derive(Debug)]
pub struct Matcher {
    filter: Filter,
    first: Option<Time>,
    /// Whether a stack of the generation at hand has a function that is wanted.
    stacks: Map<StackId, bool>,
    /// Whether a kind is wanted, by its name in the file.
    kinds: Vec<(&'static str, bool)>,
}

impl Filter {
    /// A filter at work.
    pub fn matcher(self) -> Matcher {
        Matcher { filter: self, first: None, stacks: Map::default(), kinds: Vec::new() }
    }

    fn is_kind(&self, event: &Event) -> bool {
        let names = [event.wire_name(), event.kind().name()];
        self.kinds.iter().any(|kind| names.iter().any(|name| name.eq_ignore_ascii_case(kind)))
    }

    fn is_of_goroutine(&self, event: &Event) -> bool {
        let of = &self.goroutines;
        of.contains(&event.goroutine()) || subject(event).is_some_and(|id| of.contains(&id))
    }

    fn is_of_task(&self, event: &Event) -> bool {
        let task = match event.kind() {
            EventKind::TaskBegin(task) | EventKind::TaskEnd(task) => task.id,
            EventKind::RegionBegin(region) | EventKind::RegionEnd(region) => region.task,
            EventKind::Log(log) => log.task,
            _ => return false,
        };
        self.tasks.contains(&task)
    }

    fn has_function(&self, generation: &Generation, stack: StackId) -> bool {
        let is_wanted = |name: &str| self.functions.iter().any(|part| name.contains(&**part));
        generation.stack(stack).any(|frame| is_wanted(&generation.text(frame.function)))
    }
}

/// The goroutine that something is done to.
fn subject(event: &Event) -> Option<GoID> {
    match event.kind() {
        EventKind::StateTransition(Transition::Goroutine { id, .. }) => Some(id),
        EventKind::RangeBegin(range)
        | EventKind::RangeActive(range)
        | EventKind::RangeEnd(range) => match range.scope {
            Resource::Goroutine(id) => Some(id),
            _ => None,
        },
        _ => None,
    }
}

impl Matcher {
    /// Another generation begins, with stacks of its own.
    pub fn begin(&mut self) {
        self.stacks.clear();
    }

    /// Whether the filter lets an event through. All events of a trace have to be asked about, in their
    /// order.
    pub fn matches(&mut self, generation: &Generation, event: &Event) -> bool {
        self.first.get_or_insert(event.time());
        let time_ns = self.time_ns(event);
        let filter = &self.filter;
        filter.from_ns.is_none_or(|from_ns| time_ns >= from_ns)
            && filter.to_ns.is_none_or(|to_ns| time_ns < to_ns)
            && (filter.kinds.is_empty() || self.is_kind(event))
            && (self.filter.goroutines.is_empty() || self.filter.is_of_goroutine(event))
            && (self.filter.tasks.is_empty() || self.filter.is_of_task(event))
            && (self.filter.functions.is_empty() || self.has_function(generation, event))
    }

    /// Nanoseconds since the trace's first event.
    pub fn time_ns(&self, event: &Event) -> i64 {
        self.first.map_or(0, |first| event.time().since(first))
    }

    /// Whether neither this event nor any that comes after it is let through.
    pub fn is_over(&self, event: &Event) -> bool {
        self.filter.to_ns.is_some_and(|to_ns| self.time_ns(event) >= to_ns)
    }

    fn is_kind(&mut self, event: &Event) -> bool {
        let name = event.wire_name();
        if let Some((_, is_wanted)) = self.kinds.iter().find(|(known, _)| *known == name) {
            return *is_wanted;
        }
        let is_wanted = self.filter.is_kind(event);
        self.kinds.push((name, is_wanted));
        is_wanted
    }

    fn has_function(&mut self, generation: &Generation, event: &Event) -> bool {
        let own = match event.kind() {
            EventKind::StateTransition(Transition::Goroutine { stack, .. }) => stack,
            _ => StackId::NONE,
        };
        [event.stack(), own].into_iter().filter(|stack| !stack.is_none()).any(|stack| {
            let filter = &self.filter;
            *self.stacks.entry(stack).or_insert_with(|| filter.has_function(generation, stack))
        })
    }
}
