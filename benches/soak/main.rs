//! A trace that is streamed to disk for a long time: are there as many events as there should be,
//! does memory stay what it is, and does Go's reader accept every generation?
//!
//! The trace goes on in file after file, and each that is finished is read by Go's reader and
//! strict validator and then removed, while the next ones are written.
//!
//! How to run and read it: `benches/README.md`.

mod load;
mod options;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gort::trace::{self, Config, Summary};
use load::Load;
use options::Options;
use support::Go;

/// A file is full when it has so many bytes.
const FILE_BYTES: u64 = 128 << 20;
/// Memory that may come and go: generations that wait to be written, and their copies.
const SLACK_MIB: f64 = 96.0;

/// Without the `--bench` of `cargo bench` this is a test run, for which a second is right.
fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(complaint) => {
            eprintln!("{complaint}");
            return ExitCode::FAILURE;
        }
    };
    let folder = tempfile::tempdir_in(&options.folder).expect("a folder for the trace");
    let name = folder.path().to_owned();
    let file = move |number: u64| name.join(format!("{number}.trace"));
    let go = Go::find("the check of the trace");
    let checker = Checker::start(go.clone());
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    let taken = unsafe { gort::run(|| take(&options, &file, &checker)) };
    let (summary, seconds, resident) = match taken {
        Ok(taken) => taken,
        Err(complaint) => {
            eprintln!("{complaint}");
            return ExitCode::FAILURE;
        }
    };
    checker.check(file(summary.files() - 1));
    report(&options, &summary, seconds, &resident, checker.finish())
}

/// Takes the trace. Returns what it was, how long it took, and the memory over time, in MiB.
fn take(
    options: &Options,
    file: &(impl Fn(u64) -> PathBuf + Clone + Send + 'static),
    checker: &Checker,
) -> Result<(Summary, f64, Vec<f64>), String> {
    let (name, full) = (file.clone(), checker.sender());
    let next = move |number: u64| {
        // The file before is complete; whoever wrote it is dropped a moment later.
        let _ = full.send(name(number - 1));
        File::create_new(name(number))
    };
    let first = File::create_new(file(0)).map_err(|error| error.to_string())?;
    let load = Load::start(options.events_per_s);
    let begin = Instant::now();
    let config = Config::new().version(trace::Version::Go126).roll_over(FILE_BYTES, next);
    config.start(first).map_err(|error| error.to_string())?;
    let resident = watch(options, &load, begin);
    let summary = trace::stop();
    let seconds = begin.elapsed().as_secs_f64();
    load.stop();
    summary.map(|summary| (summary, seconds, resident)).map_err(|error| error.to_string())
}

/// Prints how it goes until the time is up.
fn watch(options: &Options, load: &Load, begin: Instant) -> Vec<f64> {
    println!("   time  rounds/s   memory");
    let mut resident = Vec::new();
    let (mut rounds, mut since) = (load.rounds(), Instant::now());
    while begin.elapsed() < options.duration {
        gort::sleep(options.line.min(options.duration));
        let (now, mib) = (load.rounds(), resident_mib());
        let rate = (now - rounds) as f64 / since.elapsed().as_secs_f64();
        println!("{:6.0} s {rate:9.0} {mib:5.1} MiB", begin.elapsed().as_secs_f64());
        resident.push(mib);
        (rounds, since) = (now, Instant::now());
    }
    resident
}

/// Says what came of it. It fails if memory grew, a generation was refused or left out, or there
/// were too few events; the smallest size judges only what the reader says.
fn report(
    options: &Options,
    summary: &Summary,
    seconds: f64,
    resident: &[f64],
    checked: Checked,
) -> ExitCode {
    let rate = summary.events() as f64 / seconds;
    let (events, generations) = (summary.events(), summary.generations());
    let mib = summary.bytes() as f64 / f64::from(1 << 20);
    let each = summary.bytes() as f64 / events as f64;
    println!("{events} events in {seconds:.1} s: {:.3} million a second", rate / 1e6);
    println!(
        "{generations} generations, {} files, {mib:.0} MiB, {each:.1} bytes an event",
        summary.files()
    );
    // What the first tenth takes is caches that fill.
    let warm = &resident[resident.len() / 10..];
    let (least, most) =
        (warm.iter().copied().fold(f64::MAX, f64::min), warm.iter().copied().fold(0.0, f64::max));
    let trend = mean(&warm[warm.len() / 2..]) - mean(&warm[..warm.len() / 2 + warm.len() % 2]);
    println!("memory {least:.1} to {most:.1} MiB, second half against first {trend:+.1} MiB");
    println!("{checked}");
    let is_flat = trend < SLACK_MIB / 4.0 && most - least < SLACK_MIB;
    let is_fast = rate >= options.events_per_s as f64 * 0.8;
    let is_good = checked.rejected.is_empty() && summary.gaps() == 0;
    for (is_so, what) in [
        (is_flat, "memory grew"),
        (is_fast, "too few events"),
        (is_good, "not all is there and accepted"),
    ] {
        if !is_so {
            println!("{what}");
        }
    }
    let is_enough = is_good && (options.is_smoke || is_flat && is_fast);
    if is_enough { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Memory of the process.
fn resident_mib() -> f64 {
    let text = fs::read_to_string("/proc/self/statm").expect("a kernel that says");
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or_default() * 4096.0 / f64::from(1 << 20)
}

/// Has files read by Go, one after the other, and removes them.
struct Checker {
    files: Sender<PathBuf>,
    thread: JoinHandle<Checked>,
}

/// What Go's reader said.
#[derive(Default)]
struct Checked {
    has_go: bool,
    accepted: usize,
    rejected: Vec<String>,
    busy: Duration,
}

impl Checker {
    fn start(go: Option<Go>) -> Checker {
        let (files, full) = mpsc::channel();
        Checker { files, thread: thread::spawn(move || Checker::run(go.as_ref(), &full)) }
    }

    fn run(go: Option<&Go>, full: &Receiver<PathBuf>) -> Checked {
        let mut checked = Checked { has_go: go.is_some(), ..Checked::default() };
        for file in full {
            let begin = Instant::now();
            match go.map_or(Ok(()), |go| go.check(std::slice::from_ref(&file))) {
                Ok(()) => checked.accepted += 1,
                Err(complaint) => checked.rejected.push(complaint),
            }
            checked.busy += begin.elapsed();
            let removed: io::Result<()> = fs::remove_file(file);
            removed.expect("the file was there");
        }
        checked
    }

    fn sender(&self) -> Sender<PathBuf> {
        self.files.clone()
    }

    fn check(&self, file: PathBuf) {
        let _ = self.files.send(file);
    }

    fn finish(self) -> Checked {
        drop(self.files);
        self.thread.join().expect("the checker does not panic")
    }
}

impl std::fmt::Display for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.has_go {
            return write!(f, "{} files, not checked", self.accepted);
        }
        let (accepted, busy) = (self.accepted, self.busy.as_secs_f64());
        write!(f, "{accepted} files accepted by Go's reader in {busy:.1} s")?;
        self.rejected.iter().try_for_each(|complaint| write!(f, "\nrejected: {complaint}"))
    }
}
