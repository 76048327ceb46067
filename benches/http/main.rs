//! An HTTP hello server of gort's beside Go's `net/http`, under the same load from a process of its
//! own.
//!
//! What is measured, how to run it and how to read it: `benches/README.md`.

mod client;
mod histogram;
mod idle;
mod load;
mod options;
mod report;
mod server;
mod system;

use std::process::ExitCode;

use options::Options;
use report::Report;
use system::System;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["--child", "server"] => server::run(),
        ["--child", "load", ref load @ ..] => load::child(load),
        _ if words.contains(&"--help") => {
            println!("{}", options::USAGE);
            Ok(())
        }
        _ => match Options::parse(arguments) {
            Ok(options) => bench(&options),
            Err(error) => Err(format!("{error}\n{}", options::USAGE)),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("http: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints. It fails when gort does; Go's failure is a result.
fn bench(options: &Options) -> Result<(), String> {
    client::allow_many_files();
    let systems: Vec<System> = options.systems.iter().map(|name| System::build(name)).collect();
    let mut report = Report::begin(options);
    for &connections in &options.connections {
        report.load(connections, &load::measure(connections, &systems, options));
    }
    if options.idle != 0 {
        report.idle(options.idle, &idle::measure(options.idle, &systems, options));
    }
    report.end()
}
