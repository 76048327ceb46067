//! The load's use of calls that block, calls of `std` that block without a word, long computations,
//! locked threads, files and sockets.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gort::net::{TcpListener, TcpStream, UnixStream};
use gort::{blocking, go, gosched, lock_os_thread, sleep};

use crate::load::Random;

/// One random thing.
pub(crate) fn act(random: &mut Random) {
    match random.below(8) {
        0 => call(random),
        1 => thread::sleep(Duration::from_micros(random.below(1_000))),
        2 => compute(random),
        3 => hand_over_in_std(random),
        4 => stay(random),
        5 => echo(random),
        6 => time_out(random),
        _ => files(random),
    }
}

fn call(random: &mut Random) {
    let pause = Duration::from_micros(random.below(500));
    let n = blocking(|| {
        thread::sleep(pause);
        // Back in the middle of the call.
        gosched();
        thread::sleep(pause);
        7
    });
    assert_eq!(n, 7);
}

/// Mostly within its slice, now and then past it.
fn compute(random: &mut Random) {
    let time = if random.below(50) == 0 { 25_000 } else { random.below(300) };
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_micros(time) {
        std::hint::spin_loop();
    }
}

/// Two goroutines meet in a channel that blocks their threads.
fn hand_over_in_std(random: &mut Random) {
    let values = 1 + random.below(5);
    let (tx, rx) = mpsc::sync_channel(0);
    let sender = go(move || (0..values).for_each(|n| tx.send(n).unwrap()));
    assert!(rx.iter().eq(0..values));
    sender.join().unwrap();
}

fn stay(random: &mut Random) {
    let _locked = lock_os_thread();
    let thread = thread::current().id();
    for _ in 0..random.below(5) {
        match random.below(3) {
            0 => gosched(),
            1 => sleep(Duration::from_micros(random.below(100))),
            _ => blocking(|| thread::sleep(Duration::from_micros(50))),
        }
        assert_eq!(thread::current().id(), thread);
    }
}

/// A server with some clients.
fn echo(random: &mut Random) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (clients, rounds) = (1 + random.below(4), random.below(10));
    let clients: Vec<_> = (0..clients)
        .map(|n| {
            go(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                for _ in 0..rounds {
                    stream.write_all(&[n as u8; 100]).unwrap();
                    let mut back = [0; 100];
                    stream.read_exact(&mut back).unwrap();
                    assert_eq!(back, [n as u8; 100]);
                }
            })
        })
        .collect();
    let servers: Vec<_> = clients
        .iter()
        .map(|_| {
            let (mut stream, _) = listener.accept().unwrap();
            go(move || {
                let mut buffer = [0; 100];
                while let Ok(n @ 1..) = stream.read(&mut buffer) {
                    stream.write_all(&buffer[..n]).unwrap();
                }
            })
        })
        .collect();
    clients.into_iter().chain(servers).for_each(|handle| handle.join().unwrap());
}

/// A read that nobody answers, until the clock or the other end ends it.
fn time_out(random: &mut Random) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(Duration::from_micros(1 + random.below(300)))).unwrap();
    let partner = go(move || {
        sleep(Duration::from_micros(150));
        drop(theirs);
    });
    let mut byte = [0];
    match ours.read(&mut byte) {
        Ok(n) => assert_eq!(n, 0),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::TimedOut),
    }
    partner.join().unwrap();
}

fn files(random: &mut Random) {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let bytes = vec![1; random.below(10_000) as usize];
    let expected = bytes.len();
    let writes = go(move || blocking(|| writer.write_all(&bytes)).unwrap());
    let mut all = Vec::new();
    reader.read_to_end(&mut all).unwrap();
    writes.join().unwrap();
    assert_eq!(all.len(), expected);
    let me = gort::fs::read("/proc/self/stat").unwrap();
    assert!(!me.is_empty());
}
