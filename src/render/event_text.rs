//! Events for people, a line each.

use super::cache::Cache;
use super::{clean, number, rfc3339};
use crate::reader::{
    Event, EventKind, Frame, Generation, Log, Range, RangeName, Region, Resource, StackId,
    StringId, Sync, Task, TaskID, Transition,
};

/// Makes the lines.
pub(crate) struct Lines {
    /// Whether whole stacks are shown, and not only the innermost frame of the program's own.
    has_stacks: bool,
    /// What is shown of a stack.
    stacks: Cache<StackId>,
    /// Reasons for changes of state, in parentheses.
    reasons: Cache<StringId>,
}

impl Lines {
    pub(crate) fn new(has_stacks: bool) -> Lines {
        let shown = if has_stacks { whole_stack } else { innermost };
        Lines { has_stacks, stacks: Cache::new(shown), reasons: Cache::new(reason) }
    }

    /// Another generation begins, with ids of its own.
    pub(crate) fn begin(&mut self) {
        self.stacks.clear();
        self.reasons.clear();
    }

    /// Appends a line about an event, `time_ns` after the first one, and its stacks.
    pub(crate) fn event(
        &mut self,
        generation: &Generation,
        event: &Event,
        time_ns: i64,
        out: &mut Vec<u8>,
    ) {
        aligned(out, 14, |out| seconds(out, time_ns));
        who(out, 7, b'G', event.goroutine().get());
        who(out, 4, b'P', event.proc().get());
        who(out, 9, b'M', event.thread().get());
        out.push(b' ');
        padded(out, event.wire_name(), 19);
        out.push(b' ');
        match event.kind() {
            EventKind::StateTransition(transition) => self.transition(generation, transition, out),
            kind => out.extend_from_slice(Words { generation }.details(kind).as_bytes()),
        }
        self.put_stacks(generation, event, out);
        let end = out.iter().rposition(|&byte| byte != b' ').map_or(0, |at| at + 1);
        out.truncate(end);
        out.push(b'\n');
    }

    fn transition(&mut self, generation: &Generation, of: Transition, out: &mut Vec<u8>) {
        let (kind, id, from, to) = match of {
            Transition::Goroutine { id, from, to, .. } => {
                ("goroutine ", id.0, from.name(), to.name())
            }
            Transition::Proc { id, from, to } => ("proc ", id.0, from.name(), to.name()),
        };
        out.extend_from_slice(kind.as_bytes());
        number::signed(out, id);
        for word in [": ", from, " -> ", to] {
            out.extend_from_slice(word.as_bytes());
        }
        if let Transition::Goroutine { reason, .. } = of {
            self.reasons.put(generation, reason, out);
        }
    }

    fn put_stacks(&mut self, generation: &Generation, event: &Event, out: &mut Vec<u8>) {
        let own = own_stack(event).filter(|own| *own != event.stack() && !own.is_none());
        let [at, within] =
            if self.has_stacks { ["", "\n        in which it begins:"] } else { [" at ", " in "] };
        if !event.stack().is_none() {
            out.extend_from_slice(at.as_bytes());
            self.stacks.put(generation, event.stack(), out);
        }
        if let Some(own) = own {
            out.extend_from_slice(within.as_bytes());
            self.stacks.put(generation, own, out);
        }
    }
}

/// Appends what `put` appends, behind as many spaces as make it so wide.
fn aligned(out: &mut Vec<u8>, width: usize, put: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.resize(begin + width, b' ');
    put(out);
    let spaces = width.min(out.len() - begin - width);
    out.drain(begin..begin + spaces);
}

fn padded(out: &mut Vec<u8>, text: &str, width: usize) {
    let begin = out.len();
    out.extend_from_slice(text.as_bytes());
    out.resize(out.len().max(begin + width), b' ');
}

/// A column about somebody, or nobody.
fn who(out: &mut Vec<u8>, width: usize, letter: u8, id: Option<i64>) {
    out.push(b' ');
    aligned(out, width, |out| match id {
        None => out.push(b'-'),
        Some(id) => {
            out.push(letter);
            number::signed(out, id);
        }
    });
}

/// Nanoseconds as seconds, with all decimals.
fn seconds(out: &mut Vec<u8>, ns: i64) {
    if ns < 0 {
        out.push(b'-');
    }
    number::decimal(out, ns.unsigned_abs() / 1_000_000_000);
    // A one before them keeps the zeros.
    let begin = out.len();
    number::decimal(out, 1_000_000_000 + ns.unsigned_abs() % 1_000_000_000);
    out[begin] = b'.';
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
    fn details(&self, kind: EventKind) -> String {
        match kind {
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
            EventKind::StackSample | EventKind::StateTransition(_) => String::new(),
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
}

fn reason(generation: &Generation, id: StringId, out: &mut Vec<u8>) {
    if id != StringId::EMPTY {
        let reason = clean::text(&generation.text(id));
        out.extend_from_slice(format!(" ({reason})").as_bytes());
    }
}

/// The innermost frame of the program's own; where there is none, of all.
fn innermost(generation: &Generation, stack: StackId, out: &mut Vec<u8>) {
    let is_user = |frame: &Frame| {
        let function = generation.bytes(frame.function);
        !RUNTIMES.iter().any(|runtime| function.starts_with(runtime))
    };
    let mut frames = generation.stack(stack);
    let first = frames.next();
    if let Some(frame) = first.filter(is_user).or_else(|| frames.find(is_user)).or(first) {
        let function = clean::text(&generation.text(frame.function));
        let file = clean::file(&generation.text(frame.file));
        out.extend_from_slice(format!("{function} {file}:{}", frame.line).as_bytes());
    }
}

fn whole_stack(generation: &Generation, stack: StackId, out: &mut Vec<u8>) {
    for frame in generation.stack(stack) {
        let [function, file] =
            [frame.function, frame.file].map(|id| clean::text(&generation.text(id)));
        let lines = format!("\n        {function}\n            {file}:{}", frame.line);
        out.extend_from_slice(lines.as_bytes());
    }
}

fn of_task(task: TaskID) -> String {
    if task == TaskID::BACKGROUND { String::new() } else { format!(" of task {task}") }
}
