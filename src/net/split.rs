//! A stream in two halves, one that reads and one that writes.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::sync::Arc;

/// A stream that can be split: a [`TcpStream`](super::TcpStream) or a
/// [`UnixStream`](super::UnixStream).
pub trait Duplex: fmt::Debug {
    #[doc(hidden)]
    fn end_writing(&self);
}

/// The half of a stream that reads. From its `split`.
#[derive(Debug)]
pub struct ReadHalf<'a, S>(pub(super) &'a S);

/// The half of a stream that writes. From its `split`.
#[derive(Debug)]
pub struct WriteHalf<'a, S>(pub(super) &'a S);

/// The half of a stream that reads, and owns the stream together with the other one. From its
/// `into_split`.
#[derive(Debug)]
pub struct OwnedReadHalf<S>(Arc<S>);

/// The half of a stream that writes, and owns the stream together with the other one. From its
/// `into_split`. Dropping it ends the writing: the peer sees the end of the data.
#[derive(Debug)]
pub struct OwnedWriteHalf<S: Duplex> {
    /// `None`: reunited.
    stream: Option<Arc<S>>,
}

/// Two halves that are not of one stream. From [`OwnedReadHalf::reunite`].
#[derive(Debug)]
pub struct ReuniteError<S: Duplex>(pub OwnedReadHalf<S>, pub OwnedWriteHalf<S>);

pub(super) fn owned<S: Duplex>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Arc::new(stream);
    (OwnedReadHalf(Arc::clone(&stream)), OwnedWriteHalf { stream: Some(stream) })
}

impl<S: Duplex> OwnedReadHalf<S> {
    /// The stream as it was.
    ///
    /// # Errors
    /// With both halves, if they are not of one stream.
    pub fn reunite(self, mut other: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
        if !other.stream.as_ref().is_some_and(|stream| Arc::ptr_eq(stream, &self.0)) {
            return Err(ReuniteError(self, other));
        }
        other.stream = None;
        // The other share is gone, and there are no more than two.
        Ok(Arc::into_inner(self.0).expect("both shares were here"))
    }
}

impl<S: Duplex> OwnedWriteHalf<S> {
    fn stream(&self) -> &Arc<S> {
        self.stream.as_ref().expect("it is there until the half is reunited or dropped")
    }
}

impl<S: Duplex> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream {
            stream.end_writing();
        }
    }
}

impl<S: Duplex> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are not of one stream")
    }
}

impl<S: Duplex> Error for ReuniteError<S> {}

macro_rules! reading {
    ($half:ty, $(<$life:lifetime>)?) => {
        impl<$($life,)? S> Read for $half
        where
            for<'b> &'b S: Read,
        {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                (&mut &*self.0).read(buf)
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                (&mut &*self.0).read_vectored(bufs)
            }
        }

        impl<$($life,)? S> AsRef<S> for $half {
            /// The stream: reading from it otherwise takes data away from this half.
            fn as_ref(&self) -> &S {
                &self.0
            }
        }
    };
}

reading!(ReadHalf<'a, S>, <'a>);
reading!(OwnedReadHalf<S>,);

impl<S> Write for WriteHalf<'_, S>
where
    for<'b> &'b S: Write,
{
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&mut &*self.0).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&mut &*self.0).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&mut &*self.0).flush()
    }
}

impl<S: Duplex> Write for OwnedWriteHalf<S>
where
    for<'b> &'b S: Write,
{
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&mut &**self.stream()).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&mut &**self.stream()).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&mut &**self.stream()).flush()
    }
}

impl<S> AsRef<S> for WriteHalf<'_, S> {
    fn as_ref(&self) -> &S {
        self.0
    }
}

impl<S: Duplex> AsRef<S> for OwnedWriteHalf<S> {
    fn as_ref(&self) -> &S {
        self.stream()
    }
}
