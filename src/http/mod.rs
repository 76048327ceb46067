//! HTTP on goroutines: hyper's servers and clients over [`net`](crate::net), and Go's
//! [debug endpoint](debug).
//!
//! [`serve`] serves a listener, each connection on a goroutine of its own. The service is hyper's
//! [`Service`], mostly an `async fn`; it may also block, as a handler in Go
//! does, and then nobody but its own connection waits.
//!
//! For everything else that hyper does there are [`Io`], [`GoExecutor`] and [`GoTimer`], by which
//! its own builders run here. A client is shown at [`Io`].
//!
//! Needs the feature `http`.
//!
//! # Examples
//! ```
//! use gort::http::{self, Body};
//! use gort::net::TcpListener;
//! use hyper::service::service_fn;
//! use hyper::{Request, Response, body::Incoming};
//!
//! async fn hello(_: Request<Incoming>) -> hyper::Result<Response<Body>> {
//!     Ok(Response::new("hello\n".into()))
//! }
//!
//! // SAFETY: nothing here keeps a thread's own data over a blocking call.
//! unsafe {
//!     gort::run(|| {
//!         let listener = TcpListener::bind("127.0.0.1:0").unwrap();
//!         gort::go(move || http::serve(listener, service_fn(hello)));
//!     })
//! };
//! ```
//!
//! # Go
//! `net/http`'s server and `net/http/pprof`.

mod accept;
mod body;
mod connection;
mod date;
pub mod debug;
mod executor;
mod io;
mod open;
mod pace;
mod server;
mod service;
mod timer;

use std::error::Error;

use hyper::body::{Body as HttpBody, Incoming};
use hyper::service::Service;
use hyper::{Request, Response};

pub use accept::Listener;
pub use body::{Body, BodyWriter};
pub use executor::GoExecutor;
pub use io::{Io, Socket};
pub use server::Server;
pub use timer::GoTimer;

/// Serves all connections that come to `listener`, with the settings of [`Server::new`].
///
/// # Errors
/// As [`Server::serve`]. It returns in no other case.
///
/// # Go
/// `http.Serve`.
pub fn serve<L, S, B>(listener: L, service: S) -> std::io::Result<()>
where
    L: Listener,
    S: Service<Request<Incoming>, Response = Response<B>> + Send + Sync + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: HttpBody + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    Server::new().serve(listener, service)
}
