//! Damaged traces are repaired: what comes out is a trace for Go's reader and its validator.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{expect_failure, expect_success, run, text};
use crate::programs;
use crate::support::Go;
use crate::support::pieces::HEADER_BYTES;
use crate::support::random::Random;

/// Damaged copies of each trace.
const COPIES: usize = 25;

/// Cuts a trace, or changes bytes in up to three places.
fn damaged(trace: &[u8], random: &mut Random) -> Vec<u8> {
    let mut trace = trace.to_vec();
    for _ in 0..=random.below(3) {
        let at = HEADER_BYTES + random.below(trace.len() - HEADER_BYTES);
        match random.below(5) {
            0 => trace.truncate(at.max(HEADER_BYTES + 1)),
            1 => drop(trace.splice(at..at, [1, 0, 255])),
            _ => {
                let end = (at + 1 + random.below(8)).min(trace.len());
                trace[at..end].iter_mut().for_each(|b| *b ^= 1 + random.below(255) as u8);
            }
        }
    }
    trace
}

/// Repairs damaged copies of traces; what comes out, and how many had nothing sound.
fn repaired(folder: &Path, traces: &[PathBuf]) -> (Vec<PathBuf>, usize) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut files, mut lost) = (Vec::new(), 0);
    for (number, trace) in traces.iter().enumerate() {
        let trace = fs::read(trace).unwrap();
        for copy in 0..COPIES {
            let bad = folder.join(format!("{number}-{copy}.bad"));
            let out = folder.join(format!("{number}-{copy}.trace"));
            fs::write(&bad, damaged(&trace, &mut random)).unwrap();
            let output = run(&[&"repair", &bad, &"-o", &out]);
            if output.status.success() {
                expect_success(&output);
                assert_eq!(text(&output.stdout).lines().count(), 1);
                files.push(out);
            } else {
                assert!(expect_failure(&output, 1).contains("nothing is sound"));
                assert!(!out.exists());
                lost += 1;
            }
        }
    }
    (files, lost)
}

#[test]
fn what_comes_out_is_sound() {
    let Some(go) = Go::find("repaired traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    let test = "repair::what_comes_out_is_sound";
    let Some(mut traces) = programs::of_gort(test, folder.path()) else { return };
    traces.push(programs::of_go(&go, folder.path()).swap_remove(2));
    let (files, lost) = repaired(folder.path(), &traces);
    assert!(files.len() > 2 * lost, "{} were repaired, {lost} not", files.len());
    go.check(&files).unwrap();
}

/// Where a generation begins, and where the file ends.
fn borders(trace: &[u8]) -> Vec<usize> {
    let index = gort::reader::Index::new(std::io::Cursor::new(trace)).unwrap();
    let begins = index.generations().iter().map(|generation| generation.bytes.start as usize);
    begins.chain([trace.len()]).collect()
}

fn told(file: &Path, out: &Path, arguments: &[&str]) -> String {
    let mut all: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"repair", &file, &"-o", &out];
    all.extend(arguments.iter().map(|argument| argument as &dyn AsRef<std::ffi::OsStr>));
    let output = run(&all);
    expect_success(&output);
    text(&output.stdout)
}

/// Damage in the second of several generations leaves the first one, and all that come after it.
#[test]
fn the_larger_part_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let test = "repair::the_larger_part_is_kept";
    let Some(files) = programs::of_gort(test, folder.path()) else { return };
    let out = folder.path().join("out");
    for file in files {
        let trace = fs::read(&file).unwrap();
        assert!(told(&file, &out, &[]).contains("it is sound"));
        assert!(fs::read(&out).unwrap() == trace);
        let borders = borders(&trace);
        assert!(borders.len() > 4, "{} generations", borders.len() - 1);
        let mut bad = trace.clone();
        // The time of a batch is no number any more: the framing is lost, too.
        bad[borders[1]..borders[1] + 40].fill(0xff);
        let (place, again) = (borders[1], [&trace[..16], &trace[borders[2]..]].concat());
        let damaged = folder.path().join("bad");
        fs::write(&damaged, &bad).unwrap();
        let line = told(&damaged, &out, &["--part", "1"]);
        assert!(line.contains("part 1 of 2"), "{line}");
        assert!(fs::read(&out).unwrap() == trace[..place], "{line}");
        let line = told(&damaged, &out, &["--part", "2"]);
        assert!(fs::read(&out).unwrap() == again, "{line}");
        let largest = if again.len() > place { "part 2 of 2" } else { "part 1 of 2" };
        let line = told(&damaged, &out, &[]);
        assert!(line.contains(largest) && line.contains("dropped"), "{line}");
        let output = run(&[&"repair", &damaged, &"-o", &out, &"--part", &"3"]);
        assert!(expect_failure(&output, 1).contains("2 sound parts"));
    }
}

#[test]
fn a_trace_is_not_written_over_itself() {
    let folder = tempfile::tempdir().unwrap();
    let test = "repair::a_trace_is_not_written_over_itself";
    let Some(files) = programs::of_gort(test, folder.path()) else { return };
    let before = fs::read(&files[0]).unwrap();
    for arguments in [&["repair"][..], &["convert", "--to", "chrome"]] {
        let mut command = crate::program::trace();
        command.args(arguments).arg(&files[0]).arg("-o").arg(&files[0]);
        assert!(expect_failure(&command.output().unwrap(), 2).contains("itself"));
    }
    assert!(fs::read(&files[0]).unwrap() == before);
    let output = run(&[&"repair", &files[0], &"-o", &"-"]);
    assert!(output.status.success() && output.stdout == before);
    assert!(text(&output.stderr).contains("it is sound"));
}
