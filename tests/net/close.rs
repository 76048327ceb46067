//! Closing a socket that others use.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::thread;

use gort::go;
use gort::net::{ClosedError, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixStream};

use crate::{SHORT, listen, pair, run};

fn assert_closed<T: std::fmt::Debug>(result: io::Result<T>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert!(error.get_ref().is_some_and(|inner| inner.is::<ClosedError>()), "{error:?}");
    assert_eq!(error.to_string(), "use of closed network connection");
}

#[test]
fn all_who_wait_return() {
    run(|| {
        let (_server, client) = pair();
        let client = Arc::new(client);
        let wait = |write: bool| {
            let client = Arc::clone(&client);
            move || {
                let mut client = &*client;
                if write {
                    assert_closed(client.write_all(&vec![0; 64 << 20]));
                } else {
                    assert_closed(client.read(&mut [0; 8]));
                }
            }
        };
        let waiting: Vec<_> = (0..6).map(|n| go(wait(n % 2 == 0))).collect();
        let threads = [thread::spawn(wait(true)), thread::spawn(wait(false))];
        gort::sleep(SHORT);
        client.close().unwrap();
        client.close().unwrap();
        waiting.into_iter().for_each(|waiting| waiting.join().unwrap());
        for thread in threads {
            gort::blocking(|| thread.join().unwrap());
        }
        assert_closed((&*client).read(&mut [0; 8]));
        assert_closed((&*client).write(b"x"));
        assert_closed(client.peer_addr());
        assert_closed(client.try_read(&mut [0; 8]));
        assert_closed(client.try_clone());
    });
}

#[test]
fn the_peer_sees_the_end_and_a_clone_lives_on() {
    run(|| {
        let (mut server, client) = pair();
        let mut clone = client.try_clone().unwrap();
        client.close().unwrap();
        clone.write_all(b"alive").unwrap();
        server.read_exact(&mut [0; 5]).unwrap();
        clone.close().unwrap();
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 0);
        drop((client, clone));
    });
}

#[test]
fn a_closed_listener_frees_its_address() {
    run(|| {
        let (listener, address) = listen();
        let listener = Arc::new(listener);
        let accepting = {
            let listener = Arc::clone(&listener);
            go(move || assert_closed(listener.accept()))
        };
        gort::sleep(SHORT);
        listener.close().unwrap();
        accepting.join().unwrap();
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let again = TcpListener::bind(address).unwrap();
        assert_closed(listener.accept());
        let connecting = go(move || TcpStream::connect(address).unwrap());
        again.accept().unwrap();
        connecting.join().unwrap();
    });
}

#[test]
fn every_kind_can_be_closed() {
    run(|| {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (stream, _other) = UnixStream::pair().unwrap();
        let (datagram, _other) = UnixDatagram::pair().unwrap();
        gort::scope(|s| {
            s.go(|| assert_closed(udp.recv(&mut [0; 8])));
            s.go(|| assert_closed((&stream).read(&mut [0; 8])));
            s.go(|| assert_closed(datagram.recv(&mut [0; 8])));
            gort::sleep(SHORT);
            udp.close().unwrap();
            stream.close().unwrap();
            datagram.close().unwrap();
        });
        let std = stream.into_std().unwrap();
        assert!((&std).write(b"x").is_err());
    });
}

/// Closed in the middle of traffic, from a thread: every call ends, with data, the end or the error.
#[test]
fn closing_races_with_calls() {
    run(|| {
        for _ in 0..50 {
            let (server, client) = pair();
            let (server, client) = (Arc::new(server), Arc::new(client));
            let writing = {
                let server = Arc::clone(&server);
                go(move || while (&*server).write(&[0; 100]).is_ok() {})
            };
            let reading = {
                let client = Arc::clone(&client);
                go(move || while (&*client).read(&mut [0; 64]).is_ok_and(|n| n != 0) {})
            };
            let closing = thread::spawn(move || {
                client.close().unwrap();
                server.close().unwrap();
            });
            writing.join().unwrap();
            reading.join().unwrap();
            gort::blocking(|| closing.join().unwrap());
        }
    });
}
