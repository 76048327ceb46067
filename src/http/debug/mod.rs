//! The debug endpoint: traces, profiles and figures of the running process over HTTP, with Go's
//! paths, parameters and answers, so that Go's tools can be pointed at it.
//!
//! [`serve`] listens on an address of its own, [`handler`] answers in a server of the program's.
//!
//! ```text
//! curl -o trace.out 'http://127.0.0.1:6060/debug/pprof/trace?seconds=5'
//! go tool trace trace.out
//! go tool pprof -top 'http://127.0.0.1:6060/debug/pprof/profile?seconds=5'
//! ```
//!
//! | path | what it gives |
//! | --- | --- |
//! | `/debug/pprof/` | a page with links to all of these |
//! | `/debug/pprof/trace?seconds=N` | a trace of so many seconds, fractions too; 1 unless given |
//! | `/debug/pprof/profile?seconds=N` | a CPU profile; 30 seconds unless given |
//! | `/debug/pprof/goroutine` | all goroutines by stack; `?debug=1` as text, `?debug=2` each one with its state |
//! | `/debug/pprof/block`, `/debug/pprof/mutex` | where goroutines waited, and for whom: once [`pprof`](crate::pprof) has been told to sample that; `?debug=1` as text |
//! | `/debug/pprof/threadcreate` | how many worker threads there are |
//! | `/debug/pprof/cmdline` | the command line, separated by NUL |
//! | `/debug/pprof/symbol?0xADDR+0xADDR` | names of addresses; they may also be POSTed |
//! | `/debug/pprof/metrics`, `/metrics` | [`metrics()`](crate::metrics()) as Prometheus reads them |
//!
//! `?seconds=N` on `goroutine`, `block`, `mutex` and `threadcreate` gives the difference between two profiles so
//! many seconds apart. A trace or CPU profile that its client leaves ends at once.
//!
//! # What it reveals
//! Whoever can reach the endpoint learns the command line with whatever secrets stand in it, the
//! names of functions, source files and goroutines, what the program does and when, and what its
//! code logs into traces; and can slow the program down by profiles and traces, one at a time of
//! each kind. There is no password. Therefore [`serve`] refuses to listen on anything but the
//! loopback interface, where every local user still gets in. There it also refuses requests that are
//! meant for somebody else, by their `Host`: a web page that has its own name lead to 127.0.0.1 could
//! read everything by the browser of whoever looks at it. Names without a domain and addresses are
//! fine. [`serve_public`] is for networks that are closed by other means. [`handler`] leaves the
//! choice to the server it is mounted in.
//!
//! # Go
//! `net/http/pprof`. There are no profiles of memory, which gort does not manage.
//! Since Go 1.23 a trace or profile that takes longer than the server's write timeout moves that
//! timeout; here, as in Go before, it is refused. Symbols may be asked for by POST, which Go's own
//! default server has refused since Go 1.22.

mod answer;
mod apart;
mod host;
mod index;
mod metrics;
mod profile;
mod query;
mod symbol;
mod take;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use hyper::body::{Body as HttpBody, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};

use self::answer::{meant_for_others, method_not_allowed, not_found, redirect, text};
use self::query::Query;
use super::service::WriteTimeout;
use super::{Body, Server};
use crate::net::TcpListener;
use crate::{blocking, go};

/// Where everything is, but `/metrics`, which is also where Prometheus looks first.
const ROOT: &str = "/debug/pprof/";

/// Serves the debug endpoint on `addr`, on goroutines of its own, until the process ends or
/// [`Endpoint::close`] is called.
///
/// # Errors
/// When `addr` is not of the loopback interface: the [module](self) says why. When nobody can
/// listen there.
///
/// # Panics
/// If no [`run`](crate::run) has begun yet.
///
/// # Examples
/// ```
/// use gort::http::debug;
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let endpoint = debug::serve("127.0.0.1:0").unwrap();
///         println!("see http://{}/debug/pprof/", endpoint.addr());
///         assert!(debug::serve("0.0.0.0:0").is_err());
///     })
/// };
/// ```
///
/// # Go
/// `go http.ListenAndServe("localhost:6060", nil)`, but for the refusal.
pub fn serve(addr: impl ToSocketAddrs + Send) -> io::Result<Endpoint> {
    let addrs = resolve(addr)?;
    match addrs.iter().find(|addr| !addr.ip().is_loopback()) {
        None => start(&addrs, host::is_own),
        Some(open) => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "gort: the debug endpoint on {open} could be reached from other machines; \
                 http::debug::serve_public allows that, and http::debug says what it reveals"
            ),
        )),
    }
}

