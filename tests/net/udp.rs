//! UDP.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Instant;

use gort::go;
use gort::net::{Ipv4Addr, UdpSocket};

use crate::{LONG, SHORT, run};

fn bind() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

#[test]
fn datagrams_come_whole_and_with_their_sender() {
    run(|| {
        let (one, other) = (bind(), bind());
        let to = other.local_addr().unwrap();
        let receiving = go(move || {
            let mut buf = [0; 64];
            let mut received = Vec::new();
            for _ in 0..100 {
                let (n, from) = other.recv_from(&mut buf).unwrap();
                received.push(buf[..n].to_vec());
                assert_eq!(other.send_to(&buf[..n], from).unwrap(), n);
            }
            received
        });
        let mut buf = [0; 64];
        for n in 0..100_u8 {
            one.send_to(&vec![n; usize::from(n % 7)], to).unwrap();
            let (len, from) = one.recv_from(&mut buf).unwrap();
            assert_eq!((len, from), (usize::from(n % 7), to));
        }
        let expected: Vec<_> = (0..100_u8).map(|n| vec![n; usize::from(n % 7)]).collect();
        assert_eq!(receiving.join().unwrap(), expected);
    });
}

#[test]
fn a_connected_socket_has_one_peer() {
    run(|| {
        let (one, other, stranger) = (bind(), bind(), bind());
        one.connect(other.local_addr().unwrap()).unwrap();
        other.connect(one.local_addr().unwrap()).unwrap();
        assert_eq!(one.peer_addr().unwrap(), other.local_addr().unwrap());
        stranger.send_to(b"not for you", one.local_addr().unwrap()).unwrap();
        let answering = go(move || {
            let mut buf = [0; 8];
            assert_eq!(other.peek(&mut buf).unwrap(), 4);
            let n = other.recv(&mut buf).unwrap();
            other.send(&buf[..n]).unwrap();
        });
        gort::sleep(SHORT);
        one.send(b"ping").unwrap();
        let mut buf = [0; 32];
        assert_eq!(one.recv(&mut buf).unwrap(), 4);
        assert_eq!(&buf[..4], b"ping");
        answering.join().unwrap();
        assert_eq!(one.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

/// Datagrams that are there already, or come together, reach all who wait.
#[test]
fn several_receive_from_one_socket() {
    run(|| {
        let socket = Arc::new(bind());
        let to = socket.local_addr().unwrap();
        let receivers: Vec<_> = (0..10)
            .map(|_| {
                let socket = Arc::clone(&socket);
                go(move || socket.recv(&mut [0; 8]).unwrap())
            })
            .collect();
        gort::sleep(SHORT);
        let sender = bind();
        (0..10).for_each(|_| assert_ne!(sender.send_to(b"x", to).unwrap(), 0));
        receivers.into_iter().for_each(|receiver| assert_eq!(receiver.join().unwrap(), 1));
    });
}

#[test]
fn options_are_those_of_std() {
    run(|| {
        let socket = bind();
        socket.set_broadcast(true).unwrap();
        assert!(socket.broadcast().unwrap());
        socket.set_ttl(9).unwrap();
        assert_eq!(socket.ttl().unwrap(), 9);
        socket.set_multicast_loop_v4(false).unwrap();
        assert!(!socket.multicast_loop_v4().unwrap());
        let clone = socket.try_clone().unwrap();
        assert_eq!(clone.local_addr().unwrap(), socket.local_addr().unwrap());
        let std = socket.into_std().unwrap();
        assert!(std.broadcast().unwrap());
        UdpSocket::from_std(std).unwrap();
        assert!(bind().send(b"nobody").is_err());
        let error = clone.send_to(&[0; 70_000], clone.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
    });
}

/// A clone shares the mode of the socket that std got.
#[test]
fn clones_of_a_socket_that_blocks_do_not() {
    run(|| {
        let socket = bind();
        let clone = socket.try_clone().unwrap();
        let socket = socket.into_std().unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        let begin = Instant::now();
        let mut buf = [0; 16];
        assert_eq!(clone.try_recv_from(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        clone.set_read_timeout(Some(SHORT)).unwrap();
        assert_eq!(clone.recv_from(&mut buf).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(clone.peek_from(&mut buf).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(begin.elapsed() < LONG / 2, "{:?}", begin.elapsed());
    });
}
