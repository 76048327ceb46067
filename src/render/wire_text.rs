//! What is in a file, as it is in it, as text: a line an event.

use std::io::{Read, Write};

use super::error::Error;
use super::sink::Sink;
use super::{number, quote};
use crate::reader::{RawEvent, RawReader};

/// The names of a frame's numbers, after what goes before them.
const FRAME_LABELS: [&str; 4] = ["\n\tpc=", " func=", " file=", " line="];

/// Writes every event of a file as it is in it, a line each, with the names of its arguments; frames
/// of stacks and the bytes of texts follow on lines of their own.
///
/// # Errors
/// When the output cannot be written; and when the trace cannot be read, or not to its end, after what
/// comes before that was written.
///
/// # Go
/// What `go tool trace -d=wire` prints, byte for byte. That a file ends within an event Go's tool does
/// not always say.
pub fn write(input: impl Read, output: impl Write) -> Result<(), Error> {
    let mut reader = RawReader::new(input)?;
    let mut sink = Sink::new(output);
    let mut lines = Lines::new();
    let mut event = RawEvent::new();
    let outcome = loop {
        match reader.read(&mut event) {
            Ok(true) => lines.event(&event, &mut sink.bytes),
            Ok(false) => break Ok(()),
            Err(error) => break Err(error.into()),
        }
        sink.flush_if_full()?;
    };
    sink.flush()?;
    outcome
}

struct Lines {
    /// By number: what stands before each argument. For the first one that is the event's name, too.
    labels: Vec<Vec<String>>,
}

impl Lines {
    fn new() -> Lines {
        Lines { labels: vec![Vec::new(); 256] }
    }

    fn event(&mut self, event: &RawEvent, out: &mut Vec<u8>) {
        let labels = &mut self.labels[usize::from(event.number())];
        if labels.is_empty() {
            *labels = labels_of(event);
        }
        if event.args().is_empty() {
            out.extend_from_slice(event.name().as_bytes());
        }
        for (label, &arg) in labels.iter().zip(event.args()) {
            out.extend_from_slice(label.as_bytes());
            number::decimal(out, arg);
        }
        for (label, &arg) in frame_args(event) {
            out.extend_from_slice(label.as_bytes());
            number::decimal(out, arg);
        }
        // As in Go, nothing is shown of an empty text.
        if let Some(data) = event.data().filter(|data| !data.is_empty()) {
            out.extend_from_slice(b"\n\tdata=");
            quote::go(out, data);
        }
        out.push(b'\n');
    }
}

fn labels_of(event: &RawEvent) -> Vec<String> {
    let label = |(n, arg): (usize, &&str)| match n {
        0 => format!("{} {arg}=", event.name()),
        _ => format!(" {arg}="),
    };
    event.arg_names().iter().enumerate().map(label).collect()
}

fn frame_args(event: &RawEvent) -> impl Iterator<Item = (&'static str, &u64)> {
    let frames = event.frames().unwrap_or_default().iter();
    frames.flat_map(|frame| FRAME_LABELS.into_iter().zip(frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mut file = b"go 1.26 trace\0\0\0".to_vec();
        file.extend([1, 1, 2, 172, 2, 9, 21, 3, 4, 5, 6, 2, 3, 7, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
        file.extend(b"\x05\x09\x02a\n\x05\x0a\x00\x34\x80\x01\x02\x03\x04");
        let mut out = Vec::new();
        write(&file[..], &mut out).unwrap();
        let expected = "EventBatch gen=1 m=2 time=300 size=9\n\
            GoUnblock dt=3 g=4 g_seq=5 stack=6\nStacks\nStack id=7 nframes=2\n\
            \tpc=1 func=2 file=3 line=4\n\tpc=5 func=6 file=7 line=8\n\
            String id=9\n\tdata=\"a\\n\"\nString id=10\nEndOfGeneration\n\
            Span dt=1 id=2 npages_value=3 kindclass=4\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn what_comes_before_damage_is_written() {
        let mut out = Vec::new();
        let error = write(&b"go 1.22 trace\0\0\0\x0b\x05\x00"[..], &mut out).unwrap_err();
        assert!(matches!(error, Error::Trace(_)), "{error}");
        assert_eq!(out, b"ProcStop dt=5\n");
    }
}
