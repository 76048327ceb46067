//! [`Server`]: settings and end of an HTTP server.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper::{Request, Response};

use super::accept::{Failures, Listener};
use super::connection;
use super::open::{Open, Stage};
use super::pace::Limits;
use crate::net::TcpListener;
use crate::time::Instant;
use crate::{go, select};

/// What hyper sets, too.
const READ_HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTP/1 server: its settings, and the handle that ends it.
///
/// Clones are the same server.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use gort::http::{Body, Server};
/// use gort::net::TcpListener;
/// use hyper::service::service_fn;
/// use hyper::{Request, Response, body::Incoming};
///
/// async fn slow(_: Request<Incoming>) -> hyper::Result<Response<Body>> {
///     gort::sleep(Duration::from_millis(10)); // Blocks this connection, and nobody else.
///     Ok(Response::new("done".into()))
/// }
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let server = Server::new().write_timeout(Duration::from_secs(5)).max_connections(100);
///         let listener = TcpListener::bind("127.0.0.1:0").unwrap();
///         let running = server.clone();
///         let serving = gort::go(move || running.serve(listener, service_fn(slow)));
///         // ...
///         server.shutdown();
///         serving.join().unwrap().unwrap();
///     })
/// };
/// ```
///
/// # Go
/// `http.Server`. There is no limit for a whole request with its body.
#[derive(Clone)]
pub struct Server {
    addr: String,
    limits: Limits,
    max_connections: usize,
    open: Arc<Open>,
}

impl Server {
    /// A server with 30 seconds for a request's header and no other limits.
    pub fn new() -> Server {
        let limits = Limits { read_header: Some(READ_HEADER_TIMEOUT), idle: None, write: None };
        Server {
            addr: "127.0.0.1:0".to_owned(),
            limits,
            max_connections: usize::MAX,
            open: Arc::default(),
        }
    }

    /// Where [`Server::listen_and_serve`] listens; unless set, some port of the loopback interface.
    ///
    /// # Go
    /// `Server.Addr`.
    pub fn addr(mut self, addr: impl Into<String>) -> Server {
        self.addr = addr.into();
        self
    }

    /// How long a request's header may take, from its first byte on, and for a connection's first
    /// request from the beginning of the connection. `None`: for ever.
    ///
    /// # Go
    /// `Server.ReadHeaderTimeout`, which is unlimited unless set.
    pub fn read_header_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Server {
        self.limits.read_header = timeout.into();
        self
    }

    /// How long a connection may wait for its next request. `None`, the default: for ever.
    ///
    /// # Go
    /// `Server.IdleTimeout`.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Server {
        self.limits.idle = timeout.into();
        self
    }

    /// How long a response may take, from the end of the request's header to the last byte written.
    /// `None`, the default: for ever. The [debug endpoint](super::debug) refuses traces and
    /// profiles that would take longer.
    ///
    /// # Go
    /// `Server.WriteTimeout`.
    pub fn write_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Server {
        self.limits.write = timeout.into();
        self
    }

    /// The most connections at a time. Further ones wait in the system's queue.
    ///
    /// # Panics
    /// If it is zero.
    ///
    /// # Go
    /// `netutil.LimitListener`.
    pub fn max_connections(mut self, most: usize) -> Server {
        assert!(most > 0, "gort: a server that may have no connections");
        self.max_connections = most;
        self
    }

    /// Serves all connections that come to `listener`, each on a goroutine of its own, until
    /// [`Server::shutdown`] or [`Server::close`] is called.
    ///
    /// The service is called on the connection's goroutine, and may block it as long as it likes:
    /// the other connections do not notice. While it blocks, rather than awaits, nothing is read
    /// from its connection: a request's body can be awaited only. If it panics, that is logged and
    /// the connection ends, as in Go.
    ///
    /// When the system has no more files or memory for new connections, the server goes on with
    /// those it has, logs that, and tries again after a pause.
    ///
    /// # Errors
    /// When the listener is unusable. The end by `shutdown` or `close` is no error.
    ///
    /// # Go
    /// `Server.Serve`.
    pub fn serve<L, S, B>(&self, listener: L, service: S) -> io::Result<()>
    where
        L: Listener,
        S: Service<Request<Incoming>, Response = Response<B>> + Send + Sync + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let listener = Arc::new(listener);
        let closed = Arc::clone(&listener);
        let close: Arc<dyn Fn() + Send + Sync> = Arc::new(move || closed.close());
        if !self.open.add_listener(Arc::clone(&close)) {
            return Ok(());
        }
        let ended = self.accept_all(&*listener, &Arc::new(service));
        self.open.remove_listener(&close);
        ended
    }

    fn accept_all<L, S, B>(&self, listener: &L, service: &Arc<S>) -> io::Result<()>
    where
        L: Listener,
        S: Service<Request<Incoming>, Response = Response<B>> + Send + Sync + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let mut failures = Failures::default();
        loop {
            self.open.wait_for_room(self.max_connections);
            let accepted = listener.accept();
            if self.open.has_reached(Stage::Shutdown) {
                return Ok(());
            }
            match accepted {
                Ok((socket, peer)) => {
                    failures.over();
                    let Some(place) = self.open.admit() else { return Ok(()) };
                    let (service, limits) = (Arc::clone(service), self.limits);
                    go(move || connection::serve(socket, peer, service, limits, place));
                }
                Err(error) => failures.wait_after(error)?,
            }
        }
    }

    /// Listens on [`Server::addr`] and serves, as [`Server::serve`].
    ///
    /// # Errors
    /// When nobody can listen there, and as [`Server::serve`].
    ///
    /// # Go
    /// `Server.ListenAndServe`.
    pub fn listen_and_serve<S, B>(&self, service: S) -> io::Result<()>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Send + Sync + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        self.serve(TcpListener::bind(&*self.addr)?, service)
    }

    /// Ends the server gently: it takes no new connections, ends those that are idle, and waits
    /// until the others have answered their requests. For good: a server that has ended serves no
    /// more.
    ///
    /// # Go
    /// `Server.Shutdown` with a context that does not end.
    pub fn shutdown(&self) {
        self.open.go_on_to(Stage::Shutdown);
        self.open.wait_for_none();
    }

    /// As [`Server::shutdown`], but closes the connections that are not idle by then. Whether there
    /// were none.
    ///
    /// # Go
    /// `Server.Shutdown` with a timeout, and `Server.Close` after it.
    pub fn shutdown_timeout(&self, timeout: Duration) -> bool {
        let begin = Instant::now();
        self.open.go_on_to(Stage::Shutdown);
        while let Some(change) = self.open.until_none() {
            let left = timeout.saturating_sub(begin.elapsed());
            let is_late = select! {
                recv(&change) -> _changed => false,
                after(left) => true,
            };
            if is_late {
                self.open.go_on_to(Stage::Closed);
                return false;
            }
        }
        true
    }

    /// Ends the server and all its connections at once, without waiting. A service that blocks is
    /// not interrupted; its connection ends after it.
    ///
    /// # Go
    /// `Server.Close`.
    pub fn close(&self) {
        self.open.go_on_to(Stage::Closed);
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.open.count()
    }
}

impl Default for Server {
    fn default() -> Server {
        Server::new()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("addr", &self.addr)
            .field("limits", &self.limits)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}
