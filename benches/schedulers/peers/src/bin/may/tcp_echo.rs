//! Round trips over TCP, on may.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use may::go;
use may::net::{TcpListener, TcpStream};
use may::sync::{SyncFlag, mpsc};

use crate::common::echo::{self, BATCH, Elsewhere, MESSAGE_BYTES, OpenFiles, fail, message};
use crate::join_sum;
use crate::load::{Load, Outcome};

pub(super) fn run(load: Load) -> Outcome {
    // What reports readiness opens files of its own with the first socket.
    drop(listen());
    let files = OpenFiles::count();
    let outcome = match Elsewhere::start(load) {
        Some(elsewhere) => {
            let outcome = clients(load, elsewhere.address);
            elsewhere.finish();
            outcome
        }
        None => {
            let listener = listen();
            let address = listener.local_addr().unwrap();
            let server = go!(move || serve(&listener, load));
            let outcome = clients(load, address);
            server.join().unwrap();
            outcome
        }
    };
    files.check();
    outcome
}

/// The server side as a process of its own.
pub(super) fn serve_alone(load: Load) {
    drop(listen());
    let files = OpenFiles::count();
    let listener = listen();
    echo::announce(listener.local_addr().unwrap());
    serve(&listener, load);
    drop(listener);
    files.check();
}

fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| fail("listen", error))
}

fn serve(listener: &TcpListener, load: Load) {
    let accept = |_| {
        let (stream, _) = listener.accept().unwrap_or_else(|error| fail("accept", error));
        go!(move || answer(stream).unwrap_or_else(|error| fail("server", error)))
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
    let gate = Arc::new(SyncFlag::new());
    let (ready, is_ready) = mpsc::channel();
    let mut clients = Vec::new();
    for client in 0..load.width {
        let (gate, ready) = (Arc::clone(&gate), ready.clone());
        clients.push(go!(move || {
            let asked = ask(load, client, address, &gate, &ready);
            asked.unwrap_or_else(|error| fail("client", error))
        }));
        if client % BATCH == BATCH - 1 {
            (0..BATCH).for_each(|_| is_ready.recv().unwrap());
        }
    }
    (0..load.width % BATCH).for_each(|_| is_ready.recv().unwrap());
    let start = Instant::now();
    gate.fire();
    assert_eq!(join_sum(clients), load.n);
    start.elapsed().into()
}

fn ask(
    load: Load,
    client: u64,
    address: SocketAddr,
    gate: &SyncFlag,
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
