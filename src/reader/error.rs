//! What is wrong with a trace, and where.

use std::borrow::Cow;
use std::fmt;
use std::io;

use super::ids::ThreadID;

/// Why a trace could not be read, or not to its end.
///
/// Shown, it is one line: where, as far as that is known, what was expected and what was found.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    what: Cow<'static, str>,
    generation: Option<u64>,
    thread: Option<ThreadID>,
    offset: Option<u64>,
    source: Option<io::Error>,
}

/// What kind of thing is wrong with a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes could not be had.
    Io,
    /// The file does not begin as an execution trace does.
    NotATrace,
    /// A trace of Go 1.11 to 1.21, which is another format.
    OldVersion,
    /// A version of the format that is not known.
    UnknownVersion,
    /// The file ends within something.
    Truncated,
    /// What stands between the batches, or a batch's header, makes no sense.
    Batch,
    /// The batches of generations are out of order or mixed.
    GenerationOrder,
    /// A table of strings, stacks or CPU samples makes no sense.
    Table,
    /// A generation has no clock, or more than one.
    Clock,
    /// An event's bytes make no sense.
    Encoding,
    /// An event cannot be where it is.
    Order,
    /// No thread's next event can come next.
    Stuck,
    /// An event refers to a string or stack that is not there.
    Reference,
}

impl Error {
    #[cold]
    pub(crate) fn new(kind: ErrorKind, what: impl Into<Cow<'static, str>>) -> Error {
        let what = what.into();
        let (generation, thread, offset, source) = (None, None, None, None);
        Error(Box::new(Inner { kind, what, generation, thread, offset, source }))
    }

    #[cold]
    pub(crate) fn io(source: io::Error, offset: u64) -> Error {
        let mut error = Error::new(ErrorKind::Io, "the trace cannot be read");
        error.0.source = Some(source);
        error.at(offset)
    }

    /// At this byte of the file, unless a closer place is known.
    pub(crate) fn at(mut self, offset: u64) -> Error {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// The place was one within bytes that begin here.
    pub(crate) fn shifted(mut self, by: u64) -> Error {
        self.0.offset = self.0.offset.map(|offset| offset + by);
        self
    }

    /// In this generation, unless it is known.
    pub(crate) fn in_generation(mut self, generation: u64) -> Error {
        self.0.generation.get_or_insert(generation);
        self
    }

    /// In this thread's events, unless the thread is known.
    pub(crate) fn of_thread(mut self, thread: ThreadID) -> Error {
        self.0.thread.get_or_insert(thread);
        self
    }

    /// What kind of thing is wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What is wrong, without the place.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// The generation it is in.
    pub fn generation(&self) -> Option<u64> {
        self.0.generation
    }

    /// The thread whose events it is in.
    pub fn thread(&self) -> Option<ThreadID> {
        self.0.thread
    }

    /// The byte of the file it begins at.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { what, generation, thread, offset, source, .. } = &*self.0;
        let mut separator = "";
        if let Some(generation) = generation {
            write!(f, "generation {generation}")?;
            separator = ", ";
        }
        if let Some(thread) = thread {
            write!(f, "{separator}thread {thread}")?;
            separator = ", ";
        }
        if let Some(offset) = offset {
            write!(f, "{separator}byte {offset}")?;
            separator = ", ";
        }
        if !separator.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(what)?;
        source.as_ref().map_or(Ok(()), |source| write!(f, ": {source}"))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}
