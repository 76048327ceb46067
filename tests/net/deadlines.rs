//! Timeouts and deadlines.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use gort::go;
use gort::net::{TcpStream, UdpSocket};
use gort::time::Instant;

use crate::{LONG, SHORT, listen, pair, run};

fn read(mut stream: &TcpStream) -> Result<usize, ErrorKind> {
    stream.read(&mut [0; 8]).map_err(|error| error.kind())
}

#[test]
fn a_timeout_is_for_each_call() {
    run(|| {
        let (server, client) = pair();
        assert_eq!(client.read_timeout().unwrap(), None);
        client.set_read_timeout(Some(SHORT)).unwrap();
        assert_eq!(client.read_timeout().unwrap(), Some(SHORT));
        for _ in 0..3 {
            let begin = Instant::now();
            assert_eq!(read(&client), Err(ErrorKind::TimedOut));
            assert!(begin.elapsed() >= SHORT);
        }
        (&server).write_all(b"x").unwrap();
        assert_eq!(read(&client), Ok(1));
        let zero = client.set_read_timeout(Some(Duration::ZERO)).unwrap_err();
        assert_eq!(zero.kind(), ErrorKind::InvalidInput);
        client.set_read_timeout(None).unwrap();
        let reading = go(move || read(&client));
        gort::sleep(2 * SHORT);
        drop(server);
        assert_eq!(reading.join().unwrap(), Ok(0));
    });
}

#[test]
fn a_write_times_out_when_nobody_reads() {
    run(|| {
        let (server, client) = pair();
        client.set_write_timeout(Some(SHORT)).unwrap();
        let error = (&client).write_all(&vec![0; 32 << 20]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(server);
    });
}

#[test]
fn a_deadline_in_the_past_ends_calls_at_once() {
    run(|| {
        let (server, client) = pair();
        (&server).write_all(b"data is there").unwrap();
        client.set_read_deadline(Some(Instant::now()));
        assert_eq!(read(&client), Err(ErrorKind::TimedOut));
        client.set_write_deadline(Some(Instant::now()));
        assert_eq!((&client).write(b"x").unwrap_err().kind(), ErrorKind::TimedOut);
        client.set_read_deadline(None);
        assert_eq!(read(&client), Ok(8));
    });
}

#[test]
fn a_deadline_is_one_moment_for_all() {
    run(|| {
        let (_server, client) = pair();
        let client = Arc::new(client);
        let deadline = Instant::now() + SHORT;
        client.set_read_deadline(Some(deadline));
        let readers: Vec<_> = (0..5)
            .map(|_| {
                let client = Arc::clone(&client);
                go(move || read(&client))
            })
            .collect();
        for reader in readers {
            assert_eq!(reader.join().unwrap(), Err(ErrorKind::TimedOut));
        }
        assert!(Instant::now() >= deadline);
    });
}

/// Moved into the past, nearer and away while somebody waits.
#[test]
fn a_deadline_moves_under_who_waits() {
    run(|| {
        let (server, client) = pair();
        let client = Arc::new(client);
        let begin_reading = || {
            let client = Arc::clone(&client);
            let reading = go(move || read(&client));
            gort::sleep(SHORT / 4);
            reading
        };
        let reading = begin_reading();
        client.set_read_deadline(Some(Instant::now()));
        assert_eq!(reading.join().unwrap(), Err(ErrorKind::TimedOut));

        client.set_read_deadline(Some(Instant::now() + LONG));
        let reading = begin_reading();
        client.set_read_deadline(Some(Instant::now() + SHORT));
        assert_eq!(reading.join().unwrap(), Err(ErrorKind::TimedOut));

        let reading = loop {
            let deadline = Instant::now() + 4 * SHORT;
            client.set_read_deadline(Some(deadline));
            let reading = begin_reading();
            client.set_read_deadline(None);
            if Instant::now() < deadline {
                break reading;
            }
            let _ = reading.join(); // the machine is slow
        };
        gort::sleep(5 * SHORT);
        assert!(!reading.is_finished());
        (&server).write_all(b"x").unwrap();
        assert_eq!(reading.join().unwrap(), Ok(1));
    });
}

#[test]
fn the_earlier_of_timeout_and_deadline_counts() {
    run(|| {
        let (_server, client) = pair();
        for (timeout, deadline) in [(SHORT, LONG), (LONG, SHORT)] {
            client.set_read_timeout(Some(timeout)).unwrap();
            client.set_read_deadline(Some(Instant::now() + deadline));
            assert_eq!(read(&client), Err(ErrorKind::TimedOut));
        }
    });
}

#[test]
fn accepting_connecting_and_receiving_time_out() {
    run(|| {
        let (listener, address) = listen();
        listener.set_deadline(Some(Instant::now() + SHORT));
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::TimedOut);
        listener.set_deadline(None);
        let connecting = go(move || TcpStream::connect_timeout(&address, LONG).unwrap());
        listener.accept().unwrap();
        connecting.join().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(SHORT)).unwrap();
        assert_eq!(socket.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::TimedOut);
    });
}

/// Data and deadline come at the same time, again and again: nothing is lost, nobody hangs.
#[test]
fn data_races_with_the_deadline() {
    run(|| {
        let (server, client) = pair();
        let writing = go(move || {
            for _ in 0..300 {
                gort::sleep(Duration::from_micros(200));
                (&server).write_all(b"x").unwrap();
            }
        });
        client.set_read_timeout(Some(Duration::from_micros(200))).unwrap();
        let (mut bytes, mut timeouts) = (0, 0);
        while bytes < 300 {
            match read(&client) {
                Ok(n) => bytes += n,
                Err(ErrorKind::TimedOut) => timeouts += 1,
                Err(other) => panic!("{other}"),
            }
            assert!(timeouts < 1_000_000);
        }
        writing.join().unwrap();
    });
}
