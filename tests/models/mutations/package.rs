//! The generated package: copies of the sources and their models, broken and unbroken.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Mutation;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What a copy may need besides its model's own file.
const SOURCES: &[&str] = &[
    "src/sched/bed.rs",
    "src/sched/bubble_count.rs",
    "src/sched/door.rs",
    "src/sched/join.rs",
    "src/sched/lock.rs",
    "src/sched/netpoll/readiness.rs",
    "src/sched/runnext.rs",
    "src/sched/sample_ring.rs",
    "src/sched/signal_word.rs",
    "src/sched/spinners.rs",
    "src/sched/stack_sums.rs",
    "src/tracer/status.rs",
    "src/sched/ticket.rs",
    "src/sched/timer_state.rs",
    "src/sys/arrivals.rs",
    "src/sync/cond_word.rs",
    "src/sync/count.rs",
    "src/sync/mutex_word.rs",
    "src/sync/rw_word.rs",
    "src/sched/wait_queue.rs",
];

/// A package being made.
pub(super) struct Package {
    folder: PathBuf,
    library: String,
    mutants: usize,
}

/// The compiled tests of a package.
pub(super) struct Tests(PathBuf);

/// How a test went.
pub(super) struct Run {
    pub(super) passed: bool,
    pub(super) output: String,
}

/// The module of a mutant.
pub(super) fn mutant_name(number: usize) -> String {
    format!("mutant_{number:02}")
}

impl Package {
    pub(super) fn create() -> Package {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        let mut package = Package { folder, library: String::new(), mutants: 0 };
        package.library += "#![cfg(test)]\n#![allow(warnings)]\n";
        let models = Path::new(ROOT).join("tests/models");
        for shared in ["explore", "parker"] {
            let path = models.join(shared).with_extension("rs");
            package.library += &format!("#[path = {path:?}]\nmod {shared};\n");
        }
        let facade = models.join("sys/sync.rs");
        package.library += &format!("mod sys {{\n#[path = {facade:?}]\npub mod sync;\n}}\n");
        let manifest = "[package]\nname = \"gort-mutants\"\nedition = \"2024\"\n\
            [workspace]\n[dependencies]\nloom = \"0.7\"\n";
        package.write("Cargo.toml", manifest);
        // The versions that this test was compiled with, which are here without a network.
        package.write("Cargo.lock", &read("Cargo.lock"));
        package
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Adds the model `module` with its sources as they are.
    pub(super) fn add_unbroken(&mut self, module: &str) {
        self.add(&format!("unbroken_{module}"), module, |_, text| text);
    }

    /// Adds a mutant and returns the number of the broken line.
    pub(super) fn add_mutant(&mut self, mutation: &Mutation) -> usize {
        let mut broken_line = None;
        let name = mutant_name(self.mutants);
        self.mutants += 1;
        self.add(&name, mutation.model.0, |path, text| {
            if path != mutation.file {
                return text;
            }
            let (text, line) = mutation.apply(&text);
            broken_line = Some(line);
            text
        });
        broken_line.unwrap_or_else(|| panic!("{} is no source of a model", mutation.file))
    }

    fn add(&mut self, name: &str, module: &str, mut edit: impl FnMut(&str, String) -> String) {
        let model = format!("tests/models/{module}.rs");
        for path in SOURCES.iter().copied().chain([model.as_str()]) {
            self.write(&format!("src/{name}/{path}"), &edit(path, read(path)));
        }
        self.library += &format!("#[path = \"{name}/{model}\"]\nmod {name};\n");
    }

    /// Compiles the tests, beside the build of the package that this test belongs to, so that loom
    /// is compiled once.
    pub(super) fn compile(&self) -> Tests {
        self.write("src/lib.rs", &self.library);
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let compiled = Command::new(cargo)
            .args(["test", "--lib", "--no-run", "--offline"])
            .arg("--message-format=json-render-diagnostics")
            .arg("--manifest-path")
            .arg(self.folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap())
            .current_dir(ROOT) // for the same `.cargo/config.toml`
            .output()
            .expect("cargo runs");
        let messages = String::from_utf8_lossy(&compiled.stdout);
        let errors = String::from_utf8_lossy(&compiled.stderr);
        assert!(compiled.status.success(), "{errors}");
        let (_, path) = messages.split_once("\"executable\":\"").expect("cargo names the tests");
        Tests(path.split('"').next().unwrap().into())
    }
}

impl Tests {
    pub(super) fn run(&self, module: &str, name: &str) -> Run {
        let test = format!("{module}::{name}");
        let run = Command::new(&self.0)
            .args([&test, "--exact", "--nocapture"])
            .env("RUST_BACKTRACE", "0")
            .env("LOOM_MAX_PREEMPTIONS", "2") // enough to see each mutation
            .output()
            .expect("the tests run");
        let output = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
        assert!(output.contains("running 1 test\n"), "there is no {test}:\n{output}");
        Run { passed: run.status.success(), output: output.into_owned() }
    }
}

impl Run {
    /// What the model found: the first line of the first panic.
    pub(super) fn reason(&self) -> &str {
        let mut lines = self.output.lines().skip_while(|line| !line.contains(" panicked at "));
        lines.nth(1).unwrap_or(if self.passed { "passes" } else { "the process ends" })
    }
}

/// A file of the crate.
pub(super) fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}
