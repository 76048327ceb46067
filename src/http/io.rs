//! [`Io`]: a socket of gort's as hyper reads and writes it.

use std::fmt;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::body::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};

use super::pace::{Alarm, Pace};
use crate::net::{TcpStream, UnixStream};
use crate::time::Instant;

/// A socket that [`Io`] can be made of: a [`TcpStream`] or a [`UnixStream`].
pub trait Socket: sealed::Socket {}

impl Socket for TcpStream {}
impl Socket for UnixStream {}

pub(super) mod sealed {
    use super::*;

    /// What both kinds of streams do.
    pub trait Socket: Send + Unpin + 'static {
        fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
        fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
        fn try_read(&self, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize>;
        fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
        fn try_write_vectored(&self, bytes: &[IoSlice<'_>]) -> io::Result<usize>;
        fn shutdown(&self, how: Shutdown) -> io::Result<()>;
    }

    macro_rules! sockets {
        ($($stream:ty),+) => {$(
            impl Socket for $stream {
                fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                    self.poll_read_ready(cx)
                }

                fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                    self.poll_write_ready(cx)
                }

                fn try_read(&self, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
                    self.try_read_uninit(buffer)
                }

                fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
                    self.try_write(bytes)
                }

                fn try_write_vectored(&self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
                    self.try_write_vectored(bytes)
                }

                fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                    self.shutdown(how)
                }
            }
        )+};
    }

    sockets!(TcpStream, UnixStream);
}

/// A stream for hyper: it implements [`hyper::rt::Read`] and [`hyper::rt::Write`].
///
/// [`serve`](super::serve) uses it for servers. A client gives it to hyper's handshake, and lets
/// the connection that it gets run on a goroutine of its own:
///
/// ```
/// use gort::http::{Body, Io};
/// use gort::net::{TcpListener, TcpStream};
/// use http_body_util::{BodyExt, Empty};
/// use hyper::body::{Bytes, Incoming};
/// use hyper::service::service_fn;
/// use hyper::{Request, Response};
///
/// async fn greet(_: Request<Incoming>) -> hyper::Result<Response<Body>> {
///     Ok(Response::new("hello".into()))
/// }
///
/// fn get(address: std::net::SocketAddr) -> Result<Bytes, Box<dyn std::error::Error>> {
///     let stream = TcpStream::connect(address)?;
///     let handshake = hyper::client::conn::http1::handshake(Io::new(stream));
///     let (mut client, connection) = gort::block_on(handshake)?;
///     gort::go(move || gort::block_on(connection));
///     let request = Request::get("/").header("host", "localhost").body(Empty::<Bytes>::new())?;
///     gort::block_on(async {
///         let answer = client.send_request(request).await?;
///         Ok(answer.into_body().collect().await?.to_bytes())
///     })
/// }
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let listener = TcpListener::bind("127.0.0.1:0").unwrap();
///         let address = listener.local_addr().unwrap();
///         gort::go(move || gort::http::serve(listener, service_fn(greet)));
///         assert_eq!(get(address).unwrap(), "hello");
///     })
/// };
/// ```
pub struct Io<T> {
    socket: T,
}

impl<T: Socket> Io<T> {
    /// hyper's view of `socket`.
    pub fn new(socket: T) -> Io<T> {
        Io { socket }
    }

    /// The socket.
    pub fn get_ref(&self) -> &T {
        &self.socket
    }

    /// Gives the socket back, as after an upgrade to another protocol.
    pub fn into_inner(self) -> T {
        self.socket
    }
}

/// Tries until it is done, or until the socket is not ready.
fn when_ready(
    mut poll_ready: impl FnMut() -> Poll<io::Result<()>>,
    mut attempt: impl FnMut() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        match poll_ready() {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        }
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return Poll::Ready(done),
        }
    }
}

impl<T: Socket> Read for Io<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // SAFETY: it is written to and never read here.
        let unfilled = unsafe { buffer.as_mut() };
        let socket = &self.socket;
        when_ready(|| socket.poll_read_ready(cx), || socket.try_read(unfilled)).map_ok(|n| {
            // SAFETY: the system has filled that many bytes.
            unsafe { buffer.advance(n) };
        })
    }
}

impl<T: Socket> Write for Io<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let socket = &self.socket;
        when_ready(|| socket.poll_write_ready(cx), || socket.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let socket = &self.socket;
        when_ready(|| socket.poll_write_ready(cx), || socket.try_write_vectored(bytes))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.socket.shutdown(Shutdown::Write) {
            // The peer was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        })
    }
}

impl<T: fmt::Debug> fmt::Debug for Io<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Io").field(&self.socket).finish()
    }
}

/// The socket of a server's connection, with its limits.
pub(super) struct PacedIo<T> {
    io: Io<T>,
    pace: Rc<Pace>,
    alarm: Alarm,
    /// What has been read already, and is to be read again.
    ahead: Bytes,
}

impl<T: Socket> PacedIo<T> {
    pub(super) fn new(socket: T, pace: Rc<Pace>) -> PacedIo<T> {
        PacedIo { io: Io::new(socket), pace, alarm: Alarm::default(), ahead: Bytes::new() }
    }

    /// Takes back what was read and not used.
    pub(super) fn give_back(&mut self, read: Bytes) {
        self.ahead = read;
    }

    /// Ready once there is something to read.
    pub(super) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        // What is wrong with the socket shows in the read.
        self.io.socket.poll_read_ready(cx).map(drop)
    }

    /// A write, unless it is too late for it.
    fn write_in_time(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut Io<T>>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.pace.writes();
        let Some(deadline) = self.pace.write_deadline() else {
            return write(Pin::new(&mut self.io), cx);
        };
        if Instant::now() < deadline {
            let written = write(Pin::new(&mut self.io), cx);
            if written.is_ready() {
                return written;
            }
        }
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the response takes too long");
        self.alarm.poll(cx, deadline).map(|()| Err(late()))
    }
}

impl<T: Socket> Read for PacedIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let n = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead.split_to(n));
            self.pace.received();
            return Poll::Ready(Ok(()));
        }
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        if read.is_ready() {
            self.pace.received();
        }
        read
    }
}

impl<T: Socket> Write for PacedIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write_in_time(cx, |io, cx| io.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write_in_time(cx, |io, cx| io.poll_write_vectored(cx, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper comes here when it has written all that it had to write.
        self.pace.has_written();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
