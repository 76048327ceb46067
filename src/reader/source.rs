//! Where generations come from: read as they are asked for, or by a thread that is one ahead.

use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use super::error::Error;
use super::framer::Framer;
use super::generation::{self, Decoded};
use super::held::ReadAt;
use super::names::Names;
use super::pieces::{Coming, Placed};
use super::version::Version;

/// A trace's generations, one after the other.
pub(crate) struct Source<'a> {
    version: Version,
    names: Arc<Names>,
    from: From<'a>,
}

/// A generation, or the end.
type Next = Result<Option<Decoded>, Error>;

enum From<'a> {
    Here(Framer<'a>),
    /// A thread, which ends with this.
    Ahead(Receiver<Next>),
}

/// As many generations may wait to be asked for, besides the one that the thread is at.
const WAITING: usize = 1;

impl<'a> Source<'a> {
    /// Reads what comes, when it is asked.
    pub(crate) fn coming(
        input: impl Read + Send + 'a,
        names: Arc<Names>,
    ) -> Result<Source<'a>, Error> {
        let (version, pieces) = Coming::new(input)?;
        Ok(Source { version, names, from: From::Here(Framer::new(version, pieces)) })
    }

    /// Reads what can be read at any place, when it is asked.
    pub(crate) fn placed(input: Arc<dyn ReadAt>, names: Arc<Names>) -> Result<Source<'a>, Error> {
        let (version, pieces) = Placed::new(input)?;
        Ok(Source { version, names, from: From::Here(Framer::new(version, pieces)) })
    }

    /// Has a thread read ahead. Where there can be no more threads, it reads when it is asked.
    pub(crate) fn ahead(self) -> Source<'a>
    where
        'a: 'static,
    {
        let (version, names) = (self.version, self.names.clone());
        let (next, ready) = mpsc::sync_channel(WAITING);
        let (hand_over, take) = mpsc::channel::<Source<'static>>();
        let thread = thread::Builder::new().name("gort-reader".into());
        let work = move || {
            if let Ok(source) = take.recv() {
                source.read_ahead(&next);
            }
        };
        if thread.spawn(work).is_err() {
            return self;
        }
        // It cannot fail: the thread waits for it.
        let _ = hand_over.send(self);
        Source { version, names, from: From::Ahead(ready) }
    }

    fn read_ahead(mut self, next: &SyncSender<Next>) {
        loop {
            let found = self.next();
            let is_last = !matches!(found, Ok(Some(_)));
            if next.send(found).is_err() || is_last {
                return;
            }
        }
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// The next generation, or the end. After that, or an error, it is not to be asked again.
    pub(crate) fn next(&mut self) -> Next {
        match &mut self.from {
            From::Here(framer) => match framer.generation()? {
                Some(framed) => generation::decode(framed, self.names.clone()).map(Some),
                None => Ok(None),
            },
            // The thread sends the end, or an error, before it ends itself.
            From::Ahead(ready) => ready.recv().expect("the thread that reads ahead panicked"),
        }
    }

    /// Gives back the memory of a generation that is done with.
    pub(crate) fn reuse(&mut self, bytes: Vec<u8>) {
        if let From::Here(framer) = &mut self.from {
            framer.reuse(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    /// Gives a header, and then panics.
    struct Panicking(&'static [u8]);

    impl Read for Panicking {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            assert!(!self.0.is_empty(), "more is asked for");
            self.0.read(to)
        }
    }

    #[test]
    #[should_panic(expected = "the thread that reads ahead panicked")]
    fn a_panic_of_the_thread_is_not_the_end_of_the_trace() {
        let input = Panicking(b"go 1.26 trace\0\0\0");
        let source = Source::coming(input, Arc::new(Names::new())).unwrap();
        let mut source = source.ahead();
        let _ = source.next();
    }
}
