//! What takes too long ends; what does not, does not.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use gort::http::Server;

use crate::client::{Client, get, request};
use crate::{eventually, start};

const LIMIT: Duration = Duration::from_millis(200);

/// How long until the server closes the connection.
fn until_closed(client: &mut Client) -> Duration {
    let begin = Instant::now();
    assert!(client.is_closed());
    begin.elapsed()
}

#[test]
fn a_header_that_trickles_in_ends_the_connection() {
    let server = Server::new().read_header_timeout(LIMIT);
    let address = start(&server);
    // Nothing, a part, and byte after byte without end; the last also as a second request.
    let mut silent = Client::connect(address);
    let mut partial = Client::connect(address);
    partial.send("GET / HTT").unwrap();
    let mut second = Client::connect(address);
    second.get("/hello").unwrap();
    for client in [Client::connect(address), second] {
        let begin = Instant::now();
        client.send("GET / HTTP/1.1\r\nX: ").unwrap();
        while client.send("x").is_ok() {
            assert!(begin.elapsed() < crate::PATIENCE, "it is never closed");
            thread::sleep(Duration::from_millis(5));
        }
        assert!(begin.elapsed() >= LIMIT, "{:?}", begin.elapsed());
    }
    assert!(silent.is_closed() && partial.is_closed());
    eventually("no connection", || server.connections() == 0);
    server.shutdown();
}

#[test]
fn the_limit_for_headers_is_none_for_anything_else() {
    let server = Server::new().read_header_timeout(LIMIT);
    let mut client = Client::connect(start(&server));
    // An idle connection, a slow service, a slow body.
    client.get("/hello").unwrap();
    thread::sleep(2 * LIMIT);
    assert_eq!(client.get("/await/400").unwrap().status, 200);
    client.send("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbo").unwrap();
    thread::sleep(2 * LIMIT);
    client.send("dy").unwrap();
    assert_eq!(client.answer(true).unwrap().text(), "body");
    server.shutdown();
}

#[test]
fn an_idle_connection_ends_if_that_is_wanted() {
    let server = Server::new().idle_timeout(8 * LIMIT);
    let address = start(&server);
    let mut client = Client::connect(address);
    for _ in 0..3 {
        client.get("/hello").unwrap();
        thread::sleep(LIMIT / 4);
    }
    assert_eq!(client.get("/block/2000").unwrap().status, 200);
    let took = until_closed(&mut client);
    assert!(took >= 4 * LIMIT, "{took:?}");
    server.shutdown();
}

/// hyper has all of a body long before the client has: what waits is the client's turn to read.
#[test]
fn a_response_that_is_read_slowly_is_no_idle_connection() {
    let server = Server::new().idle_timeout(LIMIT).read_header_timeout(LIMIT);
    let address = start(&server);
    for next in ["", "GET /hel"] {
        let mut client = Client::connect(address);
        client.send(&(request("GET", "/large/20000000", "") + next)).unwrap();
        thread::sleep(4 * LIMIT);
        assert_eq!(client.answer(true).unwrap().body.len(), 20_000_000);
        assert!(client.is_closed());
    }
    server.shutdown();
}

#[test]
fn a_response_that_is_not_read_ends_at_the_write_timeout() {
    let server = Server::new().write_timeout(LIMIT);
    let address = start(&server);
    let client = Client::connect(address);
    client.send(&request("GET", "/large/100000000", "")).unwrap();
    eventually("a connection", || server.connections() == 1);
    let begin = Instant::now();
    eventually("no connection", || server.connections() == 0);
    assert!(begin.elapsed() >= LIMIT / 2, "{:?}", begin.elapsed());
    let mut rest = Vec::new();
    // What the system had buffered, and no more; or the end was rude.
    let _ = client.socket().read_to_end(&mut rest);
    assert!(rest.len() < 100_000_000, "{}", rest.len());
    // Who is late before the first byte is late, too.
    assert!(Client::connect(address).get("/await/400").is_err());
    assert!(Client::connect(address).get("/block/400").is_err());
    assert_eq!(Client::connect(address).get("/block/1").unwrap().status, 200);
    server.shutdown();
}

#[test]
fn the_write_timeout_counts_for_each_response_anew() {
    // All four take longer than the limit, each has a lot of time left.
    let limit = Duration::from_secs(1);
    let server = Server::new().write_timeout(limit);
    let mut client = Client::connect(start(&server));
    for _ in 0..4 {
        assert_eq!(client.get("/await/300").unwrap().status, 200);
    }
    thread::sleep(2 * limit);
    assert_eq!(client.get("/hello").unwrap().status, 200);
    server.shutdown();
}

#[test]
fn there_are_no_more_connections_than_allowed() {
    let server = Server::new().max_connections(2);
    let address = start(&server);
    let mut served = [0; 2].map(|_| {
        let mut client = Client::connect(address);
        client.get("/hello").unwrap();
        client
    });
    let mut waiting = Client::connect(address);
    waiting.send(&request("GET", "/hello", "")).unwrap();
    thread::sleep(Duration::from_millis(100));
    assert_eq!(server.connections(), 2);
    served.iter_mut().for_each(|client| drop(client.get("/hello").unwrap()));
    drop(served);
    assert_eq!(waiting.answer(true).unwrap().text(), "hello");
    drop(waiting);
    assert_eq!(get(address, "/hello").status, 200);
    server.shutdown();
}

/// A connection that has been idle gives its buffers up, and goes on as before.
#[test]
fn idle_connections_rest_and_wake() {
    let server = Server::new();
    let address = start(&server);
    let (mut client, mut fresh) = (Client::connect(address), Client::connect(address));
    for pause_ms in [0, 100, 380, 400, 420, 600] {
        thread::sleep(Duration::from_millis(pause_ms));
        assert_eq!(client.get("/hello").unwrap().text(), "hello");
        assert_eq!(client.get("/lines/50").unwrap().body.len(), 140);
        client.send(&request("POST", "/echo", "body")).unwrap();
        assert_eq!(client.answer(true).unwrap().text(), "body");
    }
    // Half a request with the one before it, and the rest after a rest.
    let (now, later) =
        ("GET /hello HTTP/1.1\r\nHost: test\r\n\r\nGET /hel", "lo HTTP/1.1\r\nHost: test\r\n\r\n");
    client.send(now).unwrap();
    assert_eq!(client.answer(true).unwrap().text(), "hello");
    thread::sleep(Duration::from_millis(600));
    client.send(later).unwrap();
    assert_eq!(client.answer(true).unwrap().text(), "hello");
    // A connection's first request after a rest; an answer that is read after one.
    assert_eq!(fresh.get("/hello").unwrap().text(), "hello");
    fresh.send(&request("GET", "/large/20000000", "")).unwrap();
    thread::sleep(Duration::from_millis(600));
    assert_eq!(fresh.answer(true).unwrap().body.len(), 20_000_000);
    assert_eq!(server.connections(), 2);
    thread::sleep(Duration::from_millis(600));
    drop(fresh);
    eventually("the rest of the other one ends", || server.connections() == 1);
    server.shutdown();
    assert!(client.is_closed());
}
