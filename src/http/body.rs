//! [`Body`]: what a response consists of, whole or written piece by piece.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};

use crate::chan::{Receiver, SendTimeoutError, Sender, chan};

/// The body of a response: bytes that are there, or a stream that somebody writes.
///
/// hyper takes bodies of any type; this is one for services whose responses are of several kinds.
///
/// # Examples
/// ```
/// use std::io::Write;
/// use gort::http::Body;
/// use hyper::Response;
///
/// fn numbers() -> Response<Body> {
///     let (mut writer, body) = Body::channel(4);
///     gort::go(move || (1..=3).try_for_each(|n| writeln!(writer, "{n}")));
///     Response::new(body)
/// }
///
/// fn hello() -> Response<Body> {
///     Response::new("hello".into())
/// }
/// ```
pub struct Body {
    kind: Kind,
}

enum Kind {
    /// `None`: it has been sent, or there was none.
    Whole(Option<Bytes>),
    Stream(Stream),
}

type Piece = io::Result<Bytes>;

/// A receive with its receiver, which comes back with the piece.
type Next = dyn Future<Output = (Option<Piece>, Receiver<Piece>)> + Send;

struct Stream {
    next: Option<Pin<Box<Next>>>,
    /// The writer has given up.
    is_given_up: Arc<AtomicBool>,
    /// Closes when the body goes.
    _here: Sender<Infallible>,
}

// SAFETY: a shared reference gives access to nothing.
unsafe impl Sync for Stream {}

impl Body {
    /// No bytes.
    pub fn empty() -> Body {
        Body { kind: Kind::Whole(None) }
    }

    /// A body, and the end where it is written; `capacity` pieces may lie between the two.
    ///
    /// The body is complete when the writer is dropped. Write from another goroutine than the
    /// service's: nothing of the body is sent before the service has returned it.
    pub fn channel(capacity: usize) -> (BodyWriter, Body) {
        let (tx, rx) = chan(capacity);
        let (here, gone) = chan(0);
        let is_given_up = Arc::new(AtomicBool::new(false));
        let writer = BodyWriter { tx, gone, is_given_up: Arc::clone(&is_given_up) };
        let stream = Stream { next: Some(receive(rx)), is_given_up, _here: here };
        (writer, Body { kind: Kind::Stream(stream) })
    }
}

fn receive(rx: Receiver<Piece>) -> Pin<Box<Next>> {
    Box::pin(async move {
        let piece = rx.recv_async().await.ok();
        (piece, rx)
    })
}

impl Stream {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        let Poll::Ready((piece, rx)) = next.as_mut().poll(cx) else { return Poll::Pending };
        // The closing of the channel, which is seen here, comes after it.
        let is_cut = piece.is_none() && self.is_given_up.load(Ordering::Relaxed);
        let piece = if is_cut { Some(Err(too_slow())) } else { piece };
        let goes_on = matches!(piece, Some(Ok(_)));
        self.next = goes_on.then(|| receive(rx));
        Poll::Ready(piece)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match &mut self.kind {
            Kind::Whole(bytes) => Poll::Ready(bytes.take().map(Ok)),
            Kind::Stream(stream) => stream.poll(cx),
        };
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(bytes) => bytes.is_none(),
            Kind::Stream(stream) => stream.next.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Kind::Stream(_) => SizeHint::default(),
        }
    }
}

impl Default for Body {
    fn default() -> Body {
        Body::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body { kind: Kind::Whole((!bytes.is_empty()).then_some(bytes)) }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Body {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Body {
        Bytes::from(text).into()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Whole(bytes) => write!(f, "Body({} bytes)", bytes.as_ref().map_or(0, Bytes::len)),
            Kind::Stream(_) => f.write_str("Body(stream)"),
        }
    }
}

/// Where a [`Body::channel`] is written, by a goroutine or a plain thread.
///
/// Each write is one piece of the body: wrap it in a [`std::io::BufWriter`] for many small ones. A
/// write waits while the client is slower, and fails with [`io::ErrorKind::BrokenPipe`] once the
/// client has left.
pub struct BodyWriter {
    tx: Sender<Piece>,
    gone: Receiver<Infallible>,
    is_given_up: Arc<AtomicBool>,
}

fn client_has_left() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the client has left")
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client is too slow")
}

impl BodyWriter {
    /// A channel that closes when the client has left, or has got everything: for a
    /// [`select!`](crate::select!) of whoever has nothing to write yet.
    ///
    /// # Go
    /// `Request.Context().Done()`.
    pub fn gone(&self) -> &Receiver<Infallible> {
        &self.gone
    }

    /// Keeps the body from being complete, also where the writer is dropped.
    pub(super) fn hold(&self) -> Hold {
        Hold { _tx: self.tx.clone() }
    }

    /// As a write, but where the client takes nothing for so long, it breaks the body off.
    pub(super) fn write_within(&self, patience: Duration, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            let sent = self.tx.send_timeout(Ok(Bytes::copy_from_slice(bytes)), patience);
            sent.map_err(|error| match error {
                SendTimeoutError::Closed(_) => client_has_left(),
                SendTimeoutError::Timeout(_) => {
                    self.is_given_up.store(true, Ordering::Relaxed);
                    too_slow()
                }
            })?;
        }
        Ok(bytes.len())
    }

    /// Breaks the body off, so that the client sees that it is incomplete.
    pub fn fail(self, error: io::Error) {
        // Nobody is told if nobody is there.
        let _ = self.tx.send(Err(error));
    }
}

/// A body is not complete while this is there.
pub(super) struct Hold {
    _tx: Sender<Piece>,
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            let sent = self.tx.send(Ok(Bytes::copy_from_slice(bytes)));
            sent.map_err(|_| client_has_left())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyWriter").finish_non_exhaustive()
    }
}
