//! Where in a file the generations are, found without reading them.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use super::batch::{self, Content, HEAD_BYTES, Piece};
use super::bytes::Bytes;
use super::error::{Error, ErrorKind};
use super::sequence::Reader;
use super::version::{HEADER_BYTES, Version};

/// Where in a file the generations are, for who wants some of them only.
///
/// It takes some bytes a generation, and to make it only the headers of batches are read.
///
/// # Examples
/// ```no_run
/// let mut file = std::fs::File::open("program.trace")?;
/// let index = gort::reader::Index::new(&mut file)?;
/// let last = index.generations().len() - 1;
/// for event in index.reader(&mut file, last..last + 1)? {
///     println!("{:?}", event?.kind());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Index {
    version: Version,
    generations: Vec<GenerationRange>,
    error: Option<Error>,
}

/// Where a generation is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GenerationRange {
    /// Its number.
    pub number: u64,
    /// Its bytes in the file.
    pub bytes: Range<u64>,
}

/// A generation in the making.
#[derive(Default)]
struct Growing {
    number: u64,
    begin: u64,
    has_events: bool,
}

impl Index {
    /// Looks where the generations are.
    ///
    /// What is wrong past the header does not fail: [`error`](Self::error) has it.
    ///
    /// # Errors
    /// When the input fails, or is no trace of a version that is known.
    pub fn new(mut input: impl Read + Seek) -> Result<Index, Error> {
        let io = |error| Error::io(error, 0);
        let end = input.seek(SeekFrom::End(0)).map_err(io)?;
        input.rewind().map_err(io)?;
        let version = Bytes::new((&mut input).take(HEADER_BYTES as u64)).header()?;
        let mut index = Index { version, generations: Vec::new(), error: None };
        index.error = index.scan(&mut input, end).err();
        Ok(index)
    }

    fn scan(&mut self, input: &mut (impl Read + Seek), end: u64) -> Result<(), Error> {
        let mut at = HEADER_BYTES as u64;
        let mut growing = Growing { begin: at, ..Growing::default() };
        while at < end {
            let mut window = Vec::with_capacity(HEAD_BYTES);
            let io = |error| Error::io(error, at);
            input.seek(SeekFrom::Start(at)).map_err(io)?;
            input.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut window).map_err(io)?;
            let (piece, len) = batch::head(&window).map_err(|error| error.at(at))?;
            let next = at + len as u64;
            if matches!(piece, Piece::More { .. }) || next > end {
                return Err(Error::new(ErrorKind::Truncated, "the file ends within a batch").at(at));
            }
            self.add(&mut growing, piece, at..next);
            at = next;
        }
        let is_marked = self.version >= Version::Go126;
        // Without events, what has no mark is left out.
        if is_marked && growing.has_events {
            let what = "the file ends within a generation";
            return Err(Error::new(ErrorKind::Truncated, what).at(growing.begin));
        }
        if !is_marked && growing.begin < end {
            self.end(&mut growing, end);
        }
        Ok(())
    }

    fn add(&mut self, growing: &mut Growing, piece: Piece, place: Range<u64>) {
        let Piece::Batch(batch) = piece else { return self.end(growing, place.end) };
        let content = batch.content(self.version);
        if content == Content::EndOfGeneration {
            return self.end(growing, place.end);
        }
        let is_marked = self.version >= Version::Go126;
        if !is_marked && growing.number != 0 && batch.generation != growing.number {
            self.end(growing, place.start);
        }
        growing.number = batch.generation;
        growing.has_events |= content == Content::Events;
    }

    fn end(&mut self, growing: &mut Growing, end: u64) {
        let bytes = growing.begin..end;
        self.generations.push(GenerationRange { number: growing.number, bytes });
        *growing = Growing { begin: end, ..Growing::default() };
    }

    /// The version of the trace.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The whole generations.
    pub fn generations(&self) -> &[GenerationRange] {
        &self.generations
    }

    /// What is wrong after the last whole generation.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// A reader of some generations of the same input, which stand for a whole trace: it begins to
    /// know goroutines and processors with the first of them, and has no names of tasks that began
    /// before. Places in its errors are counted from that one's begin.
    ///
    /// # Errors
    /// When the input fails.
    ///
    /// # Panics
    /// When there are no such generations.
    pub fn reader<'a>(
        &self,
        input: impl Read + Seek + Send + 'a,
        generations: Range<usize>,
    ) -> Result<Reader<'a>, Error> {
        let parts = &self.generations[generations];
        let begin = parts.first().map_or(0, |first| first.bytes.start);
        let end = parts.last().map_or(0, |last| last.bytes.end);
        Reader::of_part(self.version, begin..end, input)
    }
}
