//! How fast traces are read, beside Go's reader on the same files in the same run.
//!
//! Each run is a process of its own; the readers take turns. `--smoke` reads one small trace once;
//! files that are named are read in the place of the traces of a Go program made here.

mod load;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use gort::reader::Reader;
use support::{Cost, Go};

/// Runs of each reader for a file.
const RUNS: usize = 7;
/// Processors of the traced programs: on one the events of a thread stand together, on two those of
/// both alternate, and the order goes from one to the other with every second event.
const PROCS: [u32; 2] = [1, 2];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, file] = &arguments[..]
        && flag == "--child"
    {
        return child(Path::new(file));
    }
    let Some(go) = Go::find("the bench of the reader") else { return };
    let is_smoke = arguments.iter().any(|argument| argument == "--smoke");
    let folder = tempfile::tempdir().unwrap();
    let files = load::files(&go, folder.path(), &arguments, is_smoke, &PROCS);
    println!(
        "| trace | MB | events | Go M/s | gort M/s | ratio | Go CPU ns | gort CPU ns | Go MiB | gort MiB |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for file in files {
        println!("{}", row(&go, &file, if is_smoke { 1 } else { RUNS }));
    }
}

fn row(go: &Go, file: &Path, runs: usize) -> String {
    let costs = (0..runs).map(|_| (go.cost(file), cost(file)));
    let (theirs, ours): (Vec<_>, Vec<_>) = costs.unzip();
    assert_eq!(theirs[0].events, ours[0].events, "both read the same");
    let events = ours[0].events as f64;
    let median = |of: &[Cost], value: fn(&Cost) -> f64| {
        let mut values: Vec<_> = of.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let [rates, used, memory] = [
        (|cost| cost.events as f64 / cost.seconds / 1e6) as fn(&Cost) -> f64,
        |cost| cost.used_seconds * 1e9,
        |cost| cost.memory_kib as f64 / 1024.0,
    ]
    .map(|value| [median(&theirs, value), median(&ours, value)]);
    let name = file.file_name().unwrap_or_default().display();
    let megabytes = std::fs::metadata(file).unwrap().len() as f64 / 1e6;
    format!(
        "| {name} | {megabytes:.1} | {events} | {:.1} | {:.1} | {:.1} | {:.0} | {:.0} | {:.0} | {:.0} |",
        rates[0],
        rates[1],
        rates[1] / rates[0],
        used[0] / events,
        used[1] / events,
        memory[0],
        memory[1],
    )
}

/// What our reader needs, in a process of its own.
fn cost(file: &Path) -> Cost {
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this).arg("--child").arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Cost::parse(&String::from_utf8_lossy(&output.stdout)).expect("four numbers")
}

fn child(file: &Path) {
    let begin = Instant::now();
    let (mut events, mut sum) = (0, 0);
    let mut reader = Reader::open(file).unwrap();
    loop {
        let some = reader.events().unwrap();
        if some.is_empty() {
            break;
        }
        events += some.len();
        sum = some.iter().fold(sum, |sum, event| sum ^ event.time().0);
    }
    std::hint::black_box(sum);
    let seconds = begin.elapsed().as_secs_f64();
    let (used, memory_kib) = usage();
    println!("{events} {seconds} {used} {memory_kib}");
}

/// Seconds of processors that this process took, and the most memory, in KiB.
fn usage() -> (f64, i64) {
    // SAFETY: zeros are a valid value of this struct of numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the place is valid for a write.
    let result = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    assert_eq!(result, 0);
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss)
}
