//! A server that sends back what it gets: one goroutine for each connection.
//!
//! ```text
//! cargo run --release --example echo_server 127.0.0.1:7000    # and then: nc 127.0.0.1 7000
//! cargo run --release --example echo_server                   # talks to itself
//! ```

use std::io::{self, BufRead, BufReader, Write};

use gort::go;
use gort::net::{Shutdown, TcpListener, TcpStream};

/// Clients that talk to the server where nobody else is to.
const CLIENTS: usize = 100;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    // SAFETY: no goroutine here keeps anything of its thread's own over a call that blocks.
    unsafe {
        gort::run(|| match address {
            Some(address) => serve(&TcpListener::bind(address)?),
            None => talk_to_itself(),
        })
    }
}

/// Serves until the listener is closed.
fn serve(listener: &TcpListener) -> io::Result<()> {
    for stream in listener.incoming() {
        let stream = stream?;
        go(move || echo(&stream));
    }
    Ok(())
}

fn echo(stream: &TcpStream) {
    // A peer that goes away in the middle ends the conversation as one that says goodbye does.
    let _ = io::copy(&mut &*stream, &mut &*stream);
}

fn talk_to_itself() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    go(move || serve(&listener));
    let clients: Vec<_> = (0..CLIENTS).map(|n| go(move || converse(address, n))).collect();
    for client in clients {
        client.join().expect("a client panicked")?;
    }
    println!("{CLIENTS} clients heard what they said");
    Ok(())
}

fn converse(address: gort::net::SocketAddr, n: usize) -> io::Result<()> {
    let stream = TcpStream::connect(address)?;
    let mut echoes = BufReader::new(&stream);
    for line in [format!("I am client {n}\n"), "goodbye\n".to_owned()] {
        (&stream).write_all(line.as_bytes())?;
        let mut echo = String::new();
        echoes.read_line(&mut echo)?;
        assert_eq!(echo, line);
    }
    stream.shutdown(Shutdown::Write)
}
