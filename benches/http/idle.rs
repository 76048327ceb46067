//! The memory of a server whose connections are idle.

use std::thread;
use std::time::Duration;

use crate::client::Connections;
use crate::options::Options;
use crate::system::System;

/// After the last request.
const SETTLE: Duration = Duration::from_secs(1);

/// What came of one system.
pub(crate) struct Memory {
    pub(crate) system: &'static str,
    /// Resident bytes without a connection, and with all of them: the medians of the rounds.
    pub(crate) bytes: Result<(u64, u64), String>,
}

/// Opens `connections` to each server, has one request answered on each, and looks.
pub(crate) fn measure(connections: usize, systems: &[System], options: &Options) -> Vec<Memory> {
    let all = systems.iter().map(|system| {
        let rounds = (0..options.rounds.min(3)).map(|_| run(connections, system, options));
        let bytes = rounds.collect::<Result<Vec<_>, _>>().map(median);
        Memory { system: system.name, bytes }
    });
    all.collect()
}

fn median(mut rounds: Vec<(u64, u64)>) -> (u64, u64) {
    rounds.sort_unstable_by_key(|(_, bytes)| *bytes);
    rounds[rounds.len() / 2]
}

fn run(connections: usize, system: &System, options: &Options) -> Result<(u64, u64), String> {
    let server = system.start(options)?;
    let resident = || server.resident_bytes().ok_or("the system does not tell");
    let before = resident()?;
    let open = Connections::open(server.address, connections).map_err(|e| e.to_string())?;
    thread::sleep(SETTLE);
    let after = resident()?;
    drop(open);
    Ok((before, after))
}
