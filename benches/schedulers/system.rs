//! What is compared: gort, the Go twin, the peers; how each is built and started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::fifos;
use crate::limits;
use crate::load::{self, Load};

pub(crate) const NAMES: [&str; 6] = ["gort", "go", "may", "go-lib", "tokio", "threads"];

/// gort and Go while a trace is taken, which is thrown away, or a flight recorder records.
pub(crate) const TRACED: [&str; 4] = ["gort-traced", "go-traced", "gort-recorded", "go-recorded"];

/// A column of the table.
pub(crate) struct System {
    pub(crate) name: &'static str,
    /// Its program, or why there is none.
    pub(crate) program: Result<PathBuf, String>,
}

impl System {
    /// Builds the program if need be.
    pub(crate) fn build(name: &'static str) -> System {
        let program = match name {
            gort if gort.starts_with("gort") => {
                std::env::current_exe().map_err(|error| error.to_string())
            }
            "go" | "go-traced" | "go-recorded" => build_go(),
            peer => build_peer(peer),
        };
        System { name, program }
    }

    /// The command of one run on `procs` processors.
    pub(crate) fn command(
        &self,
        procs: usize,
        warm_up: Load,
        load: Load,
    ) -> Result<Command, String> {
        let mut command = Command::new(self.program.clone()?);
        if self.name.starts_with("gort") {
            command.args(["--child", "gort"]);
        }
        if TRACED.contains(&self.name)
            && let Some((_, how)) = self.name.split_once('-')
        {
            command.env(load::TRACING, how);
        }
        command.args([warm_up.to_string(), load.to_string()]);
        command.env("GOMAXPROCS", procs.to_string());
        command.env(fifos::HARNESS, std::env::current_exe().map_err(|error| error.to_string())?);
        if self.name == "threads" {
            limits::confine(&mut command, procs);
        }
        // A failing peer's first words are enough, and a thousand stacks take their time.
        command.env("RUST_BACKTRACE", "0");
        Ok(command)
    }
}

/// A folder or file of the bench.
pub(crate) fn source(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/schedulers").join(folder)
}

fn target(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("schedulers").join(name)
}

/// The command `go`.
pub(crate) fn go() -> OsString {
    std::env::var_os("GORT_GO").unwrap_or_else(|| OsString::from("go"))
}

fn build_go() -> Result<PathBuf, String> {
    let program = target("go").join("schedulers");
    let mut command = Command::new(go());
    command.current_dir(source("go")).args(["build", "-o"]).arg(&program).arg(".");
    command.env("GOWORK", "off").env("GOTOOLCHAIN", "local");
    build(command).map_err(|error| format!("{error} (Go is what GORT_GO names, or in PATH)"))?;
    Ok(program)
}

/// Each peer is a feature too, so that one that does not compile does not take others with it.
fn build_peer(name: &str) -> Result<PathBuf, String> {
    let target = target("peers");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(source("peers")).args(["build", "--release", "--locked", "--quiet"]);
    command.args(["--bin", name, "--features", name]).arg("--target-dir").arg(&target);
    build(command)?;
    Ok(target.join("release").join(name))
}

fn build(mut command: Command) -> Result<(), String> {
    let program = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{program}: {}: {}", output.status, complaint.trim()))
}
