//! HTTP over real sockets: hyper's servers and clients on goroutines, limits, faults, and the debug
//! endpoint with Go's own tools.

mod adapters;
mod client;
mod endpoint;
mod faults;
mod limits;
#[path = "../support/process.rs"]
mod process;
mod serving;
#[path = "../support/mod.rs"]
mod support;
mod tools;

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use gort::http::{Body, Server, debug};
use gort::net::TcpListener;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};

/// Longer than anything takes that does not hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The service of the tests.
pub(crate) async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Body::empty());
    let path = request.uri().path().to_owned();
    let body = response.body_mut();
    match path.split_at(path.rfind('/').unwrap() + 1) {
        ("/", "hello") => *body = "hello".into(),
        ("/", "echo") => *body = request.into_body().collect().await.unwrap().to_bytes().into(),
        ("/", "panic") => panic!("as the test wants it"),
        ("/", "goexit") => gort::goexit(),
        // Blocks the goroutine.
        ("/block/", ms) => gort::sleep(milliseconds(ms)),
        // Waits as a future.
        ("/await/", ms) => gort::time::sleep_async(milliseconds(ms)).await,
        ("/lines/", n) => *body = lines(n.parse().unwrap()),
        ("/large/", n) => *body = vec![b'x'; n.parse().unwrap()].into(),
        _ if path.starts_with("/debug/") => response = debug::handler(request).await,
        _ => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    Ok(response)
}

fn milliseconds(text: &str) -> Duration {
    Duration::from_millis(text.parse().unwrap())
}

/// So many lines, written by another goroutine.
fn lines(n: usize) -> Body {
    let (mut writer, body) = Body::channel(2);
    gort::go(move || (0..n).try_for_each(|n| writeln!(writer, "{n}")).ok());
    body
}

/// Serves in the background; `server` ends it.
pub(crate) fn start(server: &Server) -> SocketAddr {
    let server = server.clone();
    run(move || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        gort::go(move || server.serve(listener, service_fn(answer)).unwrap());
        address
    })
}

/// Goroutines that `f` starts outlive it.
pub(crate) fn run<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { gort::run(f) }
}

/// Waits until it is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
