//! One run: a child process with a time limit.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How much of what a failing child says is shown.
const COMPLAINT_CHARS: usize = 240;

/// What a child measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) elapsed_ns: u64,
    pub(crate) rss_bytes_peak: Option<u64>,
}

/// Runs a command that prints what [`crate::load::report`] prints.
pub(crate) fn run(command: &mut Command, time_limit: Duration) -> Result<Run, String> {
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
        Err(_) => Err(describe(&format!("no end within {} s", time_limit.as_secs()), &complaint)),
        Ok(_) if !status.success() => Err(describe(&status.to_string(), &complaint)),
        Ok(output) => parse(&output).ok_or_else(|| format!("printed {output:?}")),
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
    let (elapsed_ns, rss_bytes_peak) = output.trim().split_once(' ')?;
    let rss_bytes_peak = match rss_bytes_peak {
        "-" => None,
        bytes => Some(bytes.parse().ok()?),
    };
    Some(Run { elapsed_ns: elapsed_ns.parse().ok()?, rss_bytes_peak })
}
