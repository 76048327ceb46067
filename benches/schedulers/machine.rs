//! On what is measured: the machine, the compilers, the versions, the commit.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::options::Options;
use crate::system::{self, System};

/// In one sentence, without its full stop.
pub(crate) fn circumstances(systems: &[System], options: &Options) -> String {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let s = if processors == 1 { "" } else { "s" };
    let mut parts = vec![
        format!("{}, {processors} processor{s}, Linux {}", model(), kernel()),
        versions(systems).join(", "),
        format!("commit {}", commit()),
        format!("median of {} rounds", options.rounds),
    ];
    if options.n_scale != 1.0 {
        parts.push(format!("{} times the operations", options.n_scale));
    }
    parts.extend(other_work(processors));
    parts.join("; ")
}

/// Whether the machine is busy already, and such figures are to be doubted.
fn other_work(processors: usize) -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = text.split_whitespace().next()?.parse().ok()?;
    let is_busy = load > processors as f64;
    is_busy.then(|| format!("**a busy machine** (load average {load}): only a rough idea"))
}

fn model() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    let model = line.map(|line| line.trim_start_matches([' ', '\t', ':']).to_owned());
    model.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let number = |character: char| character.is_ascii_digit() || character == '.';
    release.chars().take_while(|character| number(*character)).collect()
}

fn versions(systems: &[System]) -> Vec<String> {
    let rust = said(Command::new("rustc").arg("--version"));
    let mut versions = vec![format!("Rust {}", word(&rust, 1))];
    for system in systems.iter().filter(|system| system.program.is_ok()) {
        match system.name {
            "go" => {
                let go = said(Command::new(system::go()).arg("version"));
                versions.push(format!("Go {}", word(&go, 2).trim_start_matches("go")));
            }
            "may" | "go-lib" | "tokio" => {
                versions.push(format!("{} {}", system.name, locked(system.name)));
            }
            _ => {}
        }
    }
    versions
}

fn word(text: &str, at: usize) -> &str {
    text.split_whitespace().nth(at).unwrap_or("unknown")
}

/// A peer's version.
fn locked(name: &str) -> String {
    let lock = fs::read_to_string(system::source("peers/Cargo.lock")).unwrap_or_default();
    let name = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = "));
    version.unwrap_or("unknown").trim_matches('"').to_owned()
}

/// The commit, and whether what is compiled is another; tables and charts are not compiled.
fn commit() -> String {
    let commit = said(&mut git(&["rev-parse", "--short", "HEAD"]));
    if commit.is_empty() {
        return "unknown".to_owned();
    }
    let mut changes = git(&["status", "--porcelain", "--untracked-files=no", "--", "."]);
    match said(changes.args([":!*.md", ":!*.svg"])).is_empty() {
        true => commit,
        false => format!("{commit} and changes"),
    }
}

fn git(arguments: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).args(arguments);
    git
}

/// The one line that a command says, nothing where it fails.
fn said(command: &mut Command) -> String {
    let output = command.output().ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().trim().to_owned()
}
