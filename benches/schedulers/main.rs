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
mod measure;
mod options;
mod statistics;
mod system;
mod table;
mod workload;
mod writer;

use std::process::ExitCode;

use options::Options;
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
    let mut table = (!options.json).then(|| Table::begin(&systems, options.procs));
    let mut succeeded = true;
    for workload in &options.workloads {
        let cells = cell::measure(*workload, &systems, options);
        succeeded &= cells.iter().all(|cell| cell.system != "gort" || cell.failure.is_none());
        match &mut table {
            Some(table) => {
                table.rows(&cells, workload.figures());
                if workload.is_about_memory() {
                    table.memory_row(&cells);
                }
            }
            None => cells.iter().for_each(|cell| {
                println!("{}", json::line(cell, workload.figures(), options.procs));
            }),
        }
    }
    table.into_iter().for_each(Table::end);
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
