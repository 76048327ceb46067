//! How many instructions the hot paths take, counted by valgrind, beside a baseline in the tree. A
//! count does not depend on what else the machine does, so that a regression shows at once.
//!
//! How to run and read it: `benches/README.md`.

mod baseline;
mod build;
mod callgrind;
mod paths;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use baseline::Counts;

/// Operations of the two runs of a path. What starting and ending costs is the same in both, and
/// what is first in each cache, and so not in the difference.
const FEW: u64 = 2_000;
const MANY: u64 = 32_000;

/// Not a path but a difference of two.
const EVENT: &str = "event with a stack";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [callgrind::CHILD, path, n] => {
            callgrind::child(path.parse().expect("a number"), n.parse().expect("a number"));
            ExitCode::SUCCESS
        }
        [] => compare(),
        ["--accept"] => accept(),
        _ => {
            eprintln!("usage: cargo bench --bench instructions [-- --accept]");
            ExitCode::from(2)
        }
    }
}

fn baseline_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/baseline.txt")
}

/// It fails where a path takes more than it may.
fn compare() -> ExitCode {
    let text = match std::fs::read_to_string(baseline_file()) {
        Ok(text) => text,
        Err(error) => return fail(&format!("{}: {error}", baseline_file().display())),
    };
    let baseline = match Counts::parse(&text) {
        Ok(baseline) => baseline,
        Err(error) => return fail(&format!("{}: {error}", baseline_file().display())),
    };
    if let Some(why) = baseline.unfit_for(&build::name()) {
        return skip(&why);
    }
    let counts = match counted() {
        Ok(counts) => counts,
        Err(end) => return end,
    };
    print!("{}", baseline.table(&counts));
    let complaints = baseline.complaints(&counts);
    complaints.iter().for_each(|complaint| eprintln!("{complaint}"));
    baseline.advice(&counts).iter().for_each(|advice| println!("{advice}"));
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Makes what is counted the baseline.
fn accept() -> ExitCode {
    let counts = match counted() {
        Ok(counts) => counts,
        Err(end) => return end,
    };
    print!("{counts}");
    match std::fs::write(baseline_file(), counts.to_string()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("{}: {error}", baseline_file().display())),
    }
}

/// The counts, or how the bench ends without any.
fn counted() -> Result<Counts, ExitCode> {
    if cfg!(debug_assertions) {
        return Err(skip("this build is not optimised"));
    }
    callgrind::works().map_err(|why| skip(&why))?;
    count().map_err(|error| fail(&error))
}

fn count() -> Result<Counts, String> {
    let mut counts = Counts::new(build::name());
    for (number, (path, _)) in paths::ALL.iter().enumerate() {
        let [few, many] = [FEW, MANY].map(|n| callgrind::instructions(number, n));
        counts.push(path, (many? as f64 - few? as f64) / (MANY - FEW) as f64);
    }
    let of = |path| counts.get(path).expect("just counted");
    let event = (of(paths::TRACED) - of(paths::YIELD)) / paths::EVENTS_PER_YIELD;
    counts.push(EVENT, event);
    Ok(counts)
}

fn skip(why: &str) -> ExitCode {
    eprintln!("skipped: instruction counts: {why}");
    ExitCode::SUCCESS
}

fn fail(error: &str) -> ExitCode {
    eprintln!("instructions: {error}");
    ExitCode::FAILURE
}
