//! The events of a trace as a table: text, or JSON.

use std::io::Write;

use super::error::Error;
use super::event_json::Objects;
use super::event_text::Lines;
use super::sink::Sink;
use crate::analysis::Filter;
use crate::reader::Reader;

/// How events are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFormat {
    /// A line for each event, with the innermost frame of its stack.
    Lines,
    /// A line for each event, and its stacks below.
    Stacks,
    /// An object of JSON on a line for each event.
    ///
    /// All have `time_ns` (since the trace's first event), `event` (the name in the file) and `kind`
    /// (the name Go's tools have for what it means). `thread`, `proc`, `goroutine` (who ran) and
    /// `stack` are left out where there is none. By kind there are
    ///
    /// | `kind` | |
    /// | --- | --- |
    /// | `StateTransition` | `of_goroutine` or `of_proc`; `from`, `to`; `reason`, unless it is empty; `own_stack`, of the goroutine whose state changes |
    /// | `Sync` | `number`; `clock_ns`, the time by the trace's clock; `wall`, from version 1.25 on |
    /// | `Metric` | `metric`, `value` |
    /// | `Label` | `label`, `of_goroutine` |
    /// | `RangeBegin`, `RangeActive`, `RangeEnd` | `range`; `of_goroutine` or `of_proc`, unless it is the whole program's; `swept_bytes` and `reclaimed_bytes` at the end of a sweep |
    /// | `TaskBegin`, `TaskEnd` | `task`; `parent`, if it is known; `name` |
    /// | `RegionBegin`, `RegionEnd` | `task` (0 is none), `name` |
    /// | `Log` | `task` (0 is none), `category`, `message` |
    /// | `Experimental` | `experiment`; `arg_NAME` for each argument |
    ///
    /// A stack is an array of frames, the innermost first: `function`, `file`, `line`, and `pc`, a text.
    Json,
}

/// Writes the events of a trace that a filter lets through.
///
/// # Errors
/// When the output cannot be written; and when the trace is damaged, after what comes before that was
/// written.
pub fn write(
    mut reader: Reader<'_>,
    filter: Filter,
    format: EventFormat,
    output: impl Write,
) -> Result<(), Error> {
    let mut sink = Sink::new(output);
    let mut matcher = filter.matcher();
    let mut objects = Objects::new();
    let mut lines = Lines::new(format == EventFormat::Stacks);
    let outcome = loop {
        let event = match reader.next() {
            Some(Ok(event)) => event,
            Some(Err(error)) => break Err(error.into()),
            None => break Ok(()),
        };
        let generation = reader.generation();
        if event.begins_generation() {
            matcher.begin();
            objects.begin();
            lines.begin();
        }
        if matcher.is_over(&event) {
            break Ok(());
        }
        if matcher.matches(generation, &event) {
            let time_ns = matcher.time_ns(&event);
            let out = &mut sink.bytes;
            match format {
                EventFormat::Json => objects.event(generation, &event, time_ns, out),
                EventFormat::Lines | EventFormat::Stacks => {
                    lines.event(generation, &event, time_ns, out);
                }
            }
            sink.flush_if_full()?;
        }
    };
    sink.flush()?;
    outcome
}
