//! gort's hello server.

use std::convert::Infallible;
use std::io::Read;

use gort::http::{Body, Server};
use gort::net::TcpListener;
use gort::trace::{self, FlightRecorder, FlightRecorderConfig};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};

use crate::system::TRACING;

async fn hello(_: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Body::from("hello, world\n"));
    // As Go's server says it.
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    Ok(response)
}

/// Takes a trace until the end, or has a flight recorder record, if that is what is measured.
fn trace() {
    match std::env::var(TRACING).as_deref() {
        Ok("traced") => trace::start(std::io::sink()).expect("no trace is on"),
        Ok("recorded") => {
            let recorder = FlightRecorder::new(FlightRecorderConfig::default());
            recorder.start().expect("none records");
            std::mem::forget(recorder);
        }
        _ => {}
    }
}

/// Prints the address, and serves until the input ends.
pub(crate) fn run() -> Result<(), String> {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    let serving = unsafe {
        gort::run(|| {
            trace();
            let listener = TcpListener::bind("127.0.0.1:0")?;
            println!("{}", listener.local_addr()?);
            gort::go(move || Server::new().serve(listener, service_fn(hello)));
            std::io::Result::Ok(())
        })
    };
    serving.map_err(|error| error.to_string())?;
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(())
}
