//! What `gort trace` takes, beside `go tool trace` on the same files in the same run.
//!
//! Each run is a process of its own; Go's command and ours take turns. `--smoke` takes one small trace
//! once; files that are named are read in the place of the trace of a Go program made here.
//! `--rounds=N` takes each N times, `--only=COMMAND` one command of Go's tool and those beside it.

mod child;
#[path = "../reader/load.rs"]
mod load;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;

use child::{Cost, cost};
use support::Go;

/// Runs of each command for a file, unless the command line says.
const RUNS: usize = 5;

/// Commands of Go's tool, and beside each those of ours. Where Go's tool has pages only, what comes
/// nearest is a profile: for both it reads the trace and sums up its goroutines. `FILE` is the trace,
/// once more than at the end.
const COMMANDS: [(&str, &[&str]); 7] = [
    ("-pprof=net", &["-pprof=net"]),
    (
        "-pprof=sync",
        &[
            "-pprof=sync",
            "summary",
            "goroutines",
            "tasks",
            "regions",
            "blocking",
            "leaks",
            "utilization",
            "timelines",
            "mmu",
            "wakeups",
            "critical-path",
            "diff FILE",
            "check",
            "convert --to perfetto -o /dev/null",
            "convert --to chrome -o /dev/null",
        ],
    ),
    ("-pprof=syscall", &["-pprof=syscall"]),
    ("-pprof=sched", &["-pprof=sched", "latency"]),
    ("-d=parsed", &["-d=parsed", "events"]),
    ("-d=wire", &["-d=wire"]),
    ("-d=footprint", &["-d=footprint"]),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(go) = Go::find("the bench of the trace tool") else { return };
    let is_smoke = arguments.iter().any(|argument| argument == "--smoke");
    let option = |name| arguments.iter().find_map(|argument| argument.strip_prefix(name));
    let rounds = option("--rounds=").map(|rounds| rounds.parse().expect("a number of rounds"));
    let runs = rounds.unwrap_or(if is_smoke { 1 } else { RUNS });
    let only = option("--only=");
    let folder = tempfile::tempdir().unwrap();
    let files = load::files(&go, folder.path(), &arguments, is_smoke, &[2]);
    for file in files {
        let megabytes = std::fs::metadata(&file).unwrap().len() as f64 / 1e6;
        println!("{}, {megabytes:.1} MB\n", file.file_name().unwrap_or_default().display());
        println!(
            "| go tool trace | gort trace | Go s | gort s | ratio | Go CPU s | gort CPU s | Go MiB | gort MiB | ratio |"
        );
        println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        for (theirs, ours) in COMMANDS.iter().filter(|row| only.is_none_or(|only| only == row.0)) {
            print_rows(&go, &file, theirs, ours, runs);
        }
        println!();
    }
}

/// Runs a command of Go's tool and ours in turns.
fn print_rows(go: &Go, file: &Path, theirs: &str, ours: &[&str], runs: usize) {
    let gort = |command: &str| {
        let mut gort = Command::new(env!("CARGO_BIN_EXE_gort"));
        gort.arg("trace");
        for word in command.split(' ') {
            gort.arg(if word == "FILE" { file.as_os_str() } else { word.as_ref() });
        }
        gort.arg(file);
        gort
    };
    let (mut of_go, mut of_ours) = (Vec::new(), vec![Vec::new(); ours.len()]);
    for _ in 0..runs {
        of_go.push(cost(go.trace_tool().arg(theirs).arg(file)));
        for (command, costs) in ours.iter().zip(&mut of_ours) {
            costs.push(cost(&mut gort(command)));
        }
    }
    let of_go = median(&of_go);
    for (command, costs) in ours.iter().zip(&of_ours) {
        let of_ours = median(costs);
        println!(
            "| `{theirs}` | `{command}` | {:.2} | {:.2} | {:.1} | {:.2} | {:.2} | {:.0} | {:.1} | {:.1} |",
            of_go.seconds,
            of_ours.seconds,
            of_go.seconds / of_ours.seconds,
            of_go.used_seconds,
            of_ours.used_seconds,
            of_go.memory_mib,
            of_ours.memory_mib,
            of_go.memory_mib / of_ours.memory_mib,
        );
    }
}

/// The median of each figure.
fn median(costs: &[Cost]) -> Cost {
    let of = |figure: fn(&Cost) -> f64| {
        let mut figures: Vec<f64> = costs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    Cost {
        seconds: of(|cost| cost.seconds),
        used_seconds: of(|cost| cost.used_seconds),
        memory_mib: of(|cost| cost.memory_mib),
    }
}
