//! A trace as bytes: where its generations and batches begin and end.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// Bytes of the header.
pub(crate) const HEADER_BYTES: usize = 16;

/// A place between two batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Boundary {
    pub(crate) at: usize,
    /// The generation before it.
    pub(crate) generation: u64,
}

/// Where each batch ends, and each mark at a generation's end. Knows no more of the format.
pub(crate) fn batches(trace: &[u8]) -> Vec<Boundary> {
    let mut at = HEADER_BYTES;
    let mut generation = 0;
    let mut found = Vec::new();
    while at < trace.len() {
        match trace[at] {
            52 => at += 1,
            1 => {
                at += 1;
                let [number, _thread, _time, size] = [(); 4].map(|()| varint(trace, &mut at));
                generation = number;
                at += size as usize;
            }
            other => panic!("a batch begins with {other} at {at}"),
        }
        found.push(Boundary { at, generation });
    }
    assert_eq!(at, trace.len(), "the last batch is cut short");
    found
}

/// Where each generation ends.
pub(crate) fn generations(trace: &[u8]) -> Vec<Boundary> {
    let batches = batches(trace);
    let is_last =
        |n: usize| batches.get(n + 1).is_none_or(|next| next.generation != batches[n].generation);
    (0..batches.len()).filter(|&n| is_last(n)).map(|n| batches[n]).collect()
}

fn varint(bytes: &[u8], at: &mut usize) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

/// A trace in memory.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<(Vec<u8>, usize)>>);

impl Sink {
    /// How often something was whole: first the header, then each generation.
    pub(crate) fn flushes(&self) -> usize {
        self.0.lock().unwrap().1
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().0.clone()
    }

    /// Whether only the caller has it: the trace's end was dropped.
    pub(crate) fn is_let_go(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().1 += 1;
        Ok(())
    }
}
