//! Events as text, as Go's tools print them.

use std::io::{self, Write};

use gort::reader::{
    Event, EventKind, Generation, Range, RangeName, Resource, StackId, StringId, Transition,
};

/// Writes an event, as `go tool trace -d=parsed` does, but of the kind `Sync`.
pub(crate) fn print(out: &mut Vec<u8>, event: &Event, of: &Generation) {
    // Nothing fails in memory.
    write(out, event, of).unwrap();
    out.push(b'\n');
}

fn write(out: &mut Vec<u8>, event: &Event, of: &Generation) -> io::Result<()> {
    let kind = event.kind();
    if let EventKind::Sync(sync) = kind {
        write!(out, "Sync Time={} N={}", event.time(), sync.number)?;
        return if sync.is_end { Ok(()) } else { write_generation(out, of) };
    }
    let (thread, proc, goroutine) = (event.thread(), event.proc(), event.goroutine());
    write!(out, "M={thread} P={proc} G={goroutine} {} Time={}", kind.name(), event.time())?;
    match kind {
        EventKind::Metric(metric) => {
            write!(out, " Name={:?} Value=Value{{Uint64({})}}", metric.name.name(), metric.value)?;
        }
        EventKind::Label(label) => {
            out.extend_from_slice(b" Label=");
            quote(out, of.bytes(label.label));
            write!(out, " Resource=Goroutine({})", label.goroutine)?;
        }
        EventKind::RangeBegin(range) | EventKind::RangeActive(range) => {
            write_range(out, &range, of)?
        }
        EventKind::RangeEnd(range) => {
            write_range(out, &range, of)?;
            out.extend_from_slice(b" Attributes=[");
            if let Some((swept, reclaimed)) = range.swept {
                write!(out, "\"bytes swept\"=Value{{Uint64({swept})}} ")?;
                write!(out, "\"bytes reclaimed\"=Value{{Uint64({reclaimed})}}")?;
            }
            out.push(b']');
        }
        EventKind::TaskBegin(task) | EventKind::TaskEnd(task) => {
            write!(out, " ID={} Parent={} Type=", task.id, task.parent)?;
            quote(out, of.bytes(task.name));
        }
        EventKind::RegionBegin(region) | EventKind::RegionEnd(region) => {
            write!(out, " Task={} Type=", region.task)?;
            quote(out, of.bytes(region.name));
        }
        EventKind::Log(log) => {
            write!(out, " Task={} Category=", log.task)?;
            quote(out, of.bytes(log.category));
            out.extend_from_slice(b" Message=");
            quote(out, of.bytes(log.message));
        }
        EventKind::StateTransition(transition) => write_transition(out, event, transition, of)?,
        EventKind::Experimental(experimental) => {
            let args =
                experimental.args().map(|(name, arg)| format!("{name}=Value{{Uint64({arg})}}"));
            let args: Vec<_> = args.collect();
            write!(out, " Name={} Args=[{}]", experimental.name(), args.join(", "))?;
        }
        _ => {}
    }
    if !event.stack().is_none() || kind == EventKind::StackSample {
        out.extend_from_slice(b"\nStack=\n");
        write_stack(out, event.stack(), of)?;
    }
    Ok(())
}

fn write_generation(out: &mut Vec<u8>, of: &Generation) -> io::Result<()> {
    if let Some(clocks) = of.clocks() {
        let (trace, mono) = (clocks.trace, clocks.monotonic_ns);
        // As Go does, nanoseconds are made to be less than a second.
        let wall_s = clocks.wall_s.wrapping_add(clocks.wall_ns.div_euclid(1_000_000_000));
        let wall_ns = clocks.wall_ns.rem_euclid(1_000_000_000);
        write!(out, " Trace={trace} Mono={mono} Wall={wall_s}+{wall_ns}")?;
    }
    for batch in of.experimental_batches() {
        let bytes: String = batch.data.iter().map(|byte| format!("{byte:02x}")).collect();
        write!(out, " AllocFree={}:{bytes}", batch.thread)?;
    }
    Ok(())
}

fn write_range(out: &mut Vec<u8>, range: &Range, of: &Generation) -> io::Result<()> {
    let mut name = range.name.name().as_bytes().to_vec();
    if let RangeName::StopTheWorld(reason) = range.name {
        name.extend_from_slice(b" (");
        name.extend_from_slice(of.bytes(reason));
        name.push(b')');
    }
    out.extend_from_slice(b" Name=");
    quote(out, &name);
    match range.scope {
        Resource::None => write!(out, " Scope=None"),
        Resource::Goroutine(id) => write!(out, " Scope=Goroutine({id})"),
        Resource::Proc(id) => write!(out, " Scope=Proc({id})"),
        Resource::Thread(id) => write!(out, " Scope=Thread({id})"),
    }
}

fn write_transition(
    out: &mut Vec<u8>,
    event: &Event,
    transition: Transition,
    of: &Generation,
) -> io::Result<()> {
    match transition {
        Transition::Goroutine { id, from, to, reason, stack } => {
            write!(out, " GoID={id} {}->{} Reason=", from.name(), to.name())?;
            quote(out, of.bytes(reason));
            // To Go, the stack that a new goroutine does not have is a stack.
            let is_new = matches!(event.wire_name(), "GoCreate" | "GoCreateBlocked");
            if is_new || !stack.is_none() {
                out.extend_from_slice(b"\nTransitionStack=\n");
                write_stack(out, stack, of)?;
            }
            Ok(())
        }
        Transition::Proc { id, from, to } => {
            write!(out, " ProcID={id} {}->{} Reason=\"\"", from.name(), to.name())
        }
    }
}

fn write_stack(out: &mut Vec<u8>, stack: StackId, of: &Generation) -> io::Result<()> {
    for frame in of.stack(stack) {
        let mut name = |id: StringId, before: &[u8]| {
            out.extend_from_slice(before);
            out.extend_from_slice(of.bytes(id));
        };
        name(frame.function, b"\t");
        writeln!(out, " @ 0x{:x}", frame.pc)?;
        out.extend_from_slice(b"\t\t");
        out.extend_from_slice(of.bytes(frame.file));
        writeln!(out, ":{}", frame.line)?;
    }
    Ok(())
}

/// Quotes as Go does.
fn quote(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().for_each(|c| quote_char(out, c));
        for byte in chunk.invalid() {
            out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
    }
    out.push(b'"');
}

fn quote_char(out: &mut Vec<u8>, c: char) {
    let text = match c {
        '"' | '\\' => format!("\\{c}"),
        '\x07' => "\\a".to_owned(),
        '\x08' => "\\b".to_owned(),
        '\x0c' => "\\f".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\x0b' => "\\v".to_owned(),
        '\0'..=' ' if c != ' ' => format!("\\x{:02x}", u32::from(c)),
        '\x7f' => "\\x7f".to_owned(),
        c if c.is_ascii() || c.escape_debug().len() == 1 => c.to_string(),
        c if u32::from(c) < 0x10000 => format!("\\u{:04x}", u32::from(c)),
        c => format!("\\U{:08x}", u32::from(c)),
    };
    out.extend_from_slice(text.as_bytes());
}
