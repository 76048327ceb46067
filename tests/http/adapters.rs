//! hyper's own clients and servers over `Io`, `GoExecutor` and `GoTimer`.

use std::time::{Duration, Instant};

use gort::http::{Body, GoExecutor, GoTimer, Io, Server};
use gort::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::rt::Timer;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};

use crate::{answer, run, start};

fn post(path: &str, body: &'static str) -> Request<Full<Bytes>> {
    let request = Request::post(path).header("host", "test");
    request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}

#[test]
fn a_client_of_hypers() {
    let server = Server::new();
    let address = start(&server);
    run(move || {
        let workers: Vec<_> = (0..20)
            .map(|_| {
                gort::go(move || {
                    let io = Io::new(TcpStream::connect(address).unwrap());
                    let handshake = hyper::client::conn::http1::handshake(io);
                    let (mut client, connection) = gort::block_on(handshake).unwrap();
                    let connection = gort::go(move || gort::block_on(connection));
                    for _ in 0..50 {
                        // The connection's goroutine may not be done with the last one yet.
                        gort::block_on(client.ready()).unwrap();
                        let answer = gort::block_on(client.send_request(post("/echo", "ping")));
                        let body = gort::block_on(answer.unwrap().into_body().collect());
                        assert_eq!(body.unwrap().to_bytes(), "ping");
                    }
                    drop(client);
                    connection.join().unwrap().unwrap();
                })
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
    server.shutdown();
}

#[test]
fn over_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let server = Server::new();
    run(|| {
        let listener = UnixListener::bind(&path).unwrap();
        let serving = gort::go({
            let server = server.clone();
            move || server.serve(listener, service_fn(answer))
        });
        let io = Io::new(UnixStream::connect(&path).unwrap());
        let (mut client, connection) =
            gort::block_on(hyper::client::conn::http1::handshake(io)).unwrap();
        gort::go(move || gort::block_on(connection).unwrap());
        let answer = gort::block_on(client.send_request(post("/echo", "ping"))).unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let body = gort::block_on(answer.into_body().collect()).unwrap();
        assert_eq!(body.to_bytes(), "ping");
        server.shutdown();
        serving.join().unwrap().unwrap();
    });
}

#[test]
fn http2_with_a_goroutine_for_every_stream() {
    run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = gort::go(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut builder = hyper::server::conn::http2::Builder::new(GoExecutor);
            builder.timer(GoTimer).keep_alive_interval(Duration::from_secs(1));
            gort::block_on(builder.serve_connection(Io::new(stream), service_fn(answer))).unwrap();
        });
        let io = Io::new(TcpStream::connect(address).unwrap());
        let handshake = hyper::client::conn::http2::handshake(GoExecutor, io);
        let (client, connection) = gort::block_on(handshake).unwrap();
        let connection = gort::go(move || gort::block_on(connection));
        let streams: Vec<_> = (0..20)
            .map(|_| {
                let mut client = client.clone();
                gort::go(move || {
                    gort::block_on(async {
                        let request = post("http://test/echo", "ping");
                        let answer = client.send_request(request).await.unwrap();
                        answer.into_body().collect().await.unwrap().to_bytes()
                    })
                })
            })
            .collect();
        for stream in streams {
            assert_eq!(stream.join().unwrap(), "ping");
        }
        drop(client);
        connection.join().unwrap().unwrap();
        serving.join().unwrap();
    });
}

#[test]
fn hypers_timers() {
    run(|| {
        let begin = Instant::now();
        gort::block_on(GoTimer.sleep(Duration::from_millis(5)));
        assert!(begin.elapsed() >= Duration::from_millis(5));
        gort::block_on(GoTimer.sleep_until(begin + Duration::from_millis(20)));
        assert!(begin.elapsed() >= Duration::from_millis(20));
        gort::block_on(GoTimer.sleep_until(begin));
        let mut sleep = GoTimer.sleep(Duration::from_secs(1000));
        GoTimer.reset(&mut sleep, Instant::now() + Duration::from_millis(5));
        gort::block_on(sleep);
    });
}

#[test]
fn a_body_that_breaks_off_and_one_that_nobody_reads() {
    run(|| {
        let (writer, body) = Body::channel(0);
        gort::go(move || writer.fail(std::io::Error::other("broken")));
        let error = gort::block_on(body.collect()).unwrap_err();
        assert_eq!(error.to_string(), "broken");

        let (mut writer, body) = Body::channel(0);
        assert_eq!(writer.gone().try_recv(), Err(gort::chan::TryRecvError::Empty));
        let writing = gort::go(move || {
            let error = std::io::Write::write(&mut writer, b"some").unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
            assert_eq!(writer.gone().try_recv(), Err(gort::chan::TryRecvError::Closed));
        });
        gort::gosched();
        drop(body);
        writing.join().unwrap();
    });
}
