//! What is sound of a damaged trace.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use super::batch::{self, Content, HEAD_BYTES, Piece};
use super::bytes::Bytes;
use super::error::{Error, ErrorKind};
use super::kind::EventKind;
use super::sequence::Reader;
use super::version::{HEADER_BYTES, Version};

/// The sound parts of a trace, which may be damaged in several places.
///
/// A part is generations that follow one another, and with a header before it is a trace that Go's
/// reader accepts. Parts with damage between them are not one: what became of goroutines in between is
/// not known. Of a generation nothing is kept unless it is known to be whole.
///
/// # Examples
/// ```no_run
/// use gort::reader::Salvage;
///
/// let mut file = std::fs::File::open("damaged.trace")?;
/// let salvage = Salvage::new(&mut file)?;
/// if let Some(part) = salvage.largest() {
///     let mut out = std::fs::File::create("repaired.trace")?;
///     salvage.copy(&mut file, part, &mut out)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Salvage {
    version: Version,
    bytes: u64,
    parts: Vec<SoundPart>,
    errors: Vec<Error>,
}

/// A part of a trace that is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SoundPart {
    /// The numbers of its first generation and its last one.
    pub generations: (u64, u64),
    /// How many generations that are.
    pub count: u64,
    /// How many events it has.
    pub events: u64,
    /// Its bytes in the file.
    pub bytes: Range<u64>,
}

/// So many bytes are looked through at a time for where batches begin again.
const CHUNK_BYTES: usize = 64 << 10;
/// So many pieces in a row are no accident.
const CHAIN: usize = 4;

/// What a walk from piece to piece comes to.
enum Walk {
    /// A generation's begin.
    Begins(u64),
    /// Something that is no piece.
    Breaks(u64),
    /// The end of the file.
    Ends,
}

impl Salvage {
    /// Reads a trace, again after each damage.
    ///
    /// # Errors
    /// When the input fails, or is no trace of a version that is known.
    pub fn new(mut input: impl Read + Seek + Send) -> Result<Salvage, Error> {
        let io = |error| Error::io(error, 0);
        let bytes = input.seek(SeekFrom::End(0)).map_err(io)?;
        input.rewind().map_err(io)?;
        let version = Bytes::new((&mut input).take(HEADER_BYTES as u64)).header()?;
        let mut salvage = Salvage { version, bytes, parts: Vec::new(), errors: Vec::new() };
        let mut at = HEADER_BYTES as u64;
        while at < bytes {
            let Some(error) = salvage.read_part(&mut input, &mut at)? else { break };
            salvage.errors.push(error);
            match salvage.next_generation(&mut input, at)? {
                Some(next) => at = next,
                None => break,
            }
        }
        Ok(salvage)
    }

    /// Reads from a generation's begin as far as it goes, which is `at` then. What is wrong there.
    fn read_part(
        &mut self,
        input: &mut (impl Read + Seek + Send),
        at: &mut u64,
    ) -> Result<Option<Error>, Error> {
        let begin = *at;
        let mut reader = Reader::of_part(self.version, begin..u64::MAX, input)?;
        let place = |of_reader: u64| begin + of_reader - HEADER_BYTES as u64;
        let mut part = SoundPart { generations: (0, 0), count: 0, events: 0, bytes: begin..begin };
        let mut events = 0;
        let mut begun: Option<(u64, u64)> = None;
        let error = loop {
            let event = match reader.next() {
                None => break None,
                Some(Err(error)) if error.kind() == ErrorKind::Io => return Err(error),
                Some(Err(error)) => break Some(error),
                Some(Ok(event)) => event,
            };
            events += 1;
            let EventKind::Sync(sync) = event.kind() else { continue };
            // With this the one before is whole.
            if let Some((number, end)) = begun {
                part.add(number, place(end), events);
            }
            let generation = reader.generation();
            begun = (!sync.is_end).then(|| (generation.number(), generation.range().end));
        };
        *at = part.bytes.end;
        if part.count > 0 {
            self.parts.push(part);
        }
        // Its places are those of a file that begins here.
        Ok(error.map(|error| error.shifted(begin - HEADER_BYTES as u64)))
    }

    /// Where the first generation begins after the one at `at`, which is damaged.
    fn next_generation(
        &self,
        input: &mut (impl Read + Seek),
        at: u64,
    ) -> Result<Option<u64>, Error> {
        let mut from = at;
        loop {
            match self.walk(input, from, usize::MAX)? {
                Walk::Begins(next) => return Ok(Some(next)),
                Walk::Ends => return Ok(None),
                Walk::Breaks(place) => match self.pieces_after(input, place)? {
                    Some(next) => from = next,
                    None => return Ok(None),
                },
            }
        }
    }

