//! Requests and responses, and how a server ends.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use gort::http::Server;

use crate::client::{Client, get, request};
use crate::support::example;
use crate::{eventually, run, start};

#[test]
fn a_connection_is_kept_for_many_requests() {
    let server = Server::new();
    let mut client = Client::connect(start(&server));
    for _ in 0..100 {
        let answer = client.get("/hello").unwrap();
        assert_eq!((answer.status, answer.text()), (200, "hello"));
        assert_eq!(answer.header("content-length"), Some("5"));
        // `Sun, 06 Nov 1994 08:49:37 GMT`
        let date = answer.header("date").unwrap();
        assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
    }
    assert_eq!(client.get("/nowhere").unwrap().status, 404);
    assert_eq!(server.connections(), 1);
    server.shutdown();
}

#[test]
fn requests_come_in_pipelines_and_pieces() {
    let server = Server::new();
    let mut client = Client::connect(start(&server));
    let three = format!(
        "{}{}{}",
        request("POST", "/echo", "one"),
        request("GET", "/hello", ""),
        request("POST", "/echo", "two")
    );
    // All at once, and then byte by byte.
    client.send(&three).unwrap();
    let mut answers = || [0; 3].map(|_| client.answer(true).unwrap().text().to_owned());
    assert_eq!(answers(), ["one", "hello", "two"]);
    thread::scope(|scope| {
        let writer = client.socket().try_clone().unwrap();
        scope.spawn(move || {
            use std::io::Write;
            three.as_bytes().chunks(1).for_each(|byte| (&writer).write_all(byte).unwrap());
        });
        let mut answers = || [0; 3].map(|_| client.answer(true).unwrap().text().to_owned());
        assert_eq!(answers(), ["one", "hello", "two"]);
    });
    server.shutdown();
}

#[test]
fn bodies_are_large_and_streamed() {
    let server = Server::new();
    let address = start(&server);
    let mut client = Client::connect(address);
    let large = client.get("/large/20000000").unwrap();
    assert_eq!(large.body.len(), 20_000_000);
    let lines = client.get("/lines/1000").unwrap();
    assert_eq!(lines.header("transfer-encoding"), Some("chunked"));
    let expected: String = (0..1000).map(|n| format!("{n}\n")).collect();
    assert_eq!(lines.text(), expected);
    let text = "body ".repeat(1_000_000);
    client.send(&request("POST", "/echo", &text)).unwrap();
    assert!(client.answer(true).unwrap().text() == text);
    client.send(&request("HEAD", "/lines/1000", "")).unwrap();
    assert_eq!(client.answer(false).unwrap().status, 200);
    assert_eq!(client.get("/hello").unwrap().text(), "hello");
    server.shutdown();
}

#[test]
fn a_service_that_blocks_holds_up_nobody_else() {
    let server = Server::new();
    let address = start(&server);
    let blocked: Vec<_> = (0..50).map(|_| Client::connect(address)).collect();
    blocked.iter().for_each(|client| client.send(&request("GET", "/block/1000", "")).unwrap());
    let begin = Instant::now();
    for _ in 0..20 {
        assert_eq!(get(address, "/hello").status, 200);
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    for mut client in blocked {
        assert_eq!(client.answer(true).unwrap().status, 200);
    }
    server.shutdown();
}

#[test]
fn a_panic_ends_its_connection_only() {
    let server = Server::new();
    let address = start(&server);
    for path in ["/panic", "/goexit"] {
        let mut other = Client::connect(address);
        other.get("/hello").unwrap();
        let mut client = Client::connect(address);
        assert!(client.get(path).is_err());
        assert!(client.is_closed());
        assert_eq!(other.get("/hello").unwrap().status, 200);
    }
    server.shutdown();
}

#[test]
fn a_shutdown_waits_for_what_is_being_answered() {
    let server = Server::new();
    let address = start(&server);
    let (mut idle, mut fresh) = (Client::connect(address), Client::connect(address));
    idle.get("/hello").unwrap();
    let mut busy = ["/block/200", "/await/200"].map(|path| {
        let client = Client::connect(address);
        client.send(&request("GET", path, "")).unwrap();
        client
    });
    eventually("four connections", || server.connections() == 4);
    thread::sleep(Duration::from_millis(50));
    let ending = thread::spawn({
        let server = server.clone();
        move || server.shutdown()
    });
    assert!(idle.is_closed() && fresh.is_closed());
    for client in &mut busy {
        assert_eq!(client.answer(true).unwrap().status, 200);
        assert!(client.is_closed());
    }
    ending.join().unwrap();
    assert_eq!(server.connections(), 0);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn a_shutdown_with_a_timeout_closes_what_takes_longer() {
    let server = Server::new();
    let address = start(&server);
    let mut client = Client::connect(address);
    client.send(&request("GET", "/await/100000", "")).unwrap();
    eventually("a connection", || server.connections() == 1);
    thread::sleep(Duration::from_millis(50));
    assert!(!server.shutdown_timeout(Duration::from_millis(50)));
    assert!(client.is_closed());
    eventually("no connection", || server.connections() == 0);
    assert!(server.shutdown_timeout(Duration::ZERO));
}

#[test]
fn a_server_that_has_ended_serves_no_more() {
    let server = Server::new();
    let address = start(&server);
    assert_eq!(get(address, "/hello").status, 200);
    server.close();
    let listener = run(|| gort::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let again = run(|| server.serve(listener, hyper::service::service_fn(crate::answer)));
    assert!(again.is_ok());
    eventually("no connection", || server.connections() == 0);
}

#[test]
fn a_listener_that_cannot_be_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::new().addr(taken.local_addr().unwrap().to_string());
    let served = run(|| server.listen_and_serve(hyper::service::service_fn(crate::answer)));
    assert_eq!(served.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

#[test]
fn the_example_serves() {
    let mut command = Command::new(example("http_hello"));
    let mut child = command.arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let address = first.split("http://").nth(1).unwrap().split('/').next().unwrap();
    let address: SocketAddr = address.parse().unwrap();
    let printed: Vec<_> = lines.by_ref().take(3).collect();
    assert!(printed[0].contains("/slow") && printed[2].contains("go tool pprof"), "{printed:?}");
    assert_eq!(get(address, "/").text(), "hello, world\n");
    assert_eq!(get(address, "/slow").text(), "at last\n");
    assert_eq!(get(address, "/nowhere").status, 404);
    assert!(get(address, "/debug/pprof/cmdline").text().ends_with("127.0.0.1:0"));
    child.kill().unwrap();
    child.wait().unwrap();
}
