//! A chat: what one says, all others hear. The room is one goroutine and needs no lock; each guest
//! has one that hears and one that speaks. Ctrl-C ends the context, and with it the room.
//!
//! `cargo run --release --example chat [ADDRESS]`, then `nc`. Without an address it has its own guest.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};

use gort::chan::{Receiver, Sender};
use gort::net::{SocketAddr, TcpListener, TcpStream};
use gort::signal::{Signal, notify_context};
use gort::{Context, chan, context, go, select};

/// A guest's number and what it did: came (and hears here), said something, left.
enum Event {
    Came(u64, Sender<String>),
    Said(u64, String),
    Left(u64),
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    // SAFETY: no goroutine here keeps anything of its thread's own over a call that blocks.
    unsafe { gort::run(|| open(address)) }
}

fn open(address: Option<String>) -> io::Result<()> {
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0"))?;
    let at = listener.local_addr()?;
    let (ctx, stop) =
        notify_context(&context::background(), &[Signal::SIGINT]).map_err(io::Error::other)?;
    let (events, hears) = chan(16);
    go(move || {
        for (n, stream) in (1..).zip(listener.incoming().flatten()) {
            let events = events.clone();
            go(move || host(n, stream, &events));
        }
    });
    let room = go(move || room(&ctx, &hears));
    if address.is_none() {
        visit(at)?;
        stop.stop();
    }
    room.join().map_err(|_| io::Error::other("the room panicked"))
}

fn room(ctx: &Context, events: &Receiver<Event>) {
    let mut guests: HashMap<u64, Sender<String>> = HashMap::new();
    loop {
        let line = select! {
            recv(events) -> event => match event {
                Ok(Event::Came(n, guest)) => { guests.insert(n, guest); format!("{n} came") }
                Ok(Event::Said(n, line)) => format!("{n}: {line}"),
                Ok(Event::Left(n)) => { guests.remove(&n); format!("{n} left") }
                Err(_) => return,
            },
            recv(ctx.done()) -> _ => return,
        };
        // Whoever does not listen misses something; nobody waits for anybody.
        guests.values().for_each(|guest| drop(guest.try_send(line.clone())));
    }
}

fn host(n: u64, stream: TcpStream, events: &Sender<Event>) -> Option<()> {
    let (mine, hears) = chan::<String>(64);
    let (reads, mut writes) = stream.into_split();
    go(move || hears.iter().try_for_each(|line| writeln!(writes, "{line}")));
    events.send(Event::Came(n, mine)).ok()?;
    for line in BufReader::new(reads).lines().map_while(Result::ok) {
        events.send(Event::Said(n, line)).ok()?;
    }
    events.send(Event::Left(n)).ok()
}

fn visit(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    writeln!(stream, "good evening")?;
    BufReader::new(stream).lines().take(2).try_for_each(|line| line.map(|l| println!("{l}")))
}
