//! Peers that misbehave, descriptors that run out, signals in between.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use gort::go;
use gort::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use gort::sync::{Semaphore, WaitGroup};
use socket2::SockRef;

use crate::process::{assert_success, process};
use crate::{SHORT, echo, eventually, listen, pair, run};

/// The peer resets the connection instead of ending it.
fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn a_reset_ends_what_waits() {
    run(|| {
        let (server, client) = pair();
        let client = Arc::new(client);
        let reading = {
            let client = Arc::clone(&client);
            go(move || (&*client).read(&mut [0; 8]).unwrap_err().kind())
        };
        gort::sleep(SHORT);
        reset(server);
        assert_eq!(reading.join().unwrap(), ErrorKind::ConnectionReset);
        assert_eq!((&*client).write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
    run(|| {
        let (server, client) = pair();
        let writing = go(move || (&client).write_all(&vec![0; 64 << 20]).unwrap_err().kind());
        gort::sleep(SHORT);
        reset(server);
        let kind = writing.join().unwrap();
        assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind}");
    });
}

#[test]
fn connections_that_are_gone_before_they_are_accepted() {
    run(|| {
        let (listener, address) = listen();
        (0..10).for_each(|_| reset(TcpStream::connect(address).unwrap()));
        let last = TcpStream::connect(address).unwrap();
        let mine = last.local_addr().unwrap();
        while listener.accept().unwrap().1 != mine {}
    });
}

/// Raises the limit of descriptors as far as it goes and returns it.
fn raise_descriptor_limit() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is there for both calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
    usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
}

/// The runtime opens one now and then for a moment: the fewest of some counts are right.
fn open_descriptors() -> usize {
    let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let counts = (0..20).map(|_| {
        gort::sleep(Duration::from_micros(200));
        count()
    });
    counts.min().unwrap()
}

#[test]
fn ten_thousand_connections_dropped_at_once() {
    let name = "faults::ten_thousand_connections_dropped_at_once";
    if let Some(output) = process(name, &[]) {
        return assert_success(&output);
    }
    let connections = 10_000.min((raise_descriptor_limit() - 100) / 2);
    assert!(connections >= 1_000, "the limit of descriptors is too low for this test");
    run(move || {
        let (listener, address) = listen();
        let before = open_descriptors();
        let (served, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let serving = go({
            let (served, ended) = (Arc::clone(&served), Arc::clone(&ended));
            move || {
                for stream in listener.incoming().take(connections) {
                    let (mut stream, ended) = (stream.unwrap(), Arc::clone(&ended));
                    served.fetch_add(1, Ordering::Relaxed);
                    go(move || {
                        let end = stream.read(&mut [0; 64]);
                        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
                        drop(stream);
                        ended.fetch_add(1, Ordering::Relaxed);
                    });
                }
                listener
            }
        });
        let connecting = Arc::new(Semaphore::new(200));
        let clients: Vec<_> = (0..connections)
            .map(|_| {
                let connecting = Arc::clone(&connecting);
                go(move || {
                    let _permit = connecting.acquire(1);
                    TcpStream::connect(address).unwrap()
                })
            })
            .collect();
        let streams: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        let listener = serving.join().unwrap();
        assert_eq!(served.load(Ordering::Relaxed), connections);
        for (n, stream) in streams.into_iter().enumerate() {
            if n % 2 == 0 { drop(stream) } else { reset(stream) }
        }
        eventually("all handlers end", || ended.load(Ordering::Relaxed) == connections);
        eventually("all descriptors are closed", || open_descriptors() == before);
        eventually("all goroutines end", || gort::num_goroutine() == 1);
        drop(listener);
    });
}

/// Every descriptor that the process may have.
#[derive(Default)]
struct Hoard(Vec<std::fs::File>);

impl Hoard {
    /// Calls `f` while no descriptor is left. The runtime opens one now and then for a moment: where
    /// that made room, what `f` got for it is kept, and it is called again.
    fn without<T>(
        &mut self,
        mut f: impl FnMut() -> std::io::Result<T>,
    ) -> (std::io::Error, Vec<T>) {
        let mut kept = Vec::new();
        loop {
            self.0.extend(std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()));
            match f() {
                Ok(made) => kept.push(made),
                Err(error) => return (error, kept),
            }
        }
    }
}

#[test]
fn accept_says_that_descriptors_ran_out_and_goes_on() {
    let name = "faults::accept_says_that_descriptors_ran_out_and_goes_on";
    if let Some(output) = process(name, &[]) {
        return assert_success(&output);
    }
    run(|| {
        let (listener, address) = listen();
        let mut clients: Vec<_> = (0..20).map(|_| TcpStream::connect(address).unwrap()).collect();
        let (mut hoard, mut accepted) = (Hoard::default(), Vec::new());
        for _ in 0..3 {
            let (error, some) = hoard.without(|| listener.accept());
            accepted.extend(some);
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            let (error, _some) = hoard.without(|| TcpStream::connect(address));
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            let (error, _some) = hoard.without(|| clients[0].try_clone());
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        }
        drop(hoard);
        for client in &mut clients {
            client.write_all(b"hello").unwrap();
        }
        while accepted.len() < clients.len() {
            accepted.push(listener.accept().unwrap());
        }
        for (stream, _) in &mut accepted[..20] {
            if clients.iter().any(|c| c.local_addr().unwrap() == stream.peer_addr().unwrap()) {
                stream.read_exact(&mut [0; 5]).unwrap();
            }
        }
    });
}

/// The very first socket needs three more descriptors for the poller. Without them it fails, and a later
/// one succeeds.
#[test]
fn the_poller_begins_when_there_are_descriptors() {
    let name = "faults::the_poller_begins_when_there_are_descriptors";
    if let Some(output) = process(name, &[]) {
        return assert_success(&output);
    }
    run(|| {
        let mut hoard = Hoard::default();
        let (error, _some) = hoard.without(|| TcpListener::bind("127.0.0.1:0"));
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        // One more each time: for the socket, for the poller's three.
        while let Err(error) = TcpListener::bind("127.0.0.1:0") {
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            hoard.0.pop();
        }
        drop(hoard);
        let (server, mut client) = pair();
        let echoing = go(move || echo(server));
        client.write_all(b"hello").unwrap();
        client.read_exact(&mut [0; 5]).unwrap();
        drop(client);
        echoing.join().unwrap();
    });
}

#[test]
fn no_descriptor_leaks() {
    let name = "faults::no_descriptor_leaks";
    if let Some(output) = process(name, &[]) {
        return assert_success(&output);
    }
    let folder = tempfile::tempdir().unwrap();
    let everything = |n: usize| {
        let (server, client) = pair();
        let clone = client.try_clone().unwrap();
        if n.is_multiple_of(3) {
            client.close().unwrap();
        }
        let (reader, writer) = server.into_split();
        drop((reader, clone, writer));
        drop(TcpStream::from_std(client.into_std().unwrap()));
        let (_, address) = listen();
        TcpStream::connect(address).unwrap_err();
        drop(UnixStream::pair().unwrap());
        drop(UnixDatagram::pair().unwrap());
        drop(UdpSocket::bind("127.0.0.1:0").unwrap());
        let path = folder.path().join(n.to_string());
        let listener = UnixListener::bind(&path).unwrap();
        let client = UnixStream::connect(&path).unwrap();
        drop((listener.accept().unwrap(), client, listener.try_clone().unwrap()));
    };
    run(|| {
        everything(usize::MAX);
        let before = open_descriptors();
        (0..200).for_each(everything);
        assert_eq!(open_descriptors(), before);
    });
}

/// Threads and goroutines wait in every kind of call while signals hail on the process: whoever is
/// interrupted goes on waiting, and no call reports it.
#[test]
fn signals_interrupt_no_call() {
    let name = "faults::signals_interrupt_no_call";
    if let Some(output) = process(name, &[]) {
        return assert_success(&output);
    }
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: the handler does nothing; without SA_RESTART it interrupts what it can.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let hail = thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            while !stop.load(Ordering::Relaxed) {
                hail();
                thread::sleep(Duration::from_micros(300));
            }
        }
    });
    run(|| {
        for turn in 0..10 {
            every_call_waits(turn);
        }
    });
    stop.store(true, Ordering::Relaxed);
    hail.join().unwrap();
}

