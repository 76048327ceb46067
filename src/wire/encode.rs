//! Files, batches and tables, as bytes.
//!
//! What a tracer writes besides the events themselves: it appends whole batches of events with
//! [`batch`], and once in each generation the clock and the tables that the events refer to.
//!
//! Of everything here the order within a generation is free; only
//! [`end_of_generation`] comes last.

use super::event::EventType;
use super::varint;
use super::version::Version;

/// The most data bytes a batch may have.
pub(crate) const MAX_BATCH_BYTES: usize = 64 << 10;

/// The most bytes the header of a batch takes.
pub(crate) const MAX_BATCH_HEADER_BYTES: usize = 1 + 4 * varint::MAX_BYTES;

/// The most bytes a string may have.
pub(crate) const MAX_STRING_BYTES: usize = 1024;

/// The most bytes that a string takes in its table.
pub(crate) const MAX_STRING_RECORD_BYTES: usize = 1 + 2 * varint::MAX_BYTES + MAX_STRING_BYTES;

/// The most frames a stack may have.
pub(crate) const MAX_STACK_FRAMES: usize = 128;

/// In the place of a thread, processor or goroutine id: none.
pub(crate) const NONE: u64 = u64::MAX;

/// Begins a file.
pub(crate) fn file_header(out: &mut Vec<u8>, version: Version) {
    out.extend_from_slice(&version.header());
}

/// Begins a batch: `size` bytes of data must follow.
///
/// `generation` is at least 1, and one more than the one before it; `thread` is [`NONE`] where the
/// data belongs to none; `time` is what the time of the first event counts from.
pub(crate) fn batch_header(
    out: &mut Vec<u8>,
    generation: u64,
    thread: u64,
    time: u64,
    size: usize,
) {
    debug_assert!(generation > 0, "generations count from 1");
    debug_assert!(size <= MAX_BATCH_BYTES, "a batch of {size} bytes");
    out.push(EventType::EventBatch as u8);
    varint::push(out, generation);
    varint::push(out, thread);
    varint::push(out, time);
    varint::push(out, size as u64);
}

/// Writes a batch.
pub(crate) fn batch(out: &mut Vec<u8>, generation: u64, thread: u64, time: u64, data: &[u8]) {
    batch_header(out, generation, thread, time, data.len());
    out.extend_from_slice(data);
}

/// The clocks of a trace, read at one moment of a generation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// How many units of time make a second: the same in the whole file.
    pub(crate) frequency: u64,
    /// The trace's clock, in those units.
    pub(crate) time: u64,
    /// The monotonic clock, in nanoseconds.
    pub(crate) monotonic_ns: u64,
    /// The wall clock: seconds since 1970,
    pub(crate) wall_s: u64,
    /// and nanoseconds beyond them.
    pub(crate) wall_ns: u32,
}

/// Writes a generation's clock: the frequency, and from version 25 on a snapshot of the clocks.
///
/// Every generation needs exactly one.
pub(crate) fn clock_batch(out: &mut Vec<u8>, version: Version, generation: u64, clocks: &Clocks) {
    let mut data = Vec::with_capacity(64);
    if version.sync_batch() {
        data.push(EventType::Sync as u8);
    }
    data.push(EventType::Frequency as u8);
    varint::push(&mut data, clocks.frequency);
    if version.sync_batch() {
        data.push(EventType::ClockSnapshot as u8);
        let since_batch = 0;
        for value in [since_batch, clocks.monotonic_ns, clocks.wall_s, clocks.wall_ns.into()] {
            varint::push(&mut data, value);
        }
    }
    batch(out, generation, NONE, clocks.time, &data);
}

/// Ends a generation: from version 26 on with a byte, before that with nothing.
pub(crate) fn end_of_generation(out: &mut Vec<u8>, version: Version) {
    if version.end_of_generation() {
        out.push(EventType::EndOfGeneration as u8);
    }
}

/// The batches of a table: records, each within one batch.
struct Table {
    /// The first byte of each batch's data.
    marker: EventType,
    generation: u64,
    time: u64,
    /// Batches that are complete.
    batches: Vec<u8>,
    /// Data of the next batch: empty, or the marker and some records.
    data: Vec<u8>,
    /// The record in the making; kept for its memory.
    record: Vec<u8>,
}

