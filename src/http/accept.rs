//! Accepting connections, also where the system cannot give any more for a while.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::io::Socket;
use crate::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use crate::sleep;

/// Where a server's connections come from: a [`TcpListener`] or a [`UnixListener`].
pub trait Listener: sealed::Listener {}

impl Listener for TcpListener {}
impl Listener for UnixListener {}

pub(super) mod sealed {
    use super::*;

    /// What both kinds of listeners do.
    pub trait Listener: Send + Sync + 'static {
        /// Its connections.
        type Socket: Socket;

        fn accept(&self) -> io::Result<(Self::Socket, Peer)>;
        fn close(&self);
    }

    impl Listener for TcpListener {
        type Socket = TcpStream;

        fn accept(&self) -> io::Result<(TcpStream, Peer)> {
            let (stream, peer) = self.accept()?;
            // As in Go: a response is written in one piece, and what follows it shall not wait.
            // A connection that has been reset meanwhile shows that when it is read.
            let _ = stream.set_nodelay(true);
            Ok((stream, Peer(Some(peer))))
        }

        fn close(&self) {
            // What cannot be closed has ended its waits nevertheless.
            let _ = self.close();
        }
    }

    impl Listener for UnixListener {
        type Socket = UnixStream;

        fn accept(&self) -> io::Result<(UnixStream, Peer)> {
            let (stream, _) = self.accept()?;
            Ok((stream, Peer(None)))
        }

        fn close(&self) {
            // What cannot be closed has ended its waits nevertheless.
            let _ = self.close();
        }
    }
}

/// Whose connection it is, for the log.
#[derive(Clone, Copy, Debug)]
pub struct Peer(Option<SocketAddr>);

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("a Unix socket's peer"),
        }
    }
}

/// How long to wait after a failure, as in Go: longer after each one.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What to do about failed accepts.
#[derive(Default)]
pub(super) struct Failures {
    last_pause: Option<Duration>,
}

impl Failures {
    pub(super) fn over(&mut self) {
        self.last_pause = None;
    }

    /// Waits until it may go better, as after EMFILE; the error comes back if it never will.
    pub(super) fn wait_after(&mut self, error: io::Error) -> io::Result<()> {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, InvalidInput};
        match error.kind() {
            // The peer gave up while it waited in the queue.
            ConnectionAborted | ConnectionReset | Interrupted => return Ok(()),
            InvalidInput => return Err(error),
            _ => {}
        }
        let pause = self.last_pause.map_or(FIRST_PAUSE, |last| (last * 2).min(LONGEST_PAUSE));
        self.last_pause = Some(pause);
        log::warn!("gort: http: accept failed: {error}; trying again in {pause:?}");
        sleep(pause);
        Ok(())
    }
}
