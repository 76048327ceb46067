//! `gort trace check`: the verdict of Go's reader.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::program::{self, text};
use crate::programs;
use crate::support::Go;
use crate::support::pieces::HEADER_BYTES;

const DAMAGED: usize = 300;

/// Cuts a trace, or changes bytes of it, in ways that look random but are always the same.
fn damaged(trace: &[u8], seed: u64, folder: &Path) -> PathBuf {
    let mut state = seed + 1;
    let mut next = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut bytes = trace.to_vec();
    if seed.is_multiple_of(3) {
        bytes.truncate(HEADER_BYTES + next(trace.len() - HEADER_BYTES));
    } else {
        for _ in 0..=next(3) {
            let at = next(bytes.len());
            bytes[at] = next(256) as u8;
        }
    }
    let file = folder.join(format!("{seed}.damaged"));
    fs::write(&file, bytes).unwrap();
    file
}

#[test]
fn the_verdict_is_go_s() {
    let Some(go) = Go::find("verdicts on traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(mut files) = programs::of_gort("check::the_verdict_is_go_s", folder.path()) else {
        return;
    };
    let trace = fs::read(&files[0]).unwrap();
    files.extend((0..DAMAGED).map(|seed| damaged(&trace, seed as u64, folder.path())));
    let output = program::trace().args(["check", "--json"]).args(&files).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report = text(&output.stdout);
    let verdicts: Vec<Value> =
        report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let readings = go.read(&files);
    assert_eq!(verdicts.len(), readings.len());
    let mut sound = 0;
    for ((verdict, reading), file) in verdicts.iter().zip(&readings).zip(&files) {
        assert_eq!(verdict["file"], file.to_str().unwrap());
        assert_eq!(verdict["events"], reading.events, "{verdict} {reading:?}");
        assert_eq!(verdict["is_sound"], reading.complaint.is_none(), "{verdict} {reading:?}");
        assert_eq!(verdict["error"].is_null(), reading.complaint.is_none(), "{verdict}");
        sound += usize::from(reading.complaint.is_none());
    }
    assert!(sound >= 3 && sound < files.len() / 2, "{sound} are sound");
}

#[test]
fn a_line_for_each_file() {
    let folder = tempfile::tempdir().unwrap();
    let Some(files) = programs::of_gort("check::a_line_for_each_file", folder.path()) else {
        return;
    };
    let missing = folder.path().join("missing");
    let cut = folder.path().join("cut");
    fs::write(&cut, &fs::read(&files[2]).unwrap()[..1000]).unwrap();
    let output = program::run(&[&"check", &files[0], &missing, &cut]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), String::new()));
    let report = text(&output.stdout);
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines.len(), 3, "{report}");
    assert!(
        lines[0].contains("gort-Go123.trace: sound: ") && lines[0].ends_with("version Go 1.23")
    );
    assert!(lines[1].contains("missing: no trace: No such file"), "{report}");
    assert!(lines[2].contains("cut: damaged after 1 events: "), "{report}");
    let output = program::run(&[&"check", &files[0], &files[1]]);
    program::expect_success(&output);
}
