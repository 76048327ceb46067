//! Sockets: what they do is what std's do, and who waits for them is a goroutine, a thread or a
//! future.

#[path = "../support/process.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod close;
mod deadlines;
mod faults;
mod futures;
mod tcp;
mod threads;
mod traces;
mod udp;
mod unix;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use gort::net::{TcpListener, TcpStream};
use support::runtime::eventually;

/// For whatever is certain to happen, on however slow a machine.
const LONG: Duration = Duration::from_secs(60);
/// For whatever is certain not to happen, and for others to get to where they wait.
const SHORT: Duration = Duration::from_millis(20);

fn run<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { gort::test::run(f) }
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A connection: the side that accepted, and the one that connected.
fn pair() -> (TcpStream, TcpStream) {
    let (listener, address) = listen();
    let client = TcpStream::connect(address).unwrap();
    let (server, from) = listener.accept().unwrap();
    assert_eq!(from, client.local_addr().unwrap());
    (server, client)
}

/// Gives back what comes in until it ends.
fn echo(mut stream: impl Read + Write) {
    let mut buf = [0; 4096];
    loop {
        match stream.read(&mut buf).unwrap() {
            0 => return,
            n => stream.write_all(&buf[..n]).unwrap(),
        }
    }
}

/// Data that differs from place to place.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 + n / 251) as u8).collect()
}