impl Table {
    fn new(marker: EventType, generation: u64, time: u64) -> Table {
        let [batches, data, record] = [const { Vec::new() }; 3];
        Table { marker, generation, time, batches, data, record }
    }

    /// Adds the record that `write` appends.
    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.record.clear();
        write(&mut self.record);
        debug_assert!(self.record.len() < MAX_BATCH_BYTES);
        if self.data.len() + self.record.len() > MAX_BATCH_BYTES {
            self.close_batch();
        }
        if self.data.is_empty() {
            self.data.push(self.marker as u8);
        }
        self.data.extend_from_slice(&self.record);
    }

    fn close_batch(&mut self) {
        batch(&mut self.batches, self.generation, NONE, self.time, &self.data);
        self.data.clear();
    }

    fn finish(mut self, out: &mut Vec<u8>) {
        if !self.data.is_empty() {
            self.close_batch();
        }
        out.extend_from_slice(&self.batches);
    }
}

/// What to keep of a text that is longer than [`MAX_STRING_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The beginning: right for messages and labels.
    Head,
    /// The end: right for names of functions and files.
    Tail,
}

/// The part of `text` that fits a string of the format: whole characters, at most
/// [`MAX_STRING_BYTES`] bytes.
pub(crate) fn cut(text: &str, keep: Keep) -> &str {
    if text.len() <= MAX_STRING_BYTES {
        return text;
    }
    match keep {
        Keep::Head => &text[..text.floor_char_boundary(MAX_STRING_BYTES)],
        Keep::Tail => &text[text.ceil_char_boundary(text.len() - MAX_STRING_BYTES)..],
    }
}

/// Writes a string of a table into `buf` at `at`, cut if it is too long, and returns the position after
/// it. The caller keeps [`MAX_STRING_RECORD_BYTES`] of room.
pub(crate) fn put_string(buf: &mut [u8], at: usize, id: u64, text: &str) -> usize {
    debug_assert!(id != 0, "string 0 is the empty string");
    let text = cut(text, Keep::Head).as_bytes();
    buf[at] = EventType::String as u8;
    let at = varint::put(buf, at + 1, id);
    let at = varint::put(buf, at, text.len() as u64);
    buf[at..at + text.len()].copy_from_slice(text);
    at + text.len()
}

/// Makes the table of strings of one generation.
pub(crate) struct StringsBuilder(Table);

impl StringsBuilder {
    /// An empty table; `time` is any moment of the generation.
    pub(crate) fn new(generation: u64, time: u64) -> StringsBuilder {
        StringsBuilder(Table::new(EventType::Strings, generation, time))
    }

    /// Adds a string, cut if it is too long.
    ///
    /// Each id is added once in a generation; id 0 is the empty string, and not added.
    pub(crate) fn add(&mut self, id: u64, text: &str, keep: Keep) {
        let mut record = [0; MAX_STRING_RECORD_BYTES];
        let bytes = put_string(&mut record, 0, id, cut(text, keep));
        self.0.add(|out| out.extend_from_slice(&record[..bytes]));
    }

    /// Appends the batches of the table: none when it is empty.
    pub(crate) fn finish(self, out: &mut Vec<u8>) {
        self.0.finish(out);
    }
}

/// Makes the table of CPU samples of one generation.
pub(crate) struct SamplesBuilder(Table);

/// A CPU sample; who it is of is [`NONE`], a goroutine 0, where there is nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SampleRecord {
    /// The trace's clock; readers merge samples with the events by it.
    pub(crate) time: u64,
    /// The thread.
    pub(crate) thread: u64,
    /// The processor that it had.
    pub(crate) proc: u64,
    /// The goroutine that it ran.
    pub(crate) goroutine: u64,
    /// The id of a stack of the same generation: Go's reader dies of another one.
    pub(crate) stack: u64,
}

impl SamplesBuilder {
    /// An empty table; `time` is any moment of the generation.
    pub(crate) fn new(generation: u64, time: u64) -> SamplesBuilder {
        SamplesBuilder(Table::new(EventType::CPUSamples, generation, time))
    }