/// [`serve`] on any address, from wherever it can be reached.
///
/// # Errors
/// When nobody can listen there.
///
/// # Panics
/// As [`serve`].
pub fn serve_public(addr: impl ToSocketAddrs + Send) -> io::Result<Endpoint> {
    start(&resolve(addr)?, |_| true)
}

fn resolve(addr: impl ToSocketAddrs + Send) -> io::Result<Vec<SocketAddr>> {
    Ok(blocking(|| addr.to_socket_addrs())?.collect())
}

fn start(addrs: &[SocketAddr], may_ask: fn(&Request<Incoming>) -> bool) -> io::Result<Endpoint> {
    let listener = TcpListener::bind(addrs)?;
    let addr = listener.local_addr()?;
    let server = Server::new();
    let serving = server.clone();
    go(move || {
        let answer = move |request| async move {
            Ok::<_, Infallible>(match may_ask(&request) {
                true => handler(request).await,
                false => meant_for_others(),
            })
        };
        if let Err(error) = serving.serve(listener, service_fn::<_, Incoming, _>(answer)) {
            log::error!("gort: the debug endpoint on {addr} has ended: {error}");
        }
    });
    Ok(Endpoint { addr, server })
}

/// A debug endpoint that is being served. From [`serve`]. Dropping it changes nothing.
#[derive(Debug)]
pub struct Endpoint {
    addr: SocketAddr,
    server: Server,
}

impl Endpoint {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends it, and whatever it is sending.
    pub fn close(&self) {
        self.server.close();
    }
}

/// Answers a request to the debug endpoint, for a server of the program's own: hand it all requests
/// whose paths begin with `/debug/pprof/`.
///
/// It trusts whoever asks: see [what it reveals](self#what-it-reveals).
///
/// # Examples
/// ```
/// use gort::http::{Body, debug};
/// use hyper::{Request, Response, body::Incoming};
///
/// async fn answer(request: Request<Incoming>) -> hyper::Result<Response<Body>> {
///     if request.uri().path().starts_with("/debug/pprof/") {
///         return Ok(debug::handler(request).await);
///     }
///     Ok(Response::new("hello".into()))
/// }
/// ```
///
/// # Go
/// `pprof.Index`, `Cmdline`, `Profile`, `Symbol` and `Trace` in one.
pub async fn handler<B>(request: Request<B>) -> Response<Body>
where
    B: HttpBody,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let path = request.uri().path();
    let Some(name) = path.strip_prefix(ROOT).or((path == "/metrics").then_some("metrics")) else {
        return if path == ROOT.trim_end_matches('/') { redirect(ROOT) } else { not_found() };
    };
    match *request.method() {
        Method::GET | Method::HEAD => {}
        Method::POST if name == "symbol" => {}
        _ => return method_not_allowed(),
    }
    let timeout = request.extensions().get::<WriteTimeout>().map(|timeout| timeout.0);
    let query = Query::new(request.uri().query());
    match name {
        "" => index::page(),
        "cmdline" => text(cmdline()),
        "metrics" => metrics::page(),
        "symbol" => symbol::table(request).await,
        "trace" => take::trace(&query, timeout),
        "profile" => take::cpu_profile(&query, timeout),
        name => profile::named(name, &query, timeout).await,
    }
}

fn cmdline() -> Vec<u8> {
    use std::os::unix::ffi::OsStringExt;
    std::env::args_os().map(OsStringExt::into_vec).collect::<Vec<_>>().join(&0)
}

/// Whether something of this length would outlast the server's write timeout.
fn exceeds(duration: Duration, timeout: Option<Duration>) -> bool {
    timeout.is_some_and(|timeout| duration >= timeout)
}