/// A signal for every thread.
fn hail() {
    let process = std::process::id();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let thread: libc::pid_t = task.unwrap().file_name().to_str().unwrap().parse().unwrap();
        // SAFETY: a number; a thread that has ended is an error.
        unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGUSR1) };
    }
}

fn every_call_waits(turn: usize) {
    let group = WaitGroup::new();
    let threads = std::sync::Mutex::new(Vec::new());
    // As a goroutine and as a thread.
    let both = |f: Arc<dyn Fn() + Send + Sync>| {
        let other = Arc::clone(&f);
        group.go(move || f());
        threads.lock().unwrap().push(thread::spawn(move || other()));
    };
    let (listener, address) = listen();
    both(Arc::new(move || drop(listener.accept().unwrap())));
    let (server, client) = pair();
    let (server, client) = (Arc::new(server), Arc::new(client));
    both(Arc::new({
        let client = Arc::clone(&client);
        move || (&*client).read_exact(&mut [0; 2]).unwrap()
    }));
    let (full, slow) = pair();
    both(Arc::new(move || (&full).write_all(&[0; 3 << 20]).unwrap()));
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = udp.local_addr().unwrap();
    both(Arc::new(move || assert_ne!(udp.recv(&mut [0; 8]).unwrap(), 0)));
    let (datagram, filled) = UnixDatagram::pair().unwrap();
    both(Arc::new(move || {
        (0..1000).for_each(|_| assert_ne!(datagram.send(&[0; 900]).unwrap(), 0))
    }));
    gort::sleep(SHORT + Duration::from_millis(turn as u64));
    (0..2).for_each(|_| drop(TcpStream::connect(address).unwrap()));
    (&*server).write_all(b"abcd").unwrap();
    (&slow).read_exact(&mut vec![0; 6 << 20]).unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    (0..2).for_each(|_| assert_ne!(sender.send_to(b"x", to).unwrap(), 0));
    (0..2000).for_each(|_| assert_eq!(filled.recv(&mut [0; 900]).unwrap(), 900));
    group.wait();
    for thread in threads.into_inner().unwrap() {
        gort::blocking(|| thread.join().unwrap());
    }
    assert!(client.as_raw_fd() > 2);
}
