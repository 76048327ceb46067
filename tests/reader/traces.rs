//! Real traces: the events are those of Go's reader, in its order.

use std::fs;
use std::path::Path;

use gort::reader::{Error, ErrorKind};

use crate::support::pieces::{self, HEADER_BYTES};
use crate::support::{Go, Verdict};
use crate::{expect_the_same, keep, programs, verdict};

#[test]
fn traces_of_go_programs() {
    let Some(go) = Go::find("traces of Go programs, read by both readers") else { return };
    let folder = tempfile::tempdir().unwrap();
    for file in programs::of_go(&go, folder.path()) {
        assert!(fs::metadata(&file).unwrap().len() > 1000, "{}", file.display());
        expect_the_same(&go, &file);
    }
}

/// What Go says of a broken trace of the experiment, and what we do.
const CAUSES: [(&str, ErrorKind); 2] =
    [("inconsistent status for", ErrorKind::Order), ("failed to advance", ErrorKind::Stuck)];

#[test]
fn traces_of_an_experiment_sound_and_broken() {
    let Some(go) = Go::find("traces of an experiment, read by both readers") else { return };
    let folder = tempfile::tempdir().unwrap();
    for (file, theirs) in programs::of_experiments(&go, folder.path()) {
        expect_the_same_verdict(&file, &theirs);
    }
}

fn expect_the_same_verdict(file: &Path, theirs: &Verdict) {
    let (ours, error) = verdict(&fs::read(file).unwrap());
    let is_same_cause = |error: &Error| {
        let mut causes = CAUSES.iter();
        causes.any(|(what, kind)| theirs.complaint.contains(what) && error.kind() == *kind)
    };
    let is_same = ours.is_accepted == theirs.is_accepted
        && (ours.events, ours.hash) == (theirs.events, theirs.hash)
        && error.as_ref().is_none_or(is_same_cause);
    assert!(is_same, "{}:\n{ours:?}\n{theirs:?}", keep(file).display());
}

#[test]
fn traces_of_gort_programs() {
    let Some(go) = Go::find("traces of gort programs, read by both readers") else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(files) = programs::of_gort("traces::traces_of_gort_programs", folder.path()) else {
        return;
    };
    for file in files {
        expect_the_same(&go, &file);
        // As a flight recorder leaves it: without the first generation.
        let mut trace = fs::read(&file).unwrap();
        let generations = pieces::generations(&trace);
        trace.drain(HEADER_BYTES..generations[0].at);
        fs::write(&file, trace).unwrap();
        expect_the_same(&go, &file);
    }
}