    /// Adds a sample; in any order.
    pub(crate) fn add(&mut self, sample: SampleRecord) {
        let SampleRecord { time, thread, proc, goroutine, stack } = sample;
        self.0.add(|out| {
            out.push(EventType::CPUSample as u8);
            for value in [time, thread, proc, goroutine, stack] {
                varint::push(out, value);
            }
        });
    }

    /// Appends the batches of the table: none when it is empty.
    pub(crate) fn finish(self, out: &mut Vec<u8>) {
        self.0.finish(out);
    }
}

/// A frame of a stack.
///
/// Readers take `pc` for the identity of the frame, in a generation and beyond: each
/// combination of function, file and line needs a `pc` of its own. None of the four is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StackFrame {
    /// The address, or whatever else stands for this frame.
    pub(crate) pc: u64,
    /// The id of the function's name.
    pub(crate) func: u64,
    /// The id of the file's name.
    pub(crate) file: u64,
    /// The line.
    pub(crate) line: u64,
}

/// Makes the table of stacks of one generation.
pub(crate) struct StacksBuilder(Table);

impl StacksBuilder {
    /// An empty table; `time` is any moment of the generation.
    pub(crate) fn new(generation: u64, time: u64) -> StacksBuilder {
        StacksBuilder(Table::new(EventType::Stacks, generation, time))
    }

    /// Adds a stack, innermost frame first.
    ///
    /// Of a stack that is too deep it keeps the innermost frames and the root, by which Go's tools
    /// name and group goroutines. Each id is added once in a generation; id 0 is the empty stack,
    /// and not added.
    pub(crate) fn add(&mut self, id: u64, frames: &[StackFrame]) {
        debug_assert!(id != 0, "stack 0 is the empty stack");
        let (innermost, root) = match frames {
            [rest @ .., root] if frames.len() > MAX_STACK_FRAMES => {
                (&rest[..MAX_STACK_FRAMES - 1], Some(root))
            }
            all => (all, None),
        };
        self.0.add(|out| {
            out.push(EventType::Stack as u8);
            varint::push(out, id);
            varint::push(out, (innermost.len() + usize::from(root.is_some())) as u64);
            for frame in innermost.iter().chain(root) {
                for value in [frame.pc, frame.func, frame.file, frame.line] {
                    varint::push(out, value);
                }
            }
        });
    }

    /// Appends the batches of the table: none when it is empty.
    pub(crate) fn finish(self, out: &mut Vec<u8>) {
        self.0.finish(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch read back: generation, thread, time, data.
    type Batch<'a> = (u64, u64, u64, &'a [u8]);

    fn number(bytes: &mut &[u8]) -> u64 {
        let (value, len) = varint::read(bytes).expect("a number");
        *bytes = &bytes[len..];
        value
    }

    fn byte(bytes: &mut &[u8]) -> u8 {
        let (&first, rest) = bytes.split_first().expect("a byte");
        *bytes = rest;
        first
    }

    fn batches(mut bytes: &[u8]) -> Vec<Batch<'_>> {
        let mut all = Vec::new();
        while !bytes.is_empty() {
            assert_eq!(byte(&mut bytes), EventType::EventBatch as u8);
            let [generation, thread, time, size] = [(); 4].map(|()| number(&mut bytes));
            assert!(size as usize <= MAX_BATCH_BYTES);
            let (data, rest) = bytes.split_at(size as usize);
            all.push((generation, thread, time, data));
            bytes = rest;
        }
        all
    }

