//! One run: a child process with a time limit.

use std::fmt;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::load::STARVED;

/// How much of what a failing child says is shown.
const COMPLAINT_CHARS: usize = 240;

/// What a child measured.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// In the order of the workload's measure.
    pub(crate) figures: Vec<f64>,
    pub(crate) rss_bytes_peak: Option<u64>,
}

/// Why there are no figures.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// A result: a goroutine of the workload did not get to run.
    Starved(String),
    Broken(String),
}

impl From<String> for Failure {
    fn from(reason: String) -> Failure {
        Failure::Broken(reason)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Starved(what) => write!(f, "{STARVED} {what}"),
            Failure::Broken(reason) => f.write_str(reason),
        }
    }
}

/// Runs a command that prints what [`crate::load::report`] prints.
pub(crate) fn run(command: &mut Command, time_limit: Duration) -> Result<Run, Failure> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("not started: {error}"))?;
    prefer_for_oom_killer(&child);

    let output = drain(child.stdout.take().expect("piped"));
    let complaint = drain(child.stderr.take().expect("piped"));
    // The output ends when the process does.
    let output = output.recv_timeout(time_limit);
    if output.is_err() {
        child.kill().map_err(|error| format!("not killed: {error}"))?;
    }
    let status = child.wait().map_err(|error| format!("not waited for: {error}"))?;
    let complaint = complaint.recv().unwrap_or_default();
    match output {
        Err(_) => Err(describe(&format!("no end within {} s", time_limit.as_secs()), &complaint))?,
        Ok(_) if !status.success() => Err(describe(&status.to_string(), &complaint))?,
        Ok(output) => match output.strip_prefix(STARVED) {
            Some(what) => Err(Failure::Starved(what.trim().to_owned())),
            None => Ok(parse(&output).ok_or_else(|| format!("printed {output:?}"))?),
        },
    }
}

/// Should memory run out, the child goes and not the harness or a stranger.
fn prefer_for_oom_killer(child: &Child) {
    // Only a courtesy: nothing is lost where there is no such file.
    _ = std::fs::write(format!("/proc/{}/oom_score_adj", child.id()), "1000");
}

/// Reads to the end, so that the child never waits for us, and sends the beginning.
fn drain(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (mut head, mut chunk) = (Vec::new(), [0; 4096]);
        while let Ok(length @ 1..) = pipe.read(&mut chunk) {
            let room = chunk.len().saturating_sub(head.len());
            head.extend_from_slice(&chunk[..length.min(room)]);
        }
        // Nobody listens to a child that was killed.
        _ = sender.send(String::from_utf8_lossy(&head).into_owned());
    });
    receiver
}

fn describe(end: &str, complaint: &str) -> String {
    let words: Vec<&str> = complaint.split_whitespace().collect();
    let complaint: String = words.join(" ").chars().take(COMPLAINT_CHARS).collect();
    if complaint.is_empty() { end.to_owned() } else { format!("{end}: {complaint}") }
}

fn parse(output: &str) -> Option<Run> {
    let (figures, rss_bytes_peak) = output.trim().split_once(' ')?;
    let figures: Result<Vec<f64>, _> = figures.split(',').map(str::parse).collect();
    let rss_bytes_peak = match rss_bytes_peak {
        "-" => None,
        bytes => Some(bytes.parse().ok()?),
    };
    Some(Run { figures: figures.ok()?, rss_bytes_peak })
}