    /// Goes from piece to piece, not more than so many, up to the next generation's begin.
    fn walk(
        &self,
        input: &mut (impl Read + Seek),
        from: u64,
        pieces: usize,
    ) -> Result<Walk, Error> {
        let mut at = from;
        let mut number = 0;
        for _ in 0..pieces {
            if at == self.bytes {
                return Ok(Walk::Ends);
            }
            let window = read_at(input, at, HEAD_BYTES)?;
            let Ok((piece, len)) = batch::head(&window) else { return Ok(Walk::Breaks(at)) };
            let next = at + len as u64;
            let Piece::Batch(batch) = piece else {
                let is_end = matches!(piece, Piece::End) && self.version >= Version::Go126;
                return Ok(if is_end { Walk::Begins(next) } else { Walk::Breaks(at) });
            };
            if batch.content(self.version) == Content::EndOfGeneration {
                return Ok(Walk::Begins(next));
            }
            let is_other = number != 0 && batch.generation != number;
            if next > self.bytes || batch.generation == 0 {
                return Ok(Walk::Breaks(at));
            }
            if is_other {
                let is_marked = self.version >= Version::Go126;
                return Ok(if is_marked { Walk::Breaks(at) } else { Walk::Begins(at) });
            }
            number = batch.generation;
            at = next;
        }
        Ok(Walk::Begins(at))
    }

    /// Where pieces follow one another again, after a place where there is none.
    fn pieces_after(
        &self,
        input: &mut (impl Read + Seek),
        place: u64,
    ) -> Result<Option<u64>, Error> {
        let mut at = place + 1;
        while at < self.bytes {
            let chunk = read_at(input, at, CHUNK_BYTES)?;
            for (n, _) in chunk.iter().enumerate().filter(|(_, byte)| is_first(**byte)) {
                let begin = at + n as u64;
                if !matches!(self.walk(input, begin, CHAIN)?, Walk::Breaks(_)) {
                    return Ok(Some(begin));
                }
            }
            at += (chunk.len() as u64).max(1);
        }
        Ok(None)
    }

    /// The version of the trace.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The sound parts, in the file's order.
    pub fn parts(&self) -> &[SoundPart] {
        &self.parts
    }

    /// What is wrong, in the file's order; nothing if the trace is sound.
    pub fn errors(&self) -> &[Error] {
        &self.errors
    }

    /// The part with the most bytes; of equal ones the first.
    pub fn largest(&self) -> Option<&SoundPart> {
        let len = |part: &&SoundPart| part.bytes.end - part.bytes.start;
        self.parts.iter().rev().max_by_key(len)
    }

    /// Writes a part as a trace of its own.
    ///
    /// # Errors
    /// When the input cannot be read: then an [`Error`] is within. When the output cannot be written.
    pub fn copy(
        &self,
        input: impl Read + Seek,
        part: &SoundPart,
        mut output: impl std::io::Write,
    ) -> std::io::Result<()> {
        output.write_all(&self.version.format().header())?;
        let mut source = Source { input, part: part.bytes.clone() };
        source
            .input
            .seek(SeekFrom::Start(part.bytes.start))
            .map_err(|error| source.failed(error))?;
        std::io::copy(&mut source, &mut output)?;
        output.flush()
    }
}

/// What is left to copy of a part. What goes wrong as it is read is not taken for the output's fault.
struct Source<R> {
    input: R,
    part: Range<u64>,
}

impl<R> Source<R> {
    fn failed(&self, error: io::Error) -> io::Error {
        io::Error::other(Error::io(error, self.part.start))
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.part.end - self.part.start;
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match self.input.read(&mut buffer[..most]) {
            // It was longer when it was looked through.
            Ok(0) if most > 0 => Err(self.failed(io::ErrorKind::UnexpectedEof.into())),
            Ok(n) => {
                self.part.start += n as u64;
                Ok(n)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.failed(error)),
        }
    }
}

impl SoundPart {
    fn add(&mut self, number: u64, end: u64, events: u64) {
        if self.count == 0 {
            self.generations.0 = number;
        }
        self.generations.1 = number;
        self.count += 1;
        self.events = events;
        self.bytes.end = end;
    }
}

/// Whether batches begin with this byte.
fn is_first(byte: u8) -> bool {
    use crate::wire::event::EventType;
    [EventType::EventBatch as u8, EventType::ExperimentalBatch as u8].contains(&byte)
}

fn read_at(input: &mut (impl Read + Seek), at: u64, bytes: usize) -> Result<Vec<u8>, Error> {
    let io = |error| Error::io(error, at);
    let mut held = Vec::with_capacity(bytes);
    input.seek(SeekFrom::Start(at)).map_err(io)?;
    input.take(bytes as u64).read_to_end(&mut held).map_err(io)?;
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_at_fault() {
        let (parts, errors) = (Vec::new(), Vec::new());
        let salvage = Salvage { version: Version::Go123, bytes: 40, parts, errors };
        let part = SoundPart { bytes: 16..40, generations: (1, 1), count: 1, events: 0 };
        let copy = |bytes: usize, output: &mut [u8]| {
            salvage.copy(io::Cursor::new(vec![0; bytes]), &part, output)
        };
        assert!(copy(40, &mut [0; 40]).is_ok());
        let error = copy(39, &mut [0; 40]).unwrap_err().downcast::<Error>().unwrap();
        assert_eq!(error.offset(), Some(39));
        assert_eq!(copy(40, &mut [0; 39]).unwrap_err().kind(), io::ErrorKind::WriteZero);
    }
}
