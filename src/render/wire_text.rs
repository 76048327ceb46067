//! The raw events of a file as text, a line each.

use std::io::{Read, Write};

use super::raw::{FRAME_FIELDS, Names, RawError, RawEvent, RawEvents, names};
use super::{number, quote};

/// Text is handed on when there is so much of it.
const FULL_BYTES: usize = 128 << 10;

/// Writes every event of the file `input` as it lies there, a line each, with the names of its
/// arguments; frames of stacks and texts follow on lines of their own.
///
/// # Errors
/// When the file cannot be read or the output not written, and where the file makes no sense any more.
/// Everything before that is written. A file that ends between two numbers of an event ends well.
///
/// # Go
/// What `go tool trace -d=wire` prints, byte for byte.
pub fn write(input: impl Read, mut output: impl Write) -> Result<(), RawError> {
    let mut text = Text::new();
    let outcome = text.all(input, &mut output);
    let flushed = text.flush(&mut output).and_then(|()| output.flush().map_err(RawError::Output));
    outcome.and(flushed)
}

struct Text {
    /// What stands before each argument of an event: its name, for the first one also the event's.
    labels: Vec<Labels>,
    frame_labels: Vec<String>,
    out: Vec<u8>,
}

struct Labels {
    event: &'static str,
    args: Vec<String>,
}

impl Labels {
    fn new(names: &Names) -> Labels {
        let label = |(n, arg): (usize, &&str)| match n {
            0 => format!("{} {arg}=", names.event),
            _ => format!(" {arg}="),
        };
        Labels { event: names.event, args: names.args.iter().enumerate().map(label).collect() }
    }
}

impl Text {
    fn new() -> Text {
        let before = |n| if n == 0 { "\n\t" } else { " " };
        let fields = FRAME_FIELDS.iter().enumerate();
        Text {
            labels: names().iter().map(Labels::new).collect(),
            frame_labels: fields.map(|(n, field)| format!("{}{field}=", before(n))).collect(),
            out: Vec::with_capacity(FULL_BYTES + (64 << 10)),
        }
    }

    fn all(&mut self, input: impl Read, output: &mut impl Write) -> Result<(), RawError> {
        let mut events = RawEvents::open(input)?;
        while let Some(event) = events.next()? {
            self.event(&event);
            if self.out.len() >= FULL_BYTES {
                self.flush(output)?;
            }
        }
        Ok(())
    }

    fn event(&mut self, event: &RawEvent<'_>) {
        let labels = &self.labels[usize::from(event.number)];
        let (own, of_frames) = event.args.split_at(labels.args.len());
        if own.is_empty() {
            self.out.extend_from_slice(labels.event.as_bytes());
        }
        for (label, &arg) in labels.args.iter().zip(own) {
            self.out.extend_from_slice(label.as_bytes());
            number::decimal(&mut self.out, arg);
        }
        for (label, &arg) in self.frame_labels.iter().cycle().zip(of_frames) {
            self.out.extend_from_slice(label.as_bytes());
            number::decimal(&mut self.out, arg);
        }
        // As in Go, an empty text is not shown.
        if !event.data.is_empty() {
            self.out.extend_from_slice(b"\n\tdata=");
            quote::go(&mut self.out, event.data);
        }
        self.out.push(b'\n');
    }

    fn flush(&mut self, output: &mut impl Write) -> Result<(), RawError> {
        output.write_all(&self.out).map_err(RawError::Output)?;
        self.out.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mut file = b"go 1.26 trace\0\0\0".to_vec();
        file.extend([1, 1, 2, 172, 2, 9, 21, 3, 4, 5, 6, 2, 3, 7, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
        file.extend(b"\x05\x09\x02a\n\x05\x0a\x00\x34\x35\x80\x01\x02\x03\x04");
        let mut out = Vec::new();
        write(&file[..], &mut out).unwrap();
        let expected = "EventBatch gen=1 m=2 time=300 size=9\n\
            GoUnblock dt=3 g=4 g_seq=5 stack=6\nStacks\nStack id=7 nframes=2\n\
            \tpc=1 func=2 file=3 line=4\n\tpc=5 func=6 file=7 line=8\n\
            String id=9\n\tdata=\"a\\n\"\nString id=10\nEndOfGeneration\n\n\
            Span dt=1 id=2 npages_value=3 kindclass=4\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn what_comes_before_an_error_is_written() {
        let mut out = Vec::new();
        let error = write(&b"go 1.22 trace\0\0\0\x0b\x05\x00"[..], &mut out).unwrap_err();
        assert_eq!(error.to_string(), "invalid event type: 0");
        assert_eq!(out, b"ProcStop dt=5\n");
    }
}
