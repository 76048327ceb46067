//! Bounded fan-out: a crawler that fetches every page of a site, each once, a few at a time. The
//! site is a server of its own, so the example needs no network.
//!
//! `cargo run --release --example crawl [PAGES]`

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::Duration;

use gort::net::{SocketAddr, TcpListener, TcpStream};
use gort::sync::{ErrGroup, Semaphore};
use gort::{chan, go};

/// Pages fetched at a time.
const LIMIT: usize = 16;

fn main() -> io::Result<()> {
    let pages = std::env::args().nth(1).map_or(500, |n| n.parse().expect("a number of pages"));
    // SAFETY: no goroutine here keeps anything of its thread's own over a call that blocks.
    unsafe {
        gort::run(|| {
            let site = TcpListener::bind("127.0.0.1:0")?;
            let address = site.local_addr()?;
            let pages = move |stream| drop(go(move || page(stream, pages)));
            go(move || site.incoming().flatten().for_each(pages));
            println!("{} pages, {LIMIT} at a time", crawl(address)?);
            Ok(())
        })
    }
}

/// Fetches what page 1 leads to. Returns how many pages there are.
fn crawl(site: SocketAddr) -> io::Result<usize> {
    let (group, places) = (ErrGroup::new(), Semaphore::new(LIMIT));
    let (found, links) = chan(0);
    let mut seen = HashSet::from([1]);
    let mut to_do = vec![1];
    let mut under_way = 0;
    while under_way > 0 || !to_do.is_empty() {
        for n in to_do.drain(..) {
            under_way += 1;
            let (places, found) = (places.clone(), found.clone());
            group.go(move || {
                let permit = places.acquire(1);
                let links = fetch(site, n);
                drop(permit);
                // The crawler hears of failures too, so it never waits in vain.
                found.send(links.as_ref().map_or(Vec::new(), Clone::clone)).expect("it listens");
                links.map(drop)
            });
        }
        to_do = links.recv().expect("a page is under way");
        to_do.retain(|n| seen.insert(*n));
        under_way -= 1;
    }
    group.wait()?;
    Ok(seen.len())
}

/// The numbers of the pages that page `n` leads to.
fn fetch(site: SocketAddr, n: usize) -> io::Result<Vec<usize>> {
    let mut stream = TcpStream::connect(site)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    writeln!(stream, "{n}")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    page.split_whitespace().map(|link| link.parse().map_err(io::Error::other)).collect()
}

/// The site: page `n` leads to `2n` and `2n + 1`, and back to the first.
fn page(stream: TcpStream, pages: usize) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    let n: usize = line.trim().parse().map_err(io::Error::other)?;
    let links = [2 * n, 2 * n + 1, 1].into_iter().filter(|&link| link <= pages);
    links.into_iter().try_for_each(|link| writeln!(&stream, "{link}"))
}
