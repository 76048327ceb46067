//! gort's scheduler, channels and sockets beside Go's, and beside may's, go-lib's and tokio's, and
//! threads.
//!
//! What is measured, how to run it and how to read it: `benches/README.md`.

mod cell;
mod child;
mod common;
mod gort;
mod json;
mod limits;
mod load;
mod machine;
mod markdown;
mod measure;
mod options;
mod plot;
mod report;
mod statistics;
mod stress;
mod system;
mod table;
mod workload;
mod writer;

use std::process::ExitCode;

use cell::Cell;
use options::Options;
use report::Report;
use system::System;
use table::Table;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--child") {
        gort::child();
        return ExitCode::SUCCESS;
    }
    if let [first, width, ms] = &arguments[..]
        && first == common::fifos::WRITER
    {
        writer::write(width.parse().expect("a number"), ms.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{}", options::USAGE);
        return ExitCode::SUCCESS;
    }
    match Options::parse(arguments) {
        Ok(options) => bench(&options),
        Err(error) => {
            eprintln!("schedulers: {error}\n{}", options::USAGE);
            ExitCode::from(2)
        }
    }
}

/// Measures and prints. It fails when gort does; a peer's failure is a result.
fn bench(options: &Options) -> ExitCode {
    limits::raise_open_files();
    let systems: Vec<System> = options.systems.iter().copied().map(System::build).collect();
    let rows = options.workloads.iter();
    if let Some(seconds) = options.seconds {
        let runs: Vec<bool> =
            rows.map(|row| stress::run(*row, seconds, &systems[0], options)).collect();
        return exit_code(!runs.contains(&false));
    }
    let report = match Report::begin(&systems, options) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("schedulers: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut table = (!options.json).then(|| Table::begin(&systems, options.procs));
    let measured: Vec<Vec<Cell>> = rows
        .map(|workload| {
            let cells = cell::measure(*workload, &systems, options);
            match &mut table {
                Some(table) => table.rows(&cells),
                None => {
                    cells.iter().for_each(|cell| println!("{}", json::line(cell, options.procs)))
                }
            }
            cells
        })
        .collect();
    table.into_iter().for_each(Table::end);
    let reported = report.end(&measured);
    if let Err(error) = &reported {
        eprintln!("schedulers: {error}");
    }
    let failed = |cell: &Cell| cell.system == "gort" && cell.failure.is_some();
    exit_code(reported.is_ok() && !measured.iter().flatten().any(failed))
}

fn exit_code(succeeded: bool) -> ExitCode {
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
