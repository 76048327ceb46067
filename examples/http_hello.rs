//! A web server of hyper's on goroutines, with the debug endpoint mounted.
//!
//! `cargo run --release --features http --example http_hello [ADDRESS]`

use std::convert::Infallible;
use std::time::Duration;

use gort::http::{Body, Server, debug};
use gort::net::TcpListener;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Body::empty());
    match request.uri().path() {
        "/" => *response.body_mut() = "hello, world\n".into(),
        "/slow" => {
            // It may block: only this connection waits.
            gort::sleep(Duration::from_millis(100));
            *response.body_mut() = "at last\n".into();
        }
        path if path.starts_with("/debug/pprof/") => response = debug::handler(request).await,
        _ => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    Ok(response)
}

fn serve(address: &str) -> std::io::Result<()> {
    let listener = TcpListener::bind(address)?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("serving on {url}/; try");
    println!("  curl {url}/slow");
    println!("  curl -o trace.out '{url}/debug/pprof/trace?seconds=2' && go tool trace trace.out");
    println!("  go tool pprof -top {url}/debug/pprof/goroutine");
    Server::new().serve(listener, service_fn(answer))
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { gort::run(|| serve(&address)) }
}
