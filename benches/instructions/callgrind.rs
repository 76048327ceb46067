//! Children under valgrind, which counts their instructions, thread by thread.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::paths;

/// The first argument of a child; the path's number and how often it is to be taken follow.
pub(crate) const CHILD: &str = "--child";

/// What the threads that take the path have in their lists of functions.
const MARK: &str = "instructions::paths::";

/// A trace has one generation: their number would depend on how fast the machine is.
const ONE_GENERATION: &str = "traceadvanceperiod=3600000000000";

const VALGRIND: &str = "valgrind";

/// What the child does.
pub(crate) fn child(path: usize, n: u64) {
    let (_, take) = paths::ALL[path];
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { gort::run(|| take(n)) };
}

/// Whether valgrind is there and runs a program that does nothing, or why not.
pub(crate) fn works() -> Result<(), String> {
    let mut command = Command::new(VALGRIND);
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "true"]);
    finish(&mut command)
}

/// How many instructions the goroutines' thread takes from its start to its end. Others, such as the
/// one that watches and the one that writes a trace, go by the clock: they are left out.
pub(crate) fn instructions(path: usize, n: u64) -> Result<u64, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut command = Command::new(VALGRIND);
    command.args(["--tool=callgrind", "--separate-threads=yes"]);
    let mut file = std::ffi::OsString::from("--callgrind-out-file=");
    file.push(folder.path().join("counts"));
    command.arg(file).arg(std::env::current_exe().map_err(|error| error.to_string())?);
    command.args([CHILD, &path.to_string(), &n.to_string()]);
    command.env("GOMAXPROCS", "1").env("GORTDEBUG", ONE_GENERATION).env_remove("GORT_TRACE");
    finish(&mut command)?;
    sum(folder.path())
}

/// Of the threads that take the path: should it have changed threads, there are several.
fn sum(folder: &Path) -> Result<u64, String> {
    let mut sum = 0;
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        if text.contains(MARK) {
            let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
            let totals = totals.and_then(|totals| totals.trim().parse::<u64>().ok());
            sum += totals.ok_or_else(|| format!("{}: no totals", path.display()))?;
        }
    }
    if sum == 0 { Err("no thread took the path".to_owned()) } else { Ok(sum) }
}

fn finish(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{VALGRIND}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{VALGRIND}: {}: {}", output.status, said.trim()))
}
