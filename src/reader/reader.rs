//! The reader: a trace's events in order.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::error::Error;
use super::event::Event;
use super::framer::Framer;
use super::generation::{self, Decoded, Generation};
use super::ids::Time;
use super::merge::Merge;
use super::version::Version;

/// Reads a trace's events, in an order that is sound.
///
/// It reads as it is asked for events, a generation at a time, which is all that it keeps: a pipe or a
/// file that grows is read as it comes. Between generations, and at both ends, comes an event of kind
/// [`Sync`](super::EventKind::Sync); the events after it refer to the new [`generation`](Self::generation).
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
    /// The time of the last event.
    last: Time,
    syncs: u64,
    end: End,
}

/// Where generations come from.
type Source<'a> = Framer<Box<dyn Read + Send + 'a>>;

/// How far the end of the trace has come.
enum End {
    NotYet,
    /// After the event for the end comes an error.
    Broken(Error),
    Over,
}

impl<'a> Reader<'a> {
    /// Begins to read a file.
    ///
    /// # Errors
    /// When it cannot be read, or is no trace of a version that is known.
    pub fn open(path: impl AsRef<Path>) -> Result<Reader<'static>, Error> {
        let file = File::open(path).map_err(|error| Error::io(error, 0))?;
        Reader::new(file)
    }

    /// Begins to read, with the header.
    ///
    /// It asks for much at a time: the input needs no buffer.
    ///
    /// # Errors
    /// When the input fails, or is no trace of a version that is known.
    pub fn new(input: impl Read + Send + 'a) -> Result<Reader<'a>, Error> {
        let input: Box<dyn Read + Send + 'a> = Box::new(input);
        let source = Framer::new(input)?;
        let nothing = Arc::new(Generation::nothing(source.version()));
        let merge = Merge::new();
        Ok(Reader { source, merge, nothing, last: Time(0), syncs: 0, end: End::NotYet })
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

    #[inline(always)]
    fn try_next(&mut self) -> Result<Option<Event>, Error> {
        let event = match self.merge.next()? {
            Some(event) => event,
            None => match self.between()? {
                Some(event) => event,
                None => return Ok(None),
            },
        };
        // What is not later than the one before happened right after it.
        let time =
            if event.time <= self.last { Time(self.last.0.wrapping_add(1)) } else { event.time };
        self.last = time;
        Ok(Some(Event { time, ..event }))
    }

    /// Goes to the next generation, or to the end.
    #[cold]
    #[inline(never)]
    fn between(&mut self) -> Result<Option<Event>, Error> {
        match std::mem::replace(&mut self.end, End::Over) {
            End::NotYet => {}
            End::Broken(error) => return Err(error),
            End::Over => return Ok(None),
        }
        let time = match self.decoded() {
            Ok(Some(next)) => {
                let time = next.generation.begin();
                self.source.spare = self.merge.begin(next)?;
                self.end = End::NotYet;
                time
            }
            Ok(None) => self.last,
            Err(error) => {
                self.end = End::Broken(error);
                self.last
            }
        };
        self.syncs += 1;
        let is_end = !matches!(self.end, End::NotYet);
        Ok(Some(Event::sync(time, self.syncs, is_end)))
    }

    fn decoded(&mut self) -> Result<Option<Decoded>, Error> {
        let Some(framed) = self.source.generation()? else { return Ok(None) };
        generation::decode(framed, self.merge.names()).map(Some)
    }
}

/// The events. After an error there are none.
impl Iterator for Reader<'_> {
    type Item = Result<Event, Error>;

    #[inline]
    fn next(&mut self) -> Option<Result<Event, Error>> {
        match self.try_next() {
            Ok(Some(event)) => Some(Ok(event)),
            Ok(None) => None,
            Err(error) => {
                self.end = End::Over;
                self.merge.stop();
                Some(Err(error))
            }
        }
    }
}
