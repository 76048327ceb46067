//! The events that `go tool trace -d=parsed` prints.
//!
//! ```text
//! M=8033 P=1 G=7 StateTransition Time=450419773440 GoID=8 NotExist->Runnable Reason=""
//! TransitionStack=
//!     program::function @ 0x10b0
//!         src/file.rs:79
//!
//! Stack=
//!     ...
//! ```

use std::collections::BTreeMap;

/// An event. Who it happened to is -1 where it happened to nobody.
#[derive(Debug, Default)]
pub(crate) struct Event {
    pub(crate) thread: i64,
    pub(crate) proc: i64,
    pub(crate) goroutine: i64,
    /// As in `StateTransition`, `TaskBegin`.
    pub(crate) kind: String,
    pub(crate) time: u64,
    /// The states before and after a transition.
    pub(crate) states: Option<(String, String)>,
    /// Everything else on the line, by name, without quotes.
    pub(crate) fields: BTreeMap<String, String>,
    /// The stack of the goroutine that changed its state, leaf first.
    pub(crate) transition_stack: Vec<Frame>,
    /// The stack of the goroutine that emitted the event, leaf first.
    pub(crate) stack: Vec<Frame>,
}

impl Event {
    /// A field that must be there.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// A field that must be a number.
    pub(crate) fn number(&self, name: &str) -> i64 {
        let text = self.field(name);
        text.parse().unwrap_or_else(|_| panic!("{name}={text} in {self:?}"))
    }

    /// Whether a goroutine went from one state to another.
    pub(crate) fn is_transition(&self, from: &str, to: &str) -> bool {
        self.fields.contains_key("GoID")
            && self.states.as_ref().is_some_and(|(old, new)| old == from && new == to)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) function: String,
    pub(crate) pc: u64,
    pub(crate) file: String,
    pub(crate) line: u32,
}

/// Reads the output.
///
/// # Panics
/// When it looks different from what Go 1.27 prints.
pub(crate) fn events(text: &str) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut lines = text.lines();
    let mut in_transition_stack = false;
    while let Some(line) = lines.next() {
        match line {
            "" => {}
            "TransitionStack=" => in_transition_stack = true,
            "Stack=" => in_transition_stack = false,
            _ if line.starts_with('\t') => {
                let frame = frame(line, lines.next().unwrap_or_default());
                let event = events.last_mut().expect("a stack belongs to an event");
                let stack = if in_transition_stack {
                    &mut event.transition_stack
                } else {
                    &mut event.stack
                };
                stack.push(frame);
            }
            _ => events.push(event(line)),
        }
    }
    events
}

/// Two lines: `function @ 0x10b0` and `src/file.rs:79`.
fn frame(function: &str, place: &str) -> Frame {
    read_frame(function, place).unwrap_or_else(|| panic!("not a frame: {function:?} {place:?}"))
}

fn read_frame(function: &str, place: &str) -> Option<Frame> {
    let (function, pc) = function.trim_start().rsplit_once(" @ 0x")?;
    let (file, line) = place.trim_start().rsplit_once(':')?;
    Some(Frame {
        function: function.to_owned(),
        pc: u64::from_str_radix(pc, 16).ok()?,
        file: file.to_owned(),
        line: line.parse().ok()?,
    })
}

fn event(line: &str) -> Event {
    let mut event = Event::default();
    for word in words(line) {
        if let Some((name, value)) = word.split_once('=') {
            event.fields.insert(name.to_owned(), unquoted(value));
        } else if let Some((old, new)) = word.split_once("->") {
            event.states = Some((old.to_owned(), new.to_owned()));
        } else if event.kind.is_empty() {
            event.kind = word.to_owned();
        }
    }
    for (name, place) in
        [("M", &mut event.thread), ("P", &mut event.proc), ("G", &mut event.goroutine)]
    {
        let value = event.fields.remove(name);
        *place = value.and_then(|v| v.parse().ok()).unwrap_or_else(|| panic!("no {name}: {line}"));
    }
    let time = event.fields.remove("Time");
    event.time = time.and_then(|v| v.parse().ok()).unwrap_or_else(|| panic!("no time: {line}"));
    event
}

/// Splits at spaces that are not inside quotes.
fn words(line: &str) -> Vec<&str> {
    let (mut words, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ' ' if !quoted => {
                words.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&line[start..]);
    words
}

/// A Go string without its quotes and escapes, of which only `\"`, `\\`, `\n` and `\t` are known.
fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        text.push(match c {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(c @ ('"' | '\\')) => c,
                other => panic!("an escape unknown here, {other:?}: {value}"),
            },
            c => c,
        });
    }
    text
}
