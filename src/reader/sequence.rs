//! The reader: a trace's events in order.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::error::Error;
use super::event::Event;
use super::generation::Generation;
use super::held::ReadAt;
use super::merge::Merge;
use super::source::Source;
use super::version::Version;

/// Reads a trace's events, in an order that is sound.
///
/// What it is given to read from, as a pipe or a [`Follow`](super::Follow), is read as it comes, and
/// kept for a generation. Of a file that it opens itself it reads events when they are needed, and a
/// thread the tables of the next generations meanwhile, two at most.
///
/// Between generations, and at both ends, comes an event of kind [`Sync`](super::EventKind::Sync); the
/// events after it refer to the new [`generation`](Self::generation).
///
/// # Examples
/// ```no_run
/// let mut reader = gort::reader::Reader::open("program.trace")?;
/// let events = reader.by_ref().map_while(Result::ok).count();
/// println!("{events} events");
/// # Ok::<(), gort::reader::Error>(())
/// ```
///
/// # Go
/// `trace.Reader` of the package `golang.org/x/exp/trace`. The events are the same, and in the same
/// order.
pub struct Reader<'a> {
    source: Source<'a>,
    merge: Merge,
    /// What events refer to before the first generation: nothing.
    nothing: Arc<Generation>,
    /// How many of the events that were made were given out.
    given: usize,
    syncs: u64,
    end: End,
}

/// How far the end of the trace has come.
enum End {
    NotYet,
    /// After the events that were made comes an error.
    Broken(Error),
    Over,
}

impl<'a> Reader<'a> {
    /// Begins to read a file; a regular one as [`at`](Self::at) does.
    ///
    /// # Errors
    /// When it cannot be read, or is no trace of a version that is known.
    pub fn open(path: impl AsRef<Path>) -> Result<Reader<'static>, Error> {
        let io = |error| Error::io(error, 0);
        let file = File::open(path).map_err(io)?;
        if !file.metadata().map_err(io)?.is_file() {
            return Reader::new(file);
        }
        Reader::at(file)
    }

    /// Begins to read what can be read at any place: a file, or bytes in memory.
    ///
    /// A thread reads the tables of the next generations meanwhile, two at most. Events are read when
    /// they are needed, so that a generation takes little memory, however long it is.
    ///
    /// # Errors
    /// When the input fails, or is no trace of a version that is known.
    pub fn at(input: impl ReadAt + 'static) -> Result<Reader<'static>, Error> {
        let merge = Merge::new();
        let source = Source::placed(Arc::new(input), merge.names())?;
        Ok(Reader::of(source.ahead(), merge))
    }

    /// Begins to read whole generations, which stand at these bytes of a trace, as if they were all of
    /// it.
    ///
    /// # Errors
    /// When the input fails.
    pub(crate) fn of_part(
        version: Version,
        bytes: Range<u64>,
        mut input: impl Read + Seek + Send + 'a,
    ) -> Result<Reader<'a>, Error> {
        let begin = bytes.start;
        input.seek(SeekFrom::Start(begin)).map_err(|error| Error::io(error, begin))?;
        let header = Cursor::new(version.format().header());
        Reader::new(header.chain(input.take(bytes.end - begin)))
    }

    /// Begins to read, with the header.
    ///
    /// It asks for much at a time: the input needs no buffer.
    ///
    /// # Errors
    /// When the input fails, or is no trace of a version that is known.
    pub fn new(input: impl Read + Send + 'a) -> Result<Reader<'a>, Error> {
        let merge = Merge::new();
        let source = Source::coming(input, merge.names())?;
        Ok(Reader::of(source, merge))
    }

    fn of(source: Source<'a>, merge: Merge) -> Reader<'a> {
        let nothing = Arc::new(Generation::nothing(source.version()));
        Reader { source, merge, nothing, given: 0, syncs: 0, end: End::NotYet }
    }

    /// The version of the trace.
    pub fn version(&self) -> Version {
        self.source.version()
    }

    /// What the event that came last refers to.
    ///
    /// Whoever keeps events over the next one of kind `Sync` keeps this too.
    pub fn generation(&self) -> &Arc<Generation> {
        self.merge.generation().unwrap_or(&self.nothing)
    }

    /// The next events, some hundred at a time, all of one [`generation`](Self::generation). None are
    /// the end of the trace.
    ///
    /// # Errors
    /// When the input fails, or something is wrong with the trace. There are no events after an error.
    pub fn events(&mut self) -> Result<&[Event], Error> {
        if self.given == self.merge.made().len() {
            self.more()?;
        }
        let given = std::mem::replace(&mut self.given, self.merge.made().len());
        Ok(&self.merge.made()[given..])
    }

    /// Makes events in the place of those that were given out. If there are none, that is the end.
    #[cold]
    #[inline(never)]
    fn more(&mut self) -> Result<(), Error> {
        self.merge.clear();
        self.given = 0;
        self.fill()?;
        if self.merge.made().is_empty() && self.begin()? {
            self.fill()?;
        }
        Ok(())
    }

    /// Makes events. If something is wrong, those before it come first.
    fn fill(&mut self) -> Result<(), Error> {
        let Err(error) = self.merge.fill() else { return Ok(()) };
        self.merge.stop();
        self.end = End::Over;
        if self.merge.made().is_empty() {
            return Err(error);
        }
        self.end = End::Broken(error);
        Ok(())
    }

    /// Goes to the next generation, or to the end, and adds the event for it. Whether there is a
    /// generation.
    fn begin(&mut self) -> Result<bool, Error> {
        match std::mem::replace(&mut self.end, End::Over) {
            End::NotYet => {}
            End::Broken(error) => return Err(error),
            End::Over => return Ok(false),
        }
        let last = self.merge.last();
        let (time, end) = match self.source.next() {
            Ok(Some(next)) => {
                let time = next.generation.begin();
                let bytes = self.merge.begin(next).inspect_err(|_| self.merge.stop())?;
                self.source.reuse(bytes);
                (time, End::NotYet)
            }
            Ok(None) => (last, End::Over),
            Err(error) => (last, End::Broken(error)),
        };
        self.end = end;
        self.syncs += 1;
        let is_end = !matches!(self.end, End::NotYet);
        self.merge.add(Event::sync(time, self.syncs, is_end));
        Ok(!is_end)
    }
}

/// The events. After an error there are none.
impl Iterator for Reader<'_> {
    type Item = Result<Event, Error>;

    #[inline]
    fn next(&mut self) -> Option<Result<Event, Error>> {
        if self.given == self.merge.made().len()
            && let Err(error) = self.more()
        {
            return Some(Err(error));
        }
        let event = *self.merge.made().get(self.given)?;
        self.given += 1;
        Some(Ok(event))
    }
}
