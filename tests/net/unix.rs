//! Unix sockets.

use std::io::{ErrorKind, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::time::Instant;

use gort::go;
use gort::net::{UnixDatagram, UnixListener, UnixStream};

use crate::{LONG, SHORT, echo, pattern, run};

#[test]
fn connections_by_path_and_by_abstract_name() {
    run(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let name = format!("gort-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let listeners =
            [UnixListener::bind(&path).unwrap(), UnixListener::bind_addr(&address).unwrap()];
        let servers = listeners.map(|listener| {
            go(move || {
                let handlers: Vec<_> = listener
                    .incoming()
                    .take(20)
                    .map(|stream| go(|| echo(stream.unwrap())))
                    .collect();
                handlers.into_iter().for_each(|handler| handler.join().unwrap());
            })
        });
        let clients: Vec<_> = (0..40)
            .map(|n| {
                let (path, address) = (path.clone(), address.clone());
                go(move || {
                    let stream = if n % 2 == 0 {
                        UnixStream::connect(path)
                    } else {
                        UnixStream::connect_addr(&address)
                    };
                    let mut stream = stream.unwrap();
                    let sent = pattern(1000 + n);
                    stream.write_all(&sent).unwrap();
                    let mut received = vec![0; sent.len()];
                    stream.read_exact(&mut received).unwrap();
                    assert_eq!(received, sent);
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        servers.into_iter().for_each(|server| server.join().unwrap());
        assert_eq!(UnixStream::connect(path).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_pair_moves_more_than_it_holds() {
    run(|| {
        let (one, mut other) = UnixStream::pair().unwrap();
        let sent = pattern(5 << 20);
        let expected = sent.clone();
        let (_, mut writer) = one.into_split();
        let writing = go(move || writer.write_all(&sent).unwrap());
        let mut received = Vec::new();
        other.read_to_end(&mut received).unwrap();
        writing.join().unwrap();
        assert!(received == expected);
    });
}

/// More connections than the queue of a listener takes that nobody accepts from.
#[test]
fn connecting_waits_for_a_full_queue() {
    run(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        socket2::SockRef::from(&listener).listen(1).unwrap();
        let connecting: Vec<_> = (0..5)
            .map(|_| {
                let path = path.clone();
                go(move || UnixStream::connect(path).unwrap())
            })
            .collect();
        gort::sleep(SHORT);
        let listener = UnixListener::from_std(listener).unwrap();
        let accepted: Vec<_> = (0..5).map(|_| listener.accept().unwrap()).collect();
        connecting.into_iter().for_each(|connecting| drop(connecting.join().unwrap()));
        drop(accepted);
    });
}

#[test]
fn datagrams_wait_for_a_full_receiver() {
    const DATAGRAMS: usize = 5000;
    run(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receiver");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let connected = UnixDatagram::unbound().unwrap();
        connected.connect(&path).unwrap();
        let by_path = UnixDatagram::unbound().unwrap();
        let senders = [
            go(move || {
                (0..DATAGRAMS).for_each(|_| assert_ne!(connected.send(&[1; 100]).unwrap(), 0))
            }),
            go(move || {
                (0..DATAGRAMS)
                    .for_each(|_| assert_ne!(by_path.send_to(&[1; 100], &path).unwrap(), 0))
            }),
        ];
        let mut buf = [0; 128];
        for n in 0..2 * DATAGRAMS {
            if n % 1000 == 0 {
                gort::sleep(SHORT / 4);
            }
            assert_eq!(receiver.recv(&mut buf).unwrap(), 100);
        }
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    });
}

#[test]
fn datagrams_have_senders() {
    run(|| {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["one", "other"].map(|name| folder.path().join(name));
        let [one, other] = paths.each_ref().map(|path| UnixDatagram::bind(path).unwrap());
        one.send_to(b"hello", &paths[1]).unwrap();
        let mut buf = [0; 16];
        let (n, from) = other.recv_from(&mut buf).unwrap();
        assert_eq!((n, from.as_pathname()), (5, Some(paths[0].as_path())));
        other.send_to_addr(b"back", &from).unwrap();
        assert_eq!(one.recv(&mut buf).unwrap(), 4);
        let name = format!("gort-test-sender-{}", std::process::id());
        let third = SocketAddr::from_abstract_name(&name).unwrap();
        let third = UnixDatagram::bind_addr(&third).unwrap();
        third.send_to(b"abstract", &paths[1]).unwrap();
        let (n, from) = other.recv_from(&mut buf).unwrap();
        assert_eq!((n, from.as_abstract_name()), (8, Some(name.as_bytes())));
        other.send_to_addr(b"again", &from).unwrap();
        assert_eq!(third.recv(&mut buf).unwrap(), 5);
        UnixDatagram::unbound().unwrap().send_to(b"nobody", &paths[1]).unwrap();
        let (n, from) = other.recv_from(&mut buf).unwrap();
        assert_eq!((n, from.is_unnamed()), (6, true));
        let (one, other) = UnixDatagram::pair().unwrap();
        let receiving = go(move || other.recv(&mut [0; 16]).unwrap());
        gort::sleep(SHORT);
        one.send(b"pair").unwrap();
        assert_eq!(receiving.join().unwrap(), 4);
    });
}

/// A clone shares the mode of the socket that std got.
#[test]
fn clones_of_a_socket_that_blocks_do_not() {
    run(|| {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("socket")).unwrap();
        let clone = socket.try_clone().unwrap();
        let socket = socket.into_std().unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        let begin = Instant::now();
        let mut buf = [0; 16];
        assert_eq!(clone.try_recv_from(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        clone.set_read_timeout(Some(SHORT)).unwrap();
        assert_eq!(clone.recv_from(&mut buf).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(begin.elapsed() < LONG / 2, "{:?}", begin.elapsed());
    });
}
