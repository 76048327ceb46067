//! The examples, as programs to run.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::SystemTime;
use std::{fs, io};

/// The program of an example, of the same profile as this test.
///
/// `cargo test` builds the examples, but `cargo test --test NAME` does not, so what is missing or
/// older than its sources is built here.
pub(crate) fn example(name: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    let this = std::env::current_exe().unwrap();
    let profile = this.ancestors().nth(2).expect("a test stands in PROFILE/deps");
    let program = profile.join("examples").join(format!("{name}{EXE_SUFFIX}"));
    let built = changed(&program).ok();
    if built.is_none_or(|built| newest_source(name).is_some_and(|source| source > built)) {
        build(name, profile);
    }
    program
}

fn changed(file: &Path) -> io::Result<SystemTime> {
    fs::metadata(file)?.modified()
}

/// When the example or the library was changed last. None where only the programs were taken to.
fn newest_source(example: &str) -> Option<SystemTime> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut newest = changed(&package.join(format!("examples/{example}.rs"))).ok()?;
    let mut folders = vec![package.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).ok()?.map_while(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                newest = newest.max(changed(&path).ok()?);
            }
        }
    }
    Some(newest)
}

fn build(example: &str, profile: &Path) {
    let name = profile.file_name().expect("a profile has a name").to_str().unwrap();
    let target = profile.parent().expect("a profile stands in the target folder");
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--example"]);
    command.args([example, "--profile", if name == "debug" { "dev" } else { name }]);
    command.arg("--target-dir").arg(target);
    if cfg!(feature = "http") {
        command.args(["--features", "http"]);
    }
    if !cfg!(feature = "symbolize") {
        command.arg("--no-default-features");
    }
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{complaint}");
}
