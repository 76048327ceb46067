//! Requests a second and how long each took, with so many connections.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::client::Connections;
use crate::histogram::Histogram;
use crate::options::Options;
use crate::system::{self, Party, System};

/// What a run, or the median of all rounds, came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Processor time of the server, in user and kernel mode, for each request.
    pub(crate) cpu_us: f64,
}

/// What came of one system.
pub(crate) struct Cell {
    pub(crate) system: &'static str,
    /// Medians of the rounds, each for itself.
    pub(crate) figures: Option<Figures>,
    pub(crate) error: Option<String>,
}

/// All systems, in turns.
pub(crate) fn measure(connections: usize, systems: &[System], options: &Options) -> Vec<Cell> {
    let mut runs: Vec<(Vec<Figures>, Option<String>)> = vec![Default::default(); systems.len()];
    for round in 0..options.rounds {
        for turn in 0..systems.len() {
            // Each round begins with another system, so that none is always the first.
            let at = (turn + round) % systems.len();
            let (figures, error) = &mut runs[at];
            if error.is_none() {
                match run(&systems[at], connections, options) {
                    Ok(run) => figures.push(run),
                    Err(reason) => *error = Some(reason),
                }
            }
        }
    }
    let cells = systems.iter().zip(runs);
    cells
        .map(|(s, (figures, error))| Cell { system: s.name, figures: median(&figures), error })
        .collect()
}

fn median(runs: &[Figures]) -> Option<Figures> {
    let of = |pick: fn(&Figures) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(pick).collect();
        all.sort_by(f64::total_cmp);
        let (low, high) = (all.get((all.len().checked_sub(1)?) / 2)?, all.get(all.len() / 2)?);
        Some(f64::midpoint(*low, *high))
    };
    Some(Figures {
        per_second: of(|run| run.per_second)?,
        p50_us: of(|run| run.p50_us)?,
        p99_us: of(|run| run.p99_us)?,
        cpu_us: of(|run| run.cpu_us)?,
    })
}

fn run(system: &System, connections: usize, options: &Options) -> Result<Figures, String> {
    let server = system.start(options)?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = system::command(&program, Party::Client, options);
    command.args(["--child", "load", &server.address.to_string()]);
    command.args([connections.to_string(), options.time.as_micros().to_string()]);
    let cpu_before = server.cpu_time()?;
    let output = command.stderr(Stdio::piped()).output().map_err(|error| error.to_string())?;
    let cpu = server.cpu_time()? - cpu_before;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    match numbers[..] {
        [per_second, p50_us, p99_us, all] => {
            let cpu_us = cpu.as_secs_f64() * 1e6 / all;
            Ok(Figures { per_second, p50_us, p99_us, cpu_us })
        }
        _ => Err(format!("load: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// The process that loads: `ADDRESS CONNECTIONS MICROSECONDS`. It prints requests a second, the median
/// and the 99th percentile of their times in microseconds, and how many there were with the warm-up.
pub(crate) fn child(arguments: &[&str]) -> Result<(), String> {
    let [address, connections, time_us] = arguments else {
        return Err("usage: --child load ADDRESS CONNECTIONS MICROSECONDS".into());
    };
    let address = address.parse().map_err(|_| format!("{address}: no address"))?;
    let connections = connections.parse().map_err(|_| format!("{connections}: no number"))?;
    let time_us = time_us.parse().map_err(|_| format!("{time_us}: no number"))?;
    let (histogram, elapsed, all) = load(address, connections, Duration::from_micros(time_us))
        .map_err(|error| error.to_string())?;
    let per_second = histogram.total() as f64 / elapsed.as_secs_f64();
    let us = |q| histogram.quantile_ns(q) as f64 / 1e3;
    println!("{per_second:.0} {:.1} {:.1} {all}", us(0.5), us(0.99));
    Ok(())
}

fn load(
    address: std::net::SocketAddr,
    connections: usize,
    time: Duration,
) -> std::io::Result<(Histogram, Duration, u64)> {
    let mut all = connections as u64;
    let mut connections = Connections::open(address, connections)?;
    connections.run(time / 3, |_| all += 1)?;
    let mut histogram = Histogram::new();
    let begin = Instant::now();
    connections.run(time, |took| histogram.add(took.as_nanos() as u64))?;
    let elapsed = begin.elapsed();
    all += histogram.total();
    Ok((histogram, elapsed, all))
}
