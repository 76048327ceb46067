//! Traces of real programs, Go's and ours.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use gort::trace::{self, Config, Version};
use gort::{Context, chan, go};

use crate::process;
use crate::support::Go;
use crate::support::pieces::Sink;

/// A generation, in nanoseconds: short ones, so that there are many.
const GENERATION_NS: &str = "20000000";

/// Traces of our own program, in all versions that it writes; `None` in the process that writes them.
pub(crate) fn of_gort(test: &str, folder: &Path) -> Option<Vec<PathBuf>> {
    let place = folder.to_str().unwrap();
    let settings = [("GORTDEBUG", "traceadvanceperiod=2000000"), ("GORT_TEST_FOLDER", place)];
    let versions = [Version::Go123, Version::Go125, Version::Go126];
    let name = |folder: &Path, version: Version| folder.join(format!("gort-{version:?}.trace"));
    let Some(output) = process::process(test, &settings) else {
        let folder = PathBuf::from(std::env::var_os("GORT_TEST_FOLDER").unwrap());
        for version in versions {
            fs::write(name(&folder, version), taken(version)).unwrap();
        }
        return None;
    };
    process::assert_success(&output);
    Some(versions.map(|version| name(folder, version)).into())
}

fn taken(version: Version) -> Vec<u8> {
    let sink = Sink::default();
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe {
        gort::run(|| {
            Config::new().version(version).start(sink.clone()).unwrap();
            let ctx = Context::background();
            let (ctx, task) = trace::new_task(&ctx, "a task of many generations");
            while sink.flushes() < 5 {
                work(&ctx);
            }
            drop(task);
            trace::stop().unwrap();
        });
    }
    sink.bytes()
}

/// Something of all that there is.
fn work(ctx: &Context) {
    let (tx, rx) = chan(0);
    let sender = go(move || (0..20).for_each(|n| tx.send(n).unwrap()));
    trace::with_region(ctx, "receiving", || assert_eq!(rx.iter().sum::<i32>(), 190));
    sender.join().unwrap();
    gort::blocking(|| std::thread::sleep(std::time::Duration::from_micros(50)));
    trace::log(ctx, "work", "done");
}

/// Traces of Go programs: of one of ours, and of those that Go's own tests trace.
pub(crate) fn of_go(go: &Go, folder: &Path) -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reader/mixture.go");
    let theirs = go.root().join("src/internal/trace/testdata/testprog");
    let short = format!("traceadvanceperiod={GENERATION_NS}");
    let experiment = format!("{short},traceallocfree=1");
    let mut traces = vec![
        run(go, folder, &own, "mixture", &short),
        run(go, folder, &own, "mixture-experiment", &experiment),
    ];
    for name in ["annotations-stress", "gc-stress", "iter-pull", "stress", "gomaxprocs"] {
        let source = theirs.join(format!("{name}.go"));
        traces.push(run(go, folder, &source, name, &short));
    }
    traces
}

fn run(go: &Go, folder: &Path, source: &Path, name: &str, debug: &str) -> PathBuf {
    let program = folder.join(source.file_stem().unwrap());
    if !program.exists() {
        let built = go.command().args(["build", "-o"]).arg(&program).arg(source).output().unwrap();
        assert!(built.status.success(), "{name}: {}", String::from_utf8_lossy(&built.stderr));
    }
    let trace = folder.join(format!("{name}.trace"));
    let mut command = std::process::Command::new(&program);
    command.env("GODEBUG", debug).stdout(File::create(&trace).unwrap());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    trace
}