    fn strings(bytes: &[u8]) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        for (_, thread, _, mut data) in batches(bytes) {
            assert_eq!(thread, NONE);
            assert_eq!(byte(&mut data), EventType::Strings as u8);
            while !data.is_empty() {
                assert_eq!(byte(&mut data), EventType::String as u8);
                let id = number(&mut data);
                let len = number(&mut data) as usize;
                let (text, rest) = data.split_at(len);
                all.push((id, String::from_utf8(text.to_vec()).expect("whole characters")));
                data = rest;
            }
        }
        all
    }

    fn stacks(bytes: &[u8]) -> Vec<(u64, Vec<StackFrame>)> {
        let mut all = Vec::new();
        for (_, thread, _, mut data) in batches(bytes) {
            assert_eq!(thread, NONE);
            assert_eq!(byte(&mut data), EventType::Stacks as u8);
            while !data.is_empty() {
                assert_eq!(byte(&mut data), EventType::Stack as u8);
                let id = number(&mut data);
                let frames = (0..number(&mut data)).map(|_| {
                    let [pc, func, file, line] = [(); 4].map(|()| number(&mut data));
                    StackFrame { pc, func, file, line }
                });
                let frames = frames.collect();
                all.push((id, frames));
            }
        }
        all
    }

    fn frame(n: u64) -> StackFrame {
        StackFrame { pc: n + 1, func: n + 2, file: n + 3, line: n + 4 }
    }

    /// The longest record a stack can make.
    fn widest() -> Vec<StackFrame> {
        vec![StackFrame { pc: NONE, func: NONE, file: NONE, line: NONE }; MAX_STACK_FRAMES]
    }

    #[test]
    fn batches_on_the_wire() {
        let mut out = Vec::new();
        batch(&mut out, 1, 2, 300, &[11, 0]);
        assert_eq!(out, [1, 1, 2, 0xac, 0x02, 2, 11, 0]);

        let mut header = Vec::new();
        batch_header(&mut header, NONE, NONE, NONE, MAX_BATCH_BYTES);
        assert!(header.len() <= MAX_BATCH_HEADER_BYTES);
    }

    #[test]
    fn clocks_on_the_wire() {
        let clocks = Clocks { frequency: 100, time: 5, monotonic_ns: 6, wall_s: 7, wall_ns: 300 };
        for version in Version::ALL {
            let mut out = Vec::new();
            clock_batch(&mut out, version, 3, &clocks);
            let snapshot: &[u8] = &[50, 8, 100, 51, 0, 6, 7, 0xac, 0x02];
            let data = if version >= Version::Go125 { snapshot } else { &[8, 100] };
            assert_eq!(batches(&out), [(3, NONE, 5, data)], "{version}");
        }
    }

    #[test]
    fn beginning_and_end() {
        for version in Version::ALL {
            let mut out = Vec::new();
            file_header(&mut out, version);
            assert_eq!(out, version.header());

            out.clear();
            end_of_generation(&mut out, version);
            let end: &[u8] = if version == Version::Go126 { &[52] } else { &[] };
            assert_eq!(out, end, "{version}");
        }
    }

    #[test]
    fn empty_tables_write_nothing() {
        let mut out = Vec::new();
        StringsBuilder::new(1, 1).finish(&mut out);
        StacksBuilder::new(1, 1).finish(&mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn a_string_on_the_wire() {
        let mut table = StringsBuilder::new(2, 9);
        table.add(7, "é", Keep::Tail);
        table.add(8, "", Keep::Head);
        let mut out = vec![0xee];
        table.finish(&mut out);
        let data = [4, 5, 7, 2, 0xc3, 0xa9, 5, 8, 0];
        assert_eq!(out[0], 0xee);
        assert_eq!(batches(&out[1..]), [(2, NONE, 9, &data[..])]);
    }

    #[test]
    fn a_stack_on_the_wire() {
        let mut table = StacksBuilder::new(2, 9);
        table.add(7, &[StackFrame { pc: 300, func: 1, file: 2, line: 3 }]);
        table.add(8, &[]);
        let mut out = Vec::new();
        table.finish(&mut out);
        let data = [2, 3, 7, 1, 0xac, 0x02, 1, 2, 3, 3, 8, 0];
        assert_eq!(batches(&out), [(2, NONE, 9, &data[..])]);
    }

    #[test]
    fn long_strings_are_cut_between_characters() {
        for filler in ["a", "é", "€", "𝄞"] {
            for shift in 0..4 {
                for len in [1020, 1023, 1024, 1025, 1030, 5000] {
                    let filled = filler.repeat(len / filler.len());
                    let text = format!("{}{filled}{}", &"<<<<"[..shift], &">>>>"[..shift]);
                    let (head, tail) = (cut(&text, Keep::Head), cut(&text, Keep::Tail));
                    assert!(text.starts_with(head) && text.ends_with(tail));
                    for part in [head, tail] {
                        assert!(part.len() <= MAX_STRING_BYTES);
                        // No more is cut than has to be.
                        let full = text.len().min(MAX_STRING_BYTES);
                        assert!(part.len() + filler.len() > full, "{} of {full}", part.len());
                    }
                }
            }
        }
        assert_eq!(cut(&"x".repeat(1024), Keep::Tail).len(), 1024);
        assert_eq!(cut(&"x".repeat(1025), Keep::Head).len(), 1024);
    }

    #[test]
    fn strings_split_into_batches_and_come_back_whole() {
        let mut table = StringsBuilder::new(1, 1);
        let mut expected = Vec::new();
        for id in 1..=1000u64 {
            let text = char::from(b'a' + (id % 26) as u8).to_string().repeat(id as usize % 1500);
            table.add(id, &text, Keep::Head);
            expected.push((id, text[..text.len().min(MAX_STRING_BYTES)].to_owned()));
        }
        let mut out = Vec::new();
        table.finish(&mut out);
        let sizes: Vec<_> = batches(&out).iter().map(|batch| batch.3.len()).collect();
        assert!(sizes.len() > 5);
        // A batch ends only when the next record does not fit.
        let record_max = 1 + 2 * varint::MAX_BYTES + MAX_STRING_BYTES;
        for size in &sizes[..sizes.len() - 1] {
            assert!(size + record_max > MAX_BATCH_BYTES, "{size}");
        }
        assert_eq!(strings(&out), expected);
    }

    #[test]
    fn batches_fill_to_the_last_byte() {
        // The marker and 64 records make the most a batch can hold, minus `missing` bytes.
        for (missing, batches_expected) in [(1, 1), (0, 1), (-1, 2)] {
            let mut table = StringsBuilder::new(1, 1);
            // 1 type, 1 id, 2 length, 1020 text: 1024 bytes a record.
            for id in 1..64 {
                table.add(id, &"x".repeat(1020), Keep::Head);
            }
            let last = 1020 - 1 - missing;
            table.add(64, &"x".repeat(usize::try_from(last).unwrap()), Keep::Head);
            let mut out = Vec::new();
            table.finish(&mut out);
            let sizes: Vec<_> = batches(&out).iter().map(|batch| batch.3.len()).collect();
            assert_eq!(sizes.len(), batches_expected, "{sizes:?}");
            if missing == 0 {
                assert_eq!(sizes, [MAX_BATCH_BYTES]);
            }
            assert_eq!(strings(&out).len(), 64);
        }
    }

    #[test]
    fn stacks_split_into_batches_and_come_back_whole() {
        let mut table = StacksBuilder::new(1, 1);
        let mut expected = Vec::new();
        for id in 1..=500u64 {
            let frames: Vec<_> = (0..id % 129).map(|n| frame(id << (n % 50))).collect();
            table.add(id, &frames);
            expected.push((id, frames));
        }
        for id in 501..=540u64 {
            table.add(id, &widest());
            expected.push((id, widest()));
        }
        let mut out = Vec::new();
        table.finish(&mut out);
        assert!(batches(&out).len() > 5);
        assert_eq!(stacks(&out), expected);
    }

    #[test]
    fn deep_stacks_keep_their_innermost_frames_and_the_root() {
        for depth in [127, 128, 129, 130, 1000] {
            let frames: Vec<_> = (0..depth).map(frame).collect();
            let mut table = StacksBuilder::new(1, 1);
            table.add(1, &frames);
            let mut out = Vec::new();
            table.finish(&mut out);
            let (_, kept) = stacks(&out).pop().unwrap();
            assert_eq!(kept.len(), frames.len().min(MAX_STACK_FRAMES));
            assert_eq!(kept.last(), frames.last());
            assert_eq!(kept[..kept.len() - 1], frames[..kept.len() - 1]);
        }
    }
}
