//! Real traces: the events are those of Go's reader, in its order.

use std::fs;

use crate::support::Go;
use crate::support::pieces::{self, HEADER_BYTES};
use crate::{expect_the_same, programs};

#[test]
fn traces_of_go_programs() {
    let Some(go) = Go::find("traces of Go programs, read by both readers") else { return };
    let folder = tempfile::tempdir().unwrap();
    for file in programs::of_go(&go, folder.path()) {
        assert!(fs::metadata(&file).unwrap().len() > 1000, "{}", file.display());
        expect_the_same(&go, &file);
    }
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
