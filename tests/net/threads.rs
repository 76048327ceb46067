//! Plain threads, beside goroutines and before there is a runtime.

use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::Instant;

use gort::go;
use gort::net::TcpStream;

use crate::process::{assert_success, process};
use crate::{SHORT, echo, listen, pair, run};

#[test]
fn threads_and_goroutines_talk() {
    run(|| {
        let (listener, address) = listen();
        let serving = thread::spawn(move || {
            for stream in listener.incoming().take(20) {
                thread::spawn(move || echo(stream.unwrap()));
            }
        });
        let client = move |n: u8| {
            let mut stream = TcpStream::connect(address).unwrap();
            for turn in 0..50 {
                let sent = [n, turn, 3];
                stream.write_all(&sent).unwrap();
                let mut received = [0; 3];
                stream.read_exact(&mut received).unwrap();
                assert_eq!(received, sent);
            }
        };
        let goroutines: Vec<_> = (0..10).map(|n| go(move || client(n))).collect();
        let threads: Vec<_> = (10..20).map(|n| thread::spawn(move || client(n))).collect();
        goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        threads.into_iter().for_each(|thread| gort::blocking(|| thread.join().unwrap()));
        gort::blocking(|| serving.join().unwrap());
    });
}

#[test]
fn a_thread_times_out() {
    run(|| ());
    let (server, mut client) = pair();
    client.set_read_timeout(Some(SHORT)).unwrap();
    let begin = Instant::now();
    assert_eq!(client.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(begin.elapsed() >= SHORT);
    client.set_read_timeout(None).unwrap();
    drop(server);
    assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn there_need_be_no_runtime() {
    let name = "threads::there_need_be_no_runtime";
    if let Some(output) = process(name, &[]) {
        return assert_success(&output);
    }
    let (listener, address) = listen();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
        stream.write_all(b"world").unwrap();
        stream
    });
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"hello").unwrap();
    client.read_exact(&mut [0; 5]).unwrap();
    let mut server = serving.join().unwrap();
    client.set_read_timeout(Some(SHORT)).unwrap();
    assert_eq!(client.read(&mut [0; 5]).unwrap_err().kind(), ErrorKind::TimedOut);
    // A wait that began before the runtime ends after it.
    client.set_read_timeout(None).unwrap();
    let waiting = thread::spawn(move || client.read_exact(&mut [0; 5]).unwrap());
    thread::sleep(SHORT);
    run(|| server.write_all(b"later").unwrap());
    waiting.join().unwrap();
}
