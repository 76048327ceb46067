//! Traces that are cut short or damaged anywhere, given to Go's reader and to ours: the same events,
//! and the same verdict on the rest.

use std::fs;
use std::path::Path;

use crate::cases::cases;
use crate::support::Go;
use crate::support::pieces::HEADER_BYTES;
use crate::support::random::Random;
use crate::{expect_the_same, programs, verdict};

/// Cut and damaged copies of each trace.
const COPIES: usize = 60;
/// As much of a trace is taken at most.
const MAX_BYTES: usize = 60_000;

/// Cuts a trace, or changes some bytes that stand together, at a place past the header.
fn damaged(trace: &[u8], random: &mut Random) -> Vec<u8> {
    let mut trace = trace.to_vec();
    let at = HEADER_BYTES + random.below(trace.len() - HEADER_BYTES);
    match random.below(4) {
        0 => trace.truncate(at),
        _ => {
            let bytes = 1 + random.below(8).min(trace.len() - at - 1);
            trace[at..at + bytes].iter_mut().for_each(|byte| *byte ^= 1 + random.below(255) as u8);
        }
    }
    trace
}

/// Expects the same of both readers for damaged copies of these traces, of the first bytes of them.
fn expect_the_same_of_damaged(go: &Go, folder: &Path, traces: &[Vec<u8>]) {
    let traces = traces.iter().map(|trace| &trace[..trace.len().min(MAX_BYTES)]);
    expect_the_same_of_copies(go, folder, &traces.collect::<Vec<_>>(), COPIES);
}

fn expect_the_same_of_copies(go: &Go, folder: &Path, traces: &[&[u8]], copies: usize) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut files = Vec::new();
    for (number, trace) in traces.iter().enumerate() {
        for copy in 0..copies {
            let file = folder.join(format!("{number}-{copy}.trace"));
            fs::write(&file, damaged(trace, &mut random)).unwrap();
            files.push(file);
        }
    }
    let mut rejected = 0;
    for (file, theirs) in files.iter().zip(go.verdicts(&files)) {
        let (ours, _) = verdict(&fs::read(file).unwrap());
        let both = format!("{}:\n{ours:?}\n{theirs:?}", file.display());
        assert_eq!(ours.is_accepted, theirs.is_accepted, "{both}");
        assert_eq!(ours.events, theirs.events, "{both}");
        assert!(theirs.hash == 0 || ours.hash == theirs.hash, "{both}");
        rejected += usize::from(!ours.is_accepted);
    }
    assert!(rejected > files.len() / 3, "{rejected} of {} were rejected", files.len());
}

#[test]
fn damaged_traces_of_gort_programs() {
    let Some(go) = Go::find("damaged traces of gort programs") else { return };
    let folder = tempfile::tempdir().unwrap();
    let test = "damage::damaged_traces_of_gort_programs";
    let Some(files) = programs::of_gort(test, folder.path()) else { return };
    let traces: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    expect_the_same_of_damaged(&go, folder.path(), &traces);
}

#[test]
fn damaged_traces_of_long_generations() {
    let Some(go) = Go::find("damaged traces of long generations") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = programs::of_long_generations(&go, folder.path());
    expect_the_same(&go, &file);
    let trace = fs::read(file).unwrap();
    assert!(trace.len() > 1_000_000);
    expect_the_same_of_copies(&go, folder.path(), &[&trace], 12);
}

#[test]
fn damaged_cases_of_gos_own_tests() {
    let Some(go) = Go::find("damaged cases of Go's tests of its reader") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = cases(&go, folder.path());
    let traces = files.iter().map(|file| fs::read(file).unwrap());
    // Of the old format's there is nothing to compare.
    let traces: Vec<_> =
        traces.filter(|trace| trace[5..].starts_with(b"2") && trace.len() > 40).collect();
    assert!(traces.len() > 30);
    expect_the_same_of_damaged(&go, folder.path(), &traces);
}
