//! Traces read by `gort::reader`, beside Go's own reader: the same events in the same order, and the
//! same verdict on what is wrong.

mod api;
mod cases;
mod damage;
mod mutations;
mod print;
mod programs;
mod times;
mod traces;

#[path = "../support/process.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use gort::reader::{Error, Reader};
use support::Verdict;

/// What our reader makes of a trace, in the words of what Go's does; and its error.
fn verdict(trace: &[u8]) -> (Verdict, Option<Error>) {
    let mut verdict =
        Verdict { is_accepted: false, events: 0, hash: FNV_BASIS, complaint: String::new() };
    let error = read(trace, |text| {
        verdict.events += 1;
        verdict.hash = fnv(verdict.hash, text);
    });
    verdict.is_accepted = error.is_none();
    verdict.complaint = error.as_ref().map_or_else(String::new, Error::to_string);
    (verdict, error)
}

/// Reads a trace to its end, or to what is wrong, and gives each event's text to `each`.
///
/// As a pipe and as a file, which are read in different ways.
fn read(trace: &[u8], mut each: impl FnMut(&[u8])) -> Option<Error> {
    let mut hashes = [FNV_BASIS; 2];
    let of_pipe = read_with(Reader::new(trace), |text| hashes[0] = fnv(hashes[0], text));
    let of_file = read_with(Reader::at(trace.to_vec()), |text| {
        hashes[1] = fnv(hashes[1], text);
        each(text);
    });
    let text = |error: &Option<Error>| error.as_ref().map(Error::to_string);
    assert_eq!((hashes[0], text(&of_pipe)), (hashes[1], text(&of_file)));
    of_file
}

fn read_with(reader: Result<Reader<'_>, Error>, mut each: impl FnMut(&[u8])) -> Option<Error> {
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(error) => return Some(error),
    };
    let mut text = Vec::new();
    while let Some(event) = reader.next() {
        match event {
            Ok(event) => {
                text.clear();
                print::print(&mut text, &event, reader.generation());
                each(&text);
            }
            Err(error) => {
                assert!(reader.next().is_none(), "events after an error");
                return Some(error);
            }
        }
    }
    None
}

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// Expects that both readers see the same in a file, which is sound.
fn expect_the_same(go: &support::Go, file: &Path) {
    let trace = std::fs::read(file).unwrap();
    let mut ours = Vec::new();
    let error = read(&trace, |text| ours.extend_from_slice(text));
    if let Some(error) = error {
        let theirs = go.verdicts(&[file.to_owned()]);
        panic!("{}:\n{error:?}\n{theirs:?}", keep(file).display());
    }
    let theirs = go.events(file);
    let mut pairs = ours.split(|b| *b == b'\n').zip(theirs.split(|b| *b == b'\n')).enumerate();
    if let Some((line, (ours, theirs))) = pairs.find(|(_, (ours, theirs))| ours != theirs) {
        let text = String::from_utf8_lossy;
        panic!("{}, line {line}:\n{}\n{}", keep(file).display(), text(ours), text(theirs));
    }
    assert_eq!(ours.len(), theirs.len(), "{}: one has more events", keep(file).display());
}

/// Keeps a trace for whoever looks into what failed; returns where.
fn keep(file: &Path) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reader");
    std::fs::create_dir_all(&folder).unwrap();
    let kept = folder.join(file.file_name().unwrap());
    std::fs::copy(file, &kept).unwrap();
    kept
}
