//! As much of an HTTP/1.1 client as it takes to read pages from the machine itself.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Fetches a page: its status and body. A page that breaks off is an error.
pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = BufReader::new(stream);
    let status = status(&line(&mut answer)?)?;
    let (mut length, mut chunked) = (None, false);
    loop {
        let header = line(&mut answer)?.to_ascii_lowercase();
        match header.split_once(':') {
            None => break,
            Some(("content-length", n)) => length = Some(number(n, 10)?),
            Some(("transfer-encoding", coding)) => chunked = coding.trim() == "chunked",
            Some(_) => {}
        }
    }
    let body = match length {
        _ if chunked => chunks(&mut answer)?,
        Some(length) => exactly(&mut answer, length)?,
        None => return Err(wrong("an answer of unknown length")),
    };
    Ok((status, body))
}

/// The number in `HTTP/1.1 200 OK`.
fn status(line: &str) -> io::Result<u16> {
    let code = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    code.and_then(|code| code.parse().ok()).ok_or_else(|| wrong(line))
}

/// A body in pieces, each after its length; the last one is empty.
fn chunks(answer: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = number(&line(answer)?, 16)?;
        body.extend(exactly(answer, length)?);
        line(answer)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

fn exactly(answer: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    answer.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A line without its end.
fn line(answer: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let text = line.strip_suffix("\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(text.to_owned())
}

fn number(text: &str, radix: u32) -> io::Result<usize> {
    usize::from_str_radix(text.trim(), radix).map_err(|_| wrong(text))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP as expected: {what}"))
}
