//! What each kind of event takes of a file, as a table.

use std::io::{self, Read, Write};

use super::error::Error;
use crate::reader::measure::Known;
use crate::reader::{RawEvent, RawReader, sort};
use crate::wire::event::{EventType, SPECS};

/// Between two columns.
const PADDING: usize = 2;
const COLUMNS: usize = 5;

/// Writes a table of bytes and numbers by kind of event, the largest first.
///
/// # Errors
/// When the output cannot be written; and when the trace cannot be read, or not to its end, after a
/// table of what comes before that was written. There is none of what is no trace.
///
/// # Go
/// What `go tool trace -d=footprint` prints, byte for byte: kinds that there are none of are listed,
/// too. Of damaged traces Go's tool shows nothing.
pub fn write(input: impl Read, mut output: impl Write) -> Result<(), Error> {
    let mut input = Counted { input, bytes: 0 };
    let mut reader = RawReader::new(&mut input)?;
    let mut footprint = Footprint::new(known(reader.version().minor()));
    let known_lengths = Known::of(reader.version());
    let mut event = RawEvent::new();
    let outcome = loop {
        match reader.measure(&known_lengths, &mut event) {
            Ok(true) => footprint.count(&event),
            Ok(false) => break Ok(()),
            Err(error) => break Err(error.into()),
        }
    };
    output.write_all(footprint.table(input.bytes).as_bytes())?;
    output.flush()?;
    outcome
}

/// How many numbers a version knows, those between that nothing has included.
fn known(minor: u8) -> usize {
    let last = match minor {
        ..=22 => EventType::UserLog,
        23..=24 => EventType::ExperimentalBatch,
        25 => EventType::ClockSnapshot,
        26.. => SPECS[SPECS.len() - 1].event,
    };
    last as usize + 1
}

/// Counts what is read.
struct Counted<R> {
    input: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.bytes += n as u64;
        Ok(n)
    }
}

struct Footprint {
    /// By number.
    kinds: Vec<Kind>,
    known: usize,
}

#[derive(Clone, Copy, Default)]
struct Kind {
    number: usize,
    events: u64,
    bytes: u64,
}

impl Footprint {
    fn new(known: usize) -> Footprint {
        let kinds = (0..256).map(|number| Kind { number, ..Kind::default() }).collect();
        Footprint { kinds, known }
    }

    fn count(&mut self, event: &RawEvent) {
        let kind = &mut self.kinds[usize::from(event.number())];
        kind.events += 1;
        kind.bytes += event.least_bytes() as u64;
    }

    fn table(&self, bytes_read: u64) -> String {
        let mut kinds = self.kinds.clone();
        sort::by(&mut kinds, |a, b| a.bytes > b.bytes);
        let events: u64 = kinds.iter().map(|kind| kind.events).sum();
        let mut rows = vec![["Event", "Bytes", "%", "Count", "%"].map(str::to_owned)];
        rows.push(["-"; COLUMNS].map(str::to_owned));
        rows.extend(kinds.iter().map(|kind| {
            let bytes = percent(kind.bytes, bytes_read);
            let count = percent(kind.events, events);
            [self.name(kind), kind.bytes.to_string(), bytes, kind.events.to_string(), count]
        }));
        aligned(&rows)
    }

    fn name(&self, kind: &Kind) -> String {
        if kind.number >= self.known {
            return format!("<unknown ({})>", kind.number);
        }
        let event = EventType::from_number(kind.number as u8);
        event.map_or("", |event| event.name()).to_owned()
    }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.2}%", part as f64 / whole as f64 * 100.0)
}

/// Pads every column but the last to its longest text.
fn aligned(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS - 1).map(|column| width(column) + PADDING).collect();
    let mut text = String::new();
    for row in rows {
        for (cell, width) in row.iter().zip(&widths) {
            text += &format!("{cell:width$}");
        }
        text += &row[COLUMNS - 1];
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table() {
        let mut out = Vec::new();
        write(&b"go 1.22 trace\0\0\0\x05\x01\x02hi\x0b\x01\x0b\x02"[..], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 258);
        assert_eq!(lines[0], "Event                Bytes  %       Count  %");
        assert_eq!(lines[1], "-                    -      -       -      -");
        assert_eq!(lines[2], "String               5      20.00%  1      33.33%");
        assert_eq!(lines[3], "ProcStop             4      16.00%  2      66.67%");
        assert!(text.contains("\n<unknown (255)>      0      0.00%   0      0.00%\n"), "{text}");
    }

    #[test]
    fn nothing_is_no_share() {
        let mut out = Vec::new();
        write(&b"go 1.22 trace\0\0\0"[..], &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("  0      0.00%  0      NaN%\n"));
    }
}
