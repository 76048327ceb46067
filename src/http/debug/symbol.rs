//! Names of addresses.

use std::error::Error;
use std::fmt::Write;
use std::future::poll_fn;
use std::pin::pin;

use hyper::body::{Body as HttpBody, Buf};
use hyper::{Method, Request, Response, StatusCode};

use super::answer::{error, text};
use super::apart::apart;
use crate::http::Body;
use crate::tracer::symbolize::Symbolizer;

/// As much of a question as is read.
const QUESTION_BYTES: usize = 1 << 20;

/// A line for each address of the question, `ADDRESS+ADDRESS…`, that has a name. The question is
/// the query or, in a POST, the body.
pub(super) async fn table<B>(request: Request<B>) -> Response<Body>
where
    B: HttpBody,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // Whether there are any symbols is all that is asked by this number.
    let head = "num_symbols: 1\n";
    let question = if request.method() == Method::POST {
        read(request.into_body()).await
    } else {
        Ok(request.uri().query().unwrap_or_default().as_bytes().to_vec())
    };
    match question {
        Err(reason) => text(format!("{head}reading request: {reason}\n")),
        Ok(question) => {
            let names = apart(move || names(&String::from_utf8_lossy(&question)));
            match names.await {
                Ok(names) => text(format!("{head}{names}")),
                Err(reason) => error(StatusCode::INTERNAL_SERVER_ERROR, reason),
            }
        }
    }
}

async fn read<B>(body: B) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>>
where
    B: HttpBody,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let Ok(mut data) = frame.map_err(Into::into)?.into_data() else { continue };
        while data.has_remaining() {
            let chunk = data.chunk();
            bytes.extend_from_slice(chunk);
            let read = chunk.len();
            data.advance(read);
        }
        if bytes.len() > QUESTION_BYTES {
            return Err("it is too long".into());
        }
    }
    Ok(bytes)
}

fn names(question: &str) -> String {
    let mut out = String::new();
    let addresses = question.split('+').filter_map(address).filter(|address| *address != 0);
    let mut symbolizer = Symbolizer::new();
    let mut frames = Vec::new();
    for address in addresses {
        frames.clear();
        // It takes addresses that calls return to.
        symbolizer.frames(address.wrapping_add(1), &mut frames);
        let known = frames.first().filter(|frame| !frame.func.starts_with("0x"));
        if let Some(frame) = known {
            // A string takes all.
            let _ = writeln!(out, "{address:#x} {}", frame.func);
        }
    }
    out
}

/// A number as Go's source writes it, in whichever base.
fn address(word: &str) -> Option<usize> {
    let lower = word.trim().to_ascii_lowercase();
    let (digits, radix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (&lower[2..], 16),
        [b'0', b'b', ..] => (&lower[2..], 2),
        [b'0', b'o', ..] => (&lower[2..], 8),
        [b'0', _, ..] => (&lower[1..], 8),
        _ => (&*lower, 10),
    };
    // `from_str_radix` takes a sign as well.
    digits.starts_with(|c: char| c.is_ascii_hexdigit()).then_some(())?;
    usize::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_all_bases() {
        for (word, expected) in [("0x10", 16), ("16", 16), ("0b10000", 16), ("020", 16), ("0", 0)] {
            assert_eq!(address(word), Some(expected), "{word}");
        }
        for word in ["", "x", "0x", "-1", "0x-1", "+1", "0xffffffffffffffffff"] {
            assert_eq!(address(word), None, "{word}");
        }
    }

    #[test]
    fn a_function_has_its_name() {
        let here = a_function_has_its_name as fn() as usize;
        let out = names(&format!("{here:#x}+0x10+junk"));
        let line = out.strip_prefix(&format!("{here:#x} ")).unwrap();
        if cfg!(feature = "symbolize") {
            assert!(line.contains("a_function_has_its_name"), "{line}");
        }
        assert_eq!(out.lines().count(), 1, "{out}");
    }
}
