//! Round trips over TCP, on tokio.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use crate::common::echo::{self, BATCH, Elsewhere, MESSAGE_BYTES, OpenFiles, fail, message};
use crate::join_sum;
use crate::load::{Load, Outcome};

pub(super) async fn run(load: Load) -> Outcome {
    // What reports readiness opens files of its own with the first socket.
    drop(listen().await);
    let files = OpenFiles::count();
    let outcome = match Elsewhere::start(load) {
        Some(elsewhere) => {
            let outcome = clients(load, elsewhere.address).await;
            elsewhere.finish();
            outcome
        }
        None => {
            let listener = listen().await;
            let address = listener.local_addr().unwrap();
            let server = tokio::spawn(serve(listener, load));
            let outcome = clients(load, address).await;
            server.await.unwrap();
            outcome
        }
    };
    files.check();
    outcome
}

/// The server side as a process of its own.
pub(super) async fn serve_alone(load: Load) {
    drop(listen().await);
    let files = OpenFiles::count();
    let listener = listen().await;
    echo::announce(listener.local_addr().unwrap());
    serve(listener, load).await;
    files.check();
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap_or_else(|error| fail("listen", error))
}

async fn serve(listener: TcpListener, load: Load) {
    let mut connections = Vec::new();
    for _ in 0..load.width {
        let (stream, _) = listener.accept().await.unwrap_or_else(|error| fail("accept", error));
        connections.push(tokio::spawn(async move {
            answer(stream).await.unwrap_or_else(|error| fail("server", error))
        }));
    }
    assert_eq!(join_sum(connections).await, load.n * MESSAGE_BYTES as u64);
}

async fn answer(mut stream: TcpStream) -> io::Result<u64> {
    stream.set_nodelay(true)?;
    let (mut buffer, mut sum) = ([0; MESSAGE_BYTES], 0);
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(sum),
            bytes => {
                stream.write_all(&buffer[..bytes]).await?;
                sum += bytes as u64;
            }
        }
    }
}

/// Connects them all, then lets them go and takes the time.
async fn clients(load: Load, address: SocketAddr) -> Outcome {
    let gate = Arc::new(Semaphore::new(0));
    let (ready, mut is_ready) = mpsc::channel(BATCH as usize);
    let mut clients = Vec::new();
    for client in 0..load.width {
        let (gate, ready) = (Arc::clone(&gate), ready.clone());
        clients.push(tokio::spawn(async move {
            let asked = ask(load, client, address, &gate, ready).await;
            asked.unwrap_or_else(|error| fail("client", error))
        }));
        if client % BATCH == BATCH - 1 {
            for _ in 0..BATCH {
                is_ready.recv().await.unwrap();
            }
        }
    }
    for _ in 0..load.width % BATCH {
        is_ready.recv().await.unwrap();
    }
    let start = Instant::now();
    gate.add_permits(load.width as usize);
    assert_eq!(join_sum(clients).await, load.n);
    start.elapsed().into()
}

async fn ask(
    load: Load,
    client: u64,
    address: SocketAddr,
    gate: &Semaphore,
    ready: mpsc::Sender<()>,
) -> io::Result<u64> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    ready.send(()).await.unwrap();
    gate.acquire().await.unwrap().forget();
    let mut answer = [0; MESSAGE_BYTES];
    for turn in 0..load.share() {
        let question = message(client, turn);
        stream.write_all(&question).await?;
        stream.read_exact(&mut answer).await?;
        assert_eq!(answer, question);
    }
    Ok(load.share())
}
