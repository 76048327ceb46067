//! Events for people, a line each.

use super::{clean, duration, rfc3339};
use crate::reader::{
    Event, EventKind, Frame, Generation, Log, Range, RangeName, Region, Resource, StackId,
    StringId, Sync, Task, TaskID, Transition,
};

/// Appends a line about an event, `time_ns` after the first one; with `stacks` its stacks follow, and
/// without them there is the innermost frame of the program's own.
pub(crate) fn event(
    generation: &Generation,
    event: &Event,
    time_ns: i64,
    stacks: bool,
    out: &mut Vec<u8>,
) {
    let words = Words { generation };
    let who = |letter, id: Option<i64>| id.map_or("-".into(), |id| format!("{letter}{id}"));
    let mut line = format!(
        "{:>14} {:>7} {:>4} {:>9} {:<16} {}",
        duration::seconds(time_ns),
        who('G', event.goroutine().get()),
        who('P', event.proc().get()),
        who('M', event.thread().get()),
        event.wire_name(),
        words.details(event),
    );
    let own = own_stack(event).filter(|own| *own != event.stack());
    if stacks {
        words.stack(event.stack(), &mut line);
        if let Some(own) = own {
            line += "\n        in which it begins:";
            words.stack(own, &mut line);
        }
    } else {
        words.innermost(event.stack(), " at ", &mut line);
        words.innermost(own.unwrap_or_default(), " in ", &mut line);
    }
    out.extend_from_slice(line.trim_end().as_bytes());
    out.push(b'\n');
}

/// The stack of a goroutine whose state changes.
fn own_stack(event: &Event) -> Option<StackId> {
    match event.kind() {
        EventKind::StateTransition(Transition::Goroutine { stack, .. }) => Some(stack),
        _ => None,
    }
}

/// How names of functions begin that are not the program's own.
const RUNTIMES: [&[u8]; 2] = [b"runtime.", b"gort::"];

struct Words<'a> {
    generation: &'a Generation,
}

impl Words<'_> {
    fn details(&self, event: &Event) -> String {
        match event.kind() {
            EventKind::StateTransition(transition) => self.transition(transition),
            EventKind::Sync(sync) => self.sync(sync),
            EventKind::Metric(metric) => format!("{} = {}", metric.name.name(), metric.value),
            EventKind::Label(label) => self.quoted(label.label),
            EventKind::RangeBegin(range)
            | EventKind::RangeActive(range)
            | EventKind::RangeEnd(range) => self.range(range),
            EventKind::TaskBegin(task) | EventKind::TaskEnd(task) => self.task(task),
            EventKind::RegionBegin(region) | EventKind::RegionEnd(region) => self.region(region),
            EventKind::Log(log) => self.log(log),
            EventKind::Experimental(event) => {
                event.args().map(|(name, value)| format!("{name}={value} ")).collect()
            }
            EventKind::StackSample => String::new(),
        }
    }

    fn transition(&self, transition: Transition) -> String {
        match transition {
            Transition::Goroutine { id, from, to, reason, .. } => {
                let reason = self.text(reason);
                let reason = if reason.is_empty() { reason } else { format!(" ({reason})") };
                format!("goroutine {id}: {} -> {}{reason}", from.name(), to.name())
            }
            Transition::Proc { id, from, to } => {
                format!("proc {id}: {} -> {}", from.name(), to.name())
            }
        }
    }

    fn sync(&self, sync: Sync) -> String {
        if sync.is_end {
            return "the trace ends".into();
        }
        let wall = self.generation.clocks();
        let wall = wall.map(|clocks| rfc3339::text(clocks.wall_s, clocks.wall_ns, 0));
        let number = self.generation.number();
        format!("generation {number} begins {}", wall.unwrap_or_default())
    }

    fn range(&self, range: Range) -> String {
        let name = match range.name {
            RangeName::StopTheWorld(reason) => {
                format!("{} ({})", range.name.name(), self.text(reason))
            }
            name => name.name().to_owned(),
        };
        let swept = range.swept.map(|(swept, reclaimed)| {
            format!(", {swept} bytes swept, {reclaimed} bytes reclaimed")
        });
        let scope = match range.scope {
            Resource::None => String::new(),
            Resource::Goroutine(id) => format!(", goroutine {id}"),
            Resource::Proc(id) => format!(", proc {id}"),
            Resource::Thread(id) => format!(", thread {id}"),
        };
        format!("{name}{scope}{}", swept.unwrap_or_default())
    }

    fn task(&self, task: Task) -> String {
        let parent = match task.parent {
            TaskID::NONE | TaskID::BACKGROUND => String::new(),
            parent => format!(" of task {parent}"),
        };
        format!("task {} {}{parent}", task.id, self.quoted(task.name))
    }

    fn region(&self, region: Region) -> String {
        format!("{}{}", self.quoted(region.name), of_task(region.task))
    }

    fn log(&self, log: Log) -> String {
        let category = self.text(log.category);
        let category = if category.is_empty() { category } else { format!("{category}: ") };
        format!("{category}{}{}", self.quoted(log.message), of_task(log.task))
    }

    fn text(&self, id: StringId) -> String {
        clean::text(&self.generation.text(id))
    }

    fn quoted(&self, id: StringId) -> String {
        format!("{:?}", self.generation.text(id))
    }

    /// Of the program's own frames; where there is none, of all.
    fn innermost(&self, stack: StackId, before: &str, line: &mut String) {
        let is_user = |frame: &Frame| {
            let function = self.generation.bytes(frame.function);
            !RUNTIMES.iter().any(|runtime| function.starts_with(runtime))
        };
        let mut frames = self.generation.stack(stack);
        let first = frames.next();
        if let Some(frame) = first.filter(is_user).or_else(|| frames.find(is_user)).or(first) {
            let file = clean::file(&self.generation.text(frame.file));
            *line += &format!("{before}{} {file}:{}", self.text(frame.function), frame.line);
        }
    }

    fn stack(&self, stack: StackId, line: &mut String) {
        for frame in self.generation.stack(stack) {
            let (function, file) = (self.text(frame.function), self.text(frame.file));
            *line += &format!("\n        {function}\n            {file}:{}", frame.line);
        }
    }
}

fn of_task(task: TaskID) -> String {
    if task == TaskID::BACKGROUND { String::new() } else { format!(" of task {task}") }
}
