//! TCP.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gort::go;
use gort::net::{TcpListener, TcpStream};
use gort::sync::WaitGroup;

use crate::{LONG, SHORT, echo, eventually, listen, pair, pattern, run};

#[test]
fn many_connections_echo() {
    run(|| {
        let (listener, address) = listen();
        let server = go(move || {
            let handlers: Vec<_> =
                listener.incoming().take(100).map(|stream| go(|| echo(stream.unwrap()))).collect();
            handlers.into_iter().for_each(|handler| handler.join().unwrap());
        });
        let client = move |n: usize| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            for turn in 0..20 {
                let sent = pattern(1 + (n * 31 + turn * 97) % 3000);
                stream.write_all(&sent).unwrap();
                let mut received = vec![0; sent.len()];
                stream.read_exact(&mut received).unwrap();
                assert_eq!(received, sent);
            }
        };
        let clients: Vec<_> = (0..100).map(|n| go(move || client(n))).collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        server.join().unwrap();
    });
}

#[test]
fn a_half_closed_connection_still_answers() {
    run(|| {
        let (server, mut client) = pair();
        let counter = go(move || {
            let mut server = server;
            let mut bytes = Vec::new();
            server.read_to_end(&mut bytes).unwrap();
            write!(server, "{}", bytes.len()).unwrap();
        });
        client.write_all(&pattern(100_000)).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "100000");
        assert_eq!(client.read(&mut [0; 8]).unwrap(), 0, "the end stays");
        assert_eq!(client.write(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
        counter.join().unwrap();
    });
}

/// A big write waits again and again for a reader that takes its time.
#[test]
fn a_slow_reader_gets_everything() {
    run(|| {
        let (server, mut client) = pair();
        let sent = pattern(8 << 20);
        let expected = sent.clone();
        let writer = go(move || (&server).write_all(&sent).unwrap());
        let mut received = Vec::new();
        let mut buf = vec![0; 200_000];
        gort::sleep(SHORT);
        loop {
            let n = client.read(&mut buf).unwrap();
            if n == 0 {
                break;
            }
            received.extend_from_slice(&buf[..n]);
            if received.len() % 16 == 0 {
                gort::sleep(Duration::from_micros(200));
            }
        }
        writer.join().unwrap();
        assert!(received == expected);
    });
}

#[test]
fn both_directions_at_once() {
    run(|| {
        let (server, client) = pair();
        let sent = Arc::new(pattern(3 << 20));
        let transfer = |stream: TcpStream| {
            let sent = Arc::clone(&sent);
            go(move || {
                let (mut reader, mut writer) = stream.into_split();
                let expected = sent.len();
                let writing = go(move || writer.write_all(&sent).unwrap());
                let mut received = Vec::new();
                reader.read_to_end(&mut received).unwrap();
                writing.join().unwrap();
                assert_eq!(received.len(), expected);
                received
            })
        };
        let both = [transfer(server), transfer(client)];
        for side in both {
            assert!(side.join().unwrap() == *sent);
        }
    });
}

#[test]
fn halves_borrow_own_and_reunite() {
    run(|| {
        let (server, mut client) = pair();
        let echoing = go(move || echo(server));
        {
            let (mut reader, mut writer) = client.split();
            gort::scope(|s| {
                s.go(|| writer.write_all(b"hello").unwrap());
                let mut buf = [0; 5];
                reader.read_exact(&mut buf).unwrap();
                assert_eq!(&buf, b"hello");
            });
            assert!(reader.as_ref().peer_addr().is_ok());
        }
        let (reader, writer) = client.into_split();
        let mut client = reader.reunite(writer).unwrap();
        client.write_all(b"again").unwrap();
        client.read_exact(&mut [0; 5]).unwrap();
        let (mut reader, writer) = client.into_split();
        let (_other, stranger) = pair().0.into_split();
        let error = reader.reunite(stranger).unwrap_err();
        assert_eq!(error.to_string(), "the halves are not of one stream");
        reader = error.0;
        drop(writer); // ends the data, so the echo ends
        assert_eq!(reader.read(&mut [0; 5]).unwrap(), 0);
        echoing.join().unwrap();
    });
}

#[test]
fn vectored_peeked_and_cloned() {
    run(|| {
        let (server, client) = pair();
        let (first, second) = (pattern(10), pattern(3000));
        let slices = [IoSlice::new(&first), IoSlice::new(&[]), IoSlice::new(&second)];
        assert_eq!((&server).write_vectored(&slices).unwrap(), 3010);
        let mut peeked = [0; 4];
        while client.peek(&mut peeked).unwrap() < 4 {}
        assert_eq!(peeked, first[..4]);
        let mut clone = client.try_clone().unwrap();
        let (mut one, mut other) = ([0; 10], vec![0; 5000]);
        let mut bufs = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut other)];
        assert_eq!(clone.read_vectored(&mut bufs).unwrap(), 3010);
        assert_eq!((&one[..], &other[..3000]), (&first[..], &second[..]));
        // The original knows nothing of what its clone took, and waits.
        let reading = go(move || {
            let mut buf = [0; 8];
            let n = (&client).read(&mut buf).unwrap();
            buf[..n].to_vec()
        });
        gort::sleep(SHORT);
        (&server).write_all(b"next").unwrap();
        assert_eq!(reading.join().unwrap(), b"next");
    });
}

