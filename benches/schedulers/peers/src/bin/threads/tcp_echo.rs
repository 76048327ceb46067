//! Round trips over TCP, on threads.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Instant;

use crate::common::echo::{BATCH, MESSAGE_BYTES, OpenFiles, fail, message};
use crate::join_sum;
use crate::load::{Load, Outcome};

pub(super) fn run(load: Load) -> Outcome {
    // What reports readiness opens files of its own with the first socket.
    drop(listen());
    let files = OpenFiles::count();
    let listener = listen();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || serve(&listener, load));
    let outcome = clients(load, address);
    server.join().unwrap();
    files.check();
    outcome
}

fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| fail("listen", error))
}

fn serve(listener: &TcpListener, load: Load) {
    let accept = |_| {
        let (stream, _) = listener.accept().unwrap_or_else(|error| fail("accept", error));
        thread::spawn(move || answer(stream).unwrap_or_else(|error| fail("server", error)))
    };
    let connections: Vec<_> = (0..load.width).map(accept).collect();
    assert_eq!(join_sum(connections), load.n * MESSAGE_BYTES as u64);
}

fn answer(mut stream: TcpStream) -> io::Result<u64> {
    stream.set_nodelay(true)?;
    let (mut buffer, mut sum) = ([0; MESSAGE_BYTES], 0);
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(sum),
            bytes => {
                stream.write_all(&buffer[..bytes])?;
                sum += bytes as u64;
            }
        }
    }
}

/// Connects them all, then lets them go and takes the time.
fn clients(load: Load, address: SocketAddr) -> Outcome {
    let gate = Arc::new(Barrier::new(load.width as usize + 1));
    let (ready, is_ready) = mpsc::channel();
    let mut clients = Vec::new();
    for client in 0..load.width {
        let (gate, ready) = (Arc::clone(&gate), ready.clone());
        clients.push(thread::spawn(move || {
            let asked = ask(load, client, address, &gate, &ready);
            asked.unwrap_or_else(|error| fail("client", error))
        }));
        if client % BATCH == BATCH - 1 {
            (0..BATCH).for_each(|_| is_ready.recv().unwrap());
        }
    }
    (0..load.width % BATCH).for_each(|_| is_ready.recv().unwrap());
    let start = Instant::now();
    gate.wait();
    assert_eq!(join_sum(clients), load.n);
    start.elapsed().into()
}

fn ask(
    load: Load,
    client: u64,
    address: SocketAddr,
    gate: &Barrier,
    ready: &mpsc::Sender<()>,
) -> io::Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    ready.send(()).unwrap();
    gate.wait();
    let mut answer = [0; MESSAGE_BYTES];
    for turn in 0..load.share() {
        let question = message(client, turn);
        stream.write_all(&question)?;
        stream.read_exact(&mut answer)?;
        assert_eq!(answer, question);
    }
    Ok(load.share())
}
