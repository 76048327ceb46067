//! Builds Go's tools, once for each version of Go, with none of the user's settings.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Go, Installation};

/// The checker's sources.
const GTV: [(&str, &str); 3] = [
    ("main.go", include_str!("gtv/main.go")),
    ("reader.go", include_str!("gtv/reader.go")),
    ("convert.go", include_str!("gtv/convert.go")),
];

/// The tools, built if they are not there yet. Test programs that run at the same time wait for
/// each other here.
pub(crate) fn built(installation: &Installation) -> Go {
    let directory = directory(installation);
    fs::create_dir_all(&directory).unwrap();
    let lock = File::create(directory.join("lock")).unwrap();
    lock.lock().unwrap();
    let go = Go {
        gtv: directory.join("gtv"),
        trace: directory.join("trace"),
        pprof: directory.join("pprof"),
        go: installation.go.clone(),
    };
    if !go.trace.exists() {
        build(installation, &["cmd/trace"], &go.trace);
    }
    if !go.pprof.exists() {
        build(installation, &["cmd/pprof"], &go.pprof);
    }
    if !go.gtv.exists() {
        let overlay = overlay(installation, &directory);
        build(installation, &["-overlay", &overlay, "cmd/gtv"], &go.gtv);
    }
    go
}

/// A folder for what is built of these sources by this Go.
fn directory(Installation { version, root, .. }: &Installation) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (version, root, GTV).hash(&mut hasher);
    let name = version.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-tools-{:016x}", hasher.finish()))
}

/// Lays our checker among Go's commands, where it may import what is internal. The installation
/// itself is not touched.
fn overlay(installation: &Installation, directory: &Path) -> String {
    let place = installation.root.join("src/cmd/gtv");
    let files = GTV.map(|(name, text)| {
        let source = directory.join(name);
        fs::write(&source, text).unwrap();
        format!("{}: {}", quoted(&place.join(name)), quoted(&source))
    });
    let json = format!("{{\"Replace\": {{{}}}}}", files.join(", "));
    let file = directory.join("overlay.json");
    fs::write(&file, json).unwrap();
    file.to_str().expect("the path of the target folder is UTF-8").to_owned()
}

/// A path as a string of JSON.
fn quoted(path: &Path) -> String {
    let text = path.to_str().expect("the paths of Go and the target folder are UTF-8");
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Builds a command to `to`, in one step for whoever looks for it.
fn build(installation: &Installation, package: &[&str], to: &Path) {
    let unfinished = to.with_extension("unfinished");
    let mut command = go(installation.go.as_os_str());
    command.args(["build", "-o"]).arg(&unfinished).args(package);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    fs::rename(unfinished, to).unwrap();
}

/// The `go` command: this very version of it, for this machine, outside of any module.
pub(crate) fn go(go: &OsStr) -> Command {
    let mut command = surroundings(Path::new(go));
    command.current_dir("/");
    command
}

/// A command of Go's with none of the user's settings for Go.
pub(crate) fn surroundings(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0");
    command.env("GOENV", "off").env("GOWORK", "off");
    for name in ["GOFLAGS", "GO111MODULE", "GOOS", "GOARCH", "GOEXPERIMENT"] {
        command.env_remove(name);
    }
    // Go's commands need no modules; but nothing below the modules may be overlaid, and a Go that
    // another Go has fetched stands there.
    let own = Path::new(env!("CARGO_TARGET_TMPDIR"));
    command.env("GOMODCACHE", own.join("go-modules"));
    // Go wants a place for its cache; where nobody lives there is no home.
    if ["GOCACHE", "XDG_CACHE_HOME", "HOME"].iter().all(|n| std::env::var_os(n).is_none()) {
        command.env("GOCACHE", own.join("go-cache"));
    }
    command
}