/// The system takes 1,024 buffers of a call. What it leaves of more does not say that the socket is
/// full, or empty.
#[test]
fn more_buffers_than_the_system_takes_at_once() {
    run(|| {
        let (server, client) = pair();
        server.set_write_timeout(Some(LONG)).unwrap();
        client.set_read_timeout(Some(LONG)).unwrap();
        let sent = pattern(3000);
        let mut slices: Vec<_> = sent.chunks(1).map(IoSlice::new).collect();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            let n = (&server).write_vectored(rest).unwrap();
            IoSlice::advance_slices(&mut rest, n);
        }
        eventually("it is all there", || client.peek(&mut [0; 4000]).unwrap() == 3000);
        let mut received = vec![0; 3000];
        let mut slices: Vec<_> = received.chunks_mut(1).map(IoSliceMut::new).collect();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            let n = (&client).read_vectored(rest).unwrap();
            IoSliceMut::advance_slices(&mut rest, n);
        }
        assert_eq!(received, sent);
    });
}

#[test]
fn options_are_those_of_std() {
    run(|| {
        let (server, client) = pair();
        assert!(!client.nodelay().unwrap());
        client.set_nodelay(true).unwrap();
        assert!(client.nodelay().unwrap());
        client.set_ttl(42).unwrap();
        assert_eq!(client.ttl().unwrap(), 42);
        assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
        assert!(client.take_error().unwrap().is_none());
        assert!(format!("{client:?}").starts_with("TcpStream"));
        let std = client.into_std().unwrap();
        assert!(std.nodelay().unwrap());
        let writing = go(move || {
            gort::sleep(SHORT);
            (&server).write_all(b"x").unwrap();
            server
        });
        // It blocks its thread now, as std's do; another one runs the writer.
        gort::gomaxprocs(2);
        let mut std = std;
        std.read_exact(&mut [0]).unwrap();
        let server = writing.join().unwrap();
        let client = TcpStream::from_std(std).unwrap();
        let reading = go(move || (&client).read(&mut [0; 8]).unwrap());
        gort::sleep(SHORT);
        (&server).write_all(b"yz").unwrap();
        assert_eq!(reading.join().unwrap(), 2);
    });
}

#[test]
fn several_accept_from_one_listener() {
    const CONNECTIONS: usize = 200;
    run(|| {
        let (listener, address) = listen();
        let listener = Arc::new(listener);
        let accepted = Arc::new(AtomicUsize::new(0));
        let acceptors: Vec<_> = (0..8)
            .map(|_| {
                let (listener, accepted) = (Arc::clone(&listener), Arc::clone(&accepted));
                go(move || {
                    while let Ok((mut stream, _)) = listener.accept() {
                        stream.write_all(b"!").unwrap();
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let group = WaitGroup::new();
        for _ in 0..CONNECTIONS {
            group.go(move || {
                TcpStream::connect(address).unwrap().read_exact(&mut [0]).unwrap();
            });
        }
        group.wait();
        listener.close().unwrap();
        acceptors.into_iter().for_each(|acceptor| acceptor.join().unwrap());
        assert_eq!(accepted.load(Ordering::Relaxed), CONNECTIONS);
    });
}

/// Whoever has its share passes the rest on: an edge wakes one reader, though there is something
/// for all.
#[test]
fn several_read_from_one_stream() {
    run(|| {
        let (server, client) = pair();
        let client = Arc::new(client);
        let readers: Vec<_> = (0..8)
            .map(|_| {
                let client = Arc::clone(&client);
                go(move || (&*client).read_exact(&mut [0; 3]).unwrap())
            })
            .collect();
        gort::sleep(SHORT);
        (&server).write_all(&[0; 24]).unwrap();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn connecting_finds_out_what_is_wrong() {
    run(|| {
        let (listener, address) = listen();
        drop(listener);
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let error = TcpStream::connect_timeout(&address, Duration::from_secs(9)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = TcpStream::connect_timeout(&address, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(TcpStream::connect("no-such-name.invalid:80").is_err());
        let error = TcpListener::bind("127.0.0.1:not a port").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        // The first address that answers is taken.
        let (listener, open) = listen();
        let stream = TcpStream::connect(&[address, open][..]).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        drop(listener);
    });
}

#[test]
fn names_are_looked_up() {
    run(|| {
        let listener = TcpListener::bind("localhost:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connecting = go(move || TcpStream::connect(("localhost", port)).unwrap());
        listener.accept().unwrap();
        connecting.join().unwrap();
    });
}

/// Urgent data ends a read early, though more is there: what follows must not be waited for.
#[test]
fn a_read_that_ends_at_urgent_data_goes_on() {
    run(|| {
        let (server, client) = pair();
        let out_of_band = socket2::SockRef::from(&server);
        (&server).write_all(b"before").unwrap();
        out_of_band.send_out_of_band(b"!").unwrap();
        (&server).write_all(b"after").unwrap();
        let mut text = Vec::new();
        let mut buf = [0; 64];
        while text.len() < 11 {
            let n = (&client).read(&mut buf).unwrap();
            text.extend_from_slice(&buf[..n]);
        }
        assert_eq!(text, b"beforeafter");
    });
}
