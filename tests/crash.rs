//! Traces that are cut short or damaged: all generations before that are read, by Go's own reader,
//! and no part of one is taken for a whole one.

#[path = "support/process.rs"]
mod process;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use gort::trace::{self, Config, Version};
use gort::{Context, chan, go};
use support::pieces::{self, Boundary, HEADER_BYTES, Sink};
use support::random::Random;
use support::runtime::run;
use support::{Go, Reading};

const VERSIONS: [Version; 3] = [Version::Go123, Version::Go125, Version::Go126];

const GENERATIONS: usize = 3;
/// Cuts at random places of each trace, besides those between batches.
const CUTS: usize = 300;
/// Damaged copies of each trace.
const DAMAGES: usize = 300;

/// Something of all that there is.
fn work() {
    let ctx = Context::background();
    let (tx, rx) = chan(0);
    let sender = go(move || (0..20).for_each(|n| tx.send(n).unwrap()));
    trace::with_region(&ctx, "receiving", || assert_eq!(rx.iter().sum::<i32>(), 190));
    sender.join().unwrap();
    trace::log(&ctx, "work", "done");
}

/// The first generations of a trace.
fn taken(version: Version) -> Vec<u8> {
    let sink = Sink::default();
    run(|| {
        Config::new().version(version).start(sink.clone()).unwrap();
        while sink.flushes() < 1 + GENERATIONS {
            work();
        }
        trace::stop().unwrap();
    });
    let mut bytes = sink.bytes();
    bytes.truncate(pieces::generations(&bytes)[GENERATIONS - 1].at);
    bytes
}

/// The traces of all versions, from a process whose generations are short.
fn traces(test: &str) -> Option<Vec<(Version, Vec<u8>)>> {
    let folder = tempfile::tempdir().unwrap();
    let name = |folder: &Path, version: Version| folder.join(format!("{version:?}.trace"));
    let place = folder.path().to_str().unwrap();
    let settings = [("GORTDEBUG", "traceadvanceperiod=2000000"), ("GORT_TEST_FOLDER", place)];
    let Some(output) = process::process(test, &settings) else {
        let folder = PathBuf::from(std::env::var_os("GORT_TEST_FOLDER").unwrap());
        for version in VERSIONS {
            fs::write(name(&folder, version), taken(version)).unwrap();
        }
        return None;
    };
    process::assert_success(&output);
    let read = |version| (version, fs::read(name(folder.path(), version)).unwrap());
    Some(VERSIONS.map(read).into())
}

/// What Go's reader makes of these.
fn read(go: &Go, traces: impl IntoIterator<Item = Vec<u8>>) -> Vec<Reading> {
    let folder = tempfile::tempdir().unwrap();
    let file = |(n, trace): (usize, Vec<u8>)| {
        let path = folder.path().join(format!("{n}.trace"));
        fs::write(&path, trace).unwrap();
        path
    };
    let files: Vec<_> = traces.into_iter().enumerate().map(file).collect();
    go.read(&files)
}

/// How many events Go's reader finds in the first generations of a trace, 0 of them to all.
fn events_up_to(go: &Go, trace: &[u8], generations: &[Boundary]) -> Vec<u64> {
    let ends = std::iter::once(HEADER_BYTES).chain(generations.iter().map(|end| end.at));
    let readings = read(go, ends.map(|end| trace[..end].to_vec()));
    for (n, reading) in readings.iter().enumerate() {
        // Of none, some versions are no trace.
        assert!(n == 0 || reading.complaint.is_none(), "{n} whole generations: {reading:?}");
    }
    readings.into_iter().map(|reading| reading.events).collect()
}

#[test]
fn a_trace_cut_short_anywhere_has_all_generations_before_that() {
    let Some(go) = Go::find("traces cut short") else { return };
    let Some(traces) = traces("a_trace_cut_short_anywhere_has_all_generations_before_that") else {
        return;
    };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (version, trace) in traces {
        let generations = pieces::generations(&trace);
        let expected = events_up_to(&go, &trace, &generations);
        let batches = pieces::batches(&trace).into_iter();
        let near = batches.flat_map(|end| [end.at - 1, end.at, end.at + 1]);
        let mut cuts: Vec<_> = near.filter(|&at| at <= trace.len()).collect();
        cuts.extend((0..CUTS).map(|_| HEADER_BYTES + random.below(trace.len() - HEADER_BYTES)));
        let readings = read(&go, cuts.iter().map(|&at| trace[..at].to_vec()));
        for (at, reading) in cuts.into_iter().zip(readings) {
            let whole = generations.iter().filter(|end| end.at <= at).count();
            let place = format!("{version:?}, cut at {at} of {generations:?}: {reading:?}");
            assert_eq!(reading.events, expected[whole], "{place}");
            let is_at_end = generations.iter().any(|end| end.at == at);
            assert!(at == HEADER_BYTES || reading.complaint.is_none() == is_at_end, "{place}");
        }
    }
}

#[test]
fn a_damaged_trace_has_all_generations_before_the_damage() {
    let Some(go) = Go::find("damaged traces") else { return };
    let Some(traces) = traces("a_damaged_trace_has_all_generations_before_the_damage") else {
        return;
    };
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for (version, trace) in traces {
        let generations = pieces::generations(&trace);
        let expected = events_up_to(&go, &trace, &generations);
        let mut places = Vec::new();
        let damaged = (0..DAMAGES).map(|_| {
            let mut trace = trace.clone();
            let at = HEADER_BYTES + random.below(trace.len() - HEADER_BYTES);
            let bytes = 1 + random.below(8).min(trace.len() - at - 1);
            trace[at..at + bytes].iter_mut().for_each(|byte| *byte ^= 1 + random.below(255) as u8);
            places.push(at);
            trace
        });
        let readings = read(&go, damaged);
        for (at, reading) in places.into_iter().zip(readings) {
            let before = generations.iter().filter(|end| end.at <= at).count();
            // Before the marks of 1.26, the first batch of a generation has to say that the one before
            // is over.
            let lost = usize::from(version < Version::Go126 && is_in_first_batch(&trace, at));
            let place = format!("{version:?}, damaged at {at} of {generations:?}: {reading:?}");
            // The last event of a whole trace is a mark that only its end has.
            assert!(reading.events >= expected[before.saturating_sub(lost)] - 1, "{place}");
        }
    }
}

/// Whether a place is in the first batch of a generation.
fn is_in_first_batch(trace: &[u8], at: usize) -> bool {
    let batches = pieces::batches(trace);
    let number = batches.iter().position(|end| at < end.at).unwrap();
    number == 0 || batches[number - 1].generation != batches[number].generation
}

#[test]
fn go_tool_trace_shows_what_came_before_the_end() {
    let Some(go) = Go::find("traces cut short in the viewer") else { return };
    let Some(traces) = traces("go_tool_trace_shows_what_came_before_the_end") else { return };
    for (version, trace) in traces {
        let generations = pieces::generations(&trace);
        let last = generations.len() - 1;
        let (begin, end) = (generations[last - 1].at, generations[last].at);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &trace[..begin + (end - begin) / 2]).unwrap();
        let viewer = go.viewer_of_cut(file.path());
        let viewer = viewer.unwrap_or_else(|error| panic!("{version:?}: {error}"));
        for page in ["/goroutines", "/userregions", "/trace"] {
            let page = viewer.get(page).unwrap();
            assert_eq!(page.status, 200, "{version:?}: {}", page.text());
        }
    }
}
