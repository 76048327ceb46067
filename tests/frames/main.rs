//! Stacks in traces: of every kind of event, the first frame is the very line of the call in the
//! source below, whatever the build: with and without frame pointers, optimised or not, stripped.
//!
//! `calls.rs` makes the calls, here and as a program of its own, which is built in several ways.

#[allow(dead_code, reason = "its main is for cargo")]
#[path = "../../build.rs"]
mod build;
mod calls;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use calls::Wanted;
use support::parsed::{self, Event, Frame};

/// The most frames of a stack.
const MAX_FRAMES: usize = 128;

/// How long those wait who are to wait. Where the machine lets somebody wait for it longer than that,
/// an event may be missing: then all calls are made again, with the next one.
const MOMENTS: [Duration; 3] =
    [Duration::from_millis(2), Duration::from_millis(10), Duration::from_millis(50)];

/// A trace of the calls.
struct Taken {
    events: Vec<Event>,
    wanted: Vec<Wanted>,
    /// What the program said on its standard error.
    said: String,
}

impl Taken {
    /// The first one in which nothing is missing, or the last one.
    fn whole(
        take: impl Fn(Duration) -> Taken,
        missing: impl Fn(&[Event], &[Wanted]) -> Vec<String>,
    ) -> Taken {
        let mut takes = MOMENTS.into_iter().map(take);
        let mut taken = takes.next().expect("a moment");
        while !missing(&taken.events, &taken.wanted).is_empty()
            && let Some(next) = takes.next()
        {
            taken = next;
        }
        taken
    }
}

/// The program with the calls, built.
struct Program {
    path: PathBuf,
}

impl Program {
    /// Builds the program, with these flags for all crates and these for the program alone.
    fn build(name: &str, release: bool, flags: &str, own_flags: &[&str]) -> Program {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("frames");
        // Each set of flags has its folder, so that one does not undo the other's work.
        let target = folder.join(flags.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        let mut command = Command::new(env!("CARGO"));
        command
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frames/program"))
            .env("RUSTFLAGS", flags)
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .args(["rustc", "--quiet", "--bin", "frames-program", "--target-dir"])
            .arg(&target);
        if release {
            command.arg("--release");
        }
        command.arg("--").args(own_flags);
        let output = command.output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}\n{complaint}");
        let profile = if release { "release" } else { "debug" };
        let path = folder.join(name);
        std::fs::copy(target.join(profile).join("frames-program"), &path).unwrap();
        Program { path }
    }

    /// Runs it until nothing is missing.
    fn run(&self, go: &support::Go, missing: fn(&[Event], &[Wanted]) -> Vec<String>) -> Taken {
        Taken::whole(|moment| self.run_once(go, moment, None), missing)
    }

    /// Runs it; it loads a library meanwhile, if there is one.
    fn run_once(&self, go: &support::Go, moment: Duration, library: Option<&Path>) -> Taken {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trace");
        let output = Command::new(&self.path)
            .arg(&file)
            .arg(moment.as_millis().to_string())
            .envs(library.map(|file| (calls::LIBRARY, file)))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {said}", self.path.display());
        let wanted = String::from_utf8(output.stdout).unwrap();
        let wanted = wanted.lines().map(read_wanted).collect();
        Taken { events: events(go, &file), wanted, said }
    }
}

fn read_wanted(line: &str) -> Wanted {
    let parts: Vec<&str> = line.split('|').collect();
    let [event, reason, function, line, through_system] = parts[..] else { panic!("{line}") };
    Wanted {
        event: event.to_owned(),
        reason: reason.to_owned(),
        function: function.to_owned(),
        line: line.parse().unwrap(),
        through_system: through_system == "true",
    }
}

fn events(go: &support::Go, file: &Path) -> Vec<Event> {
    let files = [file.to_owned()];
    go.check(&files).unwrap();
    parsed::events(&go.parsed(file).unwrap())
}

/// The stack that the event has of who did it.
fn stack(event: &Event) -> &[Frame] {
    if event.stack.is_empty() { &event.transition_stack } else { &event.stack }
}

fn is_ours(frame: &Frame) -> bool {
    frame.file.ends_with("/calls.rs")
}

/// The name without its path and without what is generic in it.
fn short(function: &str) -> &str {
    let plain = function.split("::<").next().unwrap_or(function);
    plain
        .rsplit("::")
        .find(|part| !part.contains("{closure") && !part.contains("{{closure"))
        .unwrap_or(plain)
}

/// Whether the event is one that is wanted.
fn is_it(event: &Event, wanted: &Wanted) -> bool {
    let kind = match wanted.event.split_once("->") {
        Some((from, to)) => event.is_transition(from, to),
        None => event.kind == wanted.event,
    };
    let reason = event.fields.get("Reason").map_or("", String::as_str);
    kind && (wanted.reason.is_empty() || reason == wanted.reason)
}

/// Whether its first frame is the line of the function.
fn is_there(event: &Event, wanted: &Wanted, has_lines: bool) -> bool {
    let ours = |frame: &&Frame| !wanted.through_system || !has_lines || is_ours(frame);
    let first = stack(event).iter().find(ours);
    first.is_some_and(|frame| {
        let line = !has_lines || (is_ours(frame) && frame.line == wanted.line);
        line && short(&frame.function) == wanted.function
    })
}

/// Everything wanted is in the trace.
fn assert_found(what: &str, events: &[Event], wanted: &[Wanted]) {
    assert!(wanted.len() > 40, "{what}: {} calls", wanted.len());
    let missing = missing_lines(events, wanted);
    assert!(missing.is_empty(), "{what}: not there:\n{}", missing.join("\n"));
}

fn missing_lines(events: &[Event], wanted: &[Wanted]) -> Vec<String> {
    wanted.iter().filter_map(|one| missing(events, one)).collect()
}

fn missing(events: &[Event], wanted: &Wanted) -> Option<String> {
    let of_kind = || events.iter().filter(|event| is_it(event, wanted));
    if of_kind().any(|event| is_there(event, wanted, true)) {
        return None;
    }
    let names = |event: &Event| -> String {
        let frames = stack(event).iter().take(4);
        frames
            .map(|frame| format!("\n\t\t{} {}:{}", frame.function, frame.file, frame.line))
            .collect()
    };
    let near = of_kind()
        .filter(|event| stack(event).iter().any(|frame| short(&frame.function) == wanted.function));
    let near: Vec<String> = near.take(3).map(|event| names(event) + "\n").collect();
    Some(format!("{wanted}{}", near.concat()))
}

/// What no stack may have at its inner end, and how long it may be.
fn assert_trimmed(what: &str, events: &[Event]) {
    for event in events {
        let stack = stack(event);
        assert!(stack.len() <= MAX_FRAMES, "{what}: {} frames", stack.len());
        // A goroutine of gort's own is where it is.
        let [first, _, ..] = stack else { continue };
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/src/");
        assert!(!first.file.starts_with(own), "{what}: {event:?}");
    }
}

/// Functions that are inlined have frames of their own.
fn assert_inlined(what: &str, events: &[Event]) {
    let is_it = |stack: &[Frame]| {
        let names: Vec<&str> = stack.iter().take(2).map(|frame| short(&frame.function)).collect();
        names == ["inlined", "outer"]
    };
    assert!(events.iter().any(|event| is_it(stack(event))), "{what}");
}

/// Of a stack that is too deep there are the innermost frames, and the goroutine's function.
fn assert_deep(what: &str, events: &[Event]) {
    let deep: Vec<&[Frame]> = events
        .iter()
        .map(stack)
        .filter(|stack| stack.iter().filter(|frame| short(&frame.function) == "deep").count() > 100)
        .collect();
    assert!(!deep.is_empty(), "{what}: no deep stack");
    for stack in deep {
        assert_eq!(stack.len(), MAX_FRAMES, "{what}");
        assert_eq!(short(&stack[0].function), "deep", "{what}");
        assert_eq!(short(&stack[stack.len() - 1].function), "all", "{what}");
    }
}

/// The arguments of generic functions, and no hashes.
fn assert_names(what: &str, events: &[Event], generic: &str) {
    let names = || events.iter().flat_map(stack).map(|frame| &*frame.function);
    assert!(names().any(|name| name.contains(generic)), "{what}: {generic}");
    let is_hash = |part: &str| part.len() == 17 && part.starts_with('h');
    let mangled = names().find(|name| name.starts_with("_R") || name.split("::").any(is_hash));
    assert_eq!(mangled, None, "{what}");
}

/// A library without frame pointers does not hide who called it.
fn assert_through(what: &str, events: &[Event], outer: &str, inner: &str) {
    let is_it = |stack: &[Frame]| {
        let at = |name| stack.iter().position(|frame| short(&frame.function) == name);
        at(inner).zip(at(outer)).is_some_and(|(inner, outer)| inner < outer)
    };
    assert!(events.iter().any(|event| is_it(stack(event))), "{what}: {inner} by {outer}");
}

/// A library with a function `through`, which calls the one it gets.
fn library(folder: &Path) -> PathBuf {
    let (source, file) = (folder.join("library.rs"), folder.join("library.so"));
    let text = "#[unsafe(no_mangle)]\npub extern \"C\" fn through(f: extern \"C\" fn()) {\n\
                let frame = std::hint::black_box([0_u64; 32]);\nf();\n\
                std::hint::black_box(frame);\n}\n";
    std::fs::write(&source, text).unwrap();
    let mut command = Command::new(Path::new(env!("CARGO")).with_file_name("rustc"));
    command.args(["--edition", "2024", "--crate-type", "cdylib", "-O", "-o"]);
    let output = command.arg(&file).arg(&source).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    file
}

/// Everything that a build with names and lines shows.
fn assert_whole(what: &str, taken: &Taken) {
    let Taken { events, wanted, .. } = taken;
    assert_found(what, events, wanted);
    assert_trimmed(what, events);
    assert_inlined(what, events);
    assert_through(what, events, "through_c", "compare");
    assert_deep(what, events);
}

#[test]
fn each_event_of_this_build_has_the_line_of_its_call() {
    let Some(go) = support::Go::find("first frames") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace");
    let take = |moment| {
        let wanted = calls::trace_to(&file, moment);
        Taken { events: events(&go, &file), wanted, said: String::new() }
    };
    let taken = Taken::whole(take, missing_lines);
    assert_whole("this build", &taken);
}

#[test]
fn the_build_script_reads_all_spellings() {
    let keeps = |flags: &[&str]| build::keeps_frame_pointers("x86_64", &flags.join("\u{1f}"));
    for flags in [
        &["-Cforce-frame-pointers"][..],
        &["-Cforce-frame-pointers=yes"],
        &["-C", "force-frame-pointers=always"],
        &["--codegen", "force-frame-pointers=on"],
        &["--codegen=force-frame-pointers=true"],
        &["-Cforce_frame_pointers=y"],
        &["-g", "-Cforce-frame-pointers=no", "-C", "force-frame-pointers=non-leaf", "-O"],
    ] {
        assert!(keeps(flags), "{flags:?}");
    }
    for flags in [
        &[][..],
        &["-Cforce-frame-pointers=no"],
        &["-Cforce-frame-pointers=yes", "-C", "force-frame-pointers=off"],
        &["-Cforce-unwind-tables=yes"],
        &["force-frame-pointers=yes"],
    ] {
        assert!(!keeps(flags), "{flags:?}");
    }
    assert!(build::keeps_frame_pointers("aarch64", ""));
}

#[test]
fn a_build_without_frame_pointers() {
    let Some(go) = support::Go::find("first frames without frame pointers") else { return };
    let program = Program::build("plain", false, "-Cforce-frame-pointers=no", &[]);
    let folder = tempfile::tempdir().unwrap();
    let library = library(folder.path());
    let take = |moment| program.run_once(&go, moment, Some(&library));
    let taken = Taken::whole(take, missing_lines);
    assert_whole("debug, no frame pointers", &taken);
    assert_through("debug, no frame pointers", &taken.events, "through_library", "called_back");
    assert_names("debug, no frame pointers", &taken.events, "generic");
    assert_eq!(taken.said, "");
}

/// With the newer names, too, which tell generic arguments.
#[test]
fn an_optimised_build_with_frame_pointers() {
    let Some(go) = support::Go::find("first frames, optimised, with frame pointers") else {
        return;
    };
    let flags = "-C force-frame-pointers=yes -C symbol-mangling-version=v0";
    let taken = Program::build("framed", true, flags, &[]).run(&go, missing_lines);
    assert_whole("release, frame pointers", &taken);
    assert_names("release, frame pointers", &taken.events, "generic::<u32>");
    assert_eq!(taken.said, "");
}

#[test]
fn an_optimised_build_without_frame_pointers_and_what_strip_leaves_of_it() {
    let Some(go) = support::Go::find("first frames, optimised, stripped") else { return };
    let build = |name, own_flags: &[&str]| {
        Program::build(name, true, "-Cforce-frame-pointers=no", own_flags)
    };
    let fast = build("fast", &[]).run(&go, missing_lines);
    assert_whole("release, no frame pointers", &fast);
    assert_eq!(fast.said, "");

    let named = build("named", &["-Cstrip=debuginfo"]).run(&go, missing_names);
    assert_eq!(missing_names(&named.events, &named.wanted), [""; 0]);
    assert_names("no lines", &named.events, "generic");
    assert!(named.said.contains("line-tables-only"), "{}", named.said);
    assert!(!named.said.contains("strip ="), "{}", named.said);

    let stripped = build("stripped", &["-Cstrip=symbols"]).run(&go, missing_kinds);
    assert_eq!(missing_kinds(&stripped.events, &stripped.wanted), [""; 0]);
    assert_stripped(&stripped.events);
    assert!(stripped.said.contains("strip ="), "{}", stripped.said);
}

/// Without lines there are the names of the symbol table: of functions that are not inlined.
fn missing_names(events: &[Event], wanted: &[Wanted]) -> Vec<String> {
    let is_found =
        |one: &Wanted| events.iter().any(|event| is_it(event, one) && is_there(event, one, false));
    let exact = wanted.iter().filter(|one| !one.through_system);
    exact
        .filter(|one| is_found(one) == (one.function == "inlined"))
        .map(|one| one.to_string())
        .collect()
}

/// Without symbols there are the events.
fn missing_kinds(events: &[Event], wanted: &[Wanted]) -> Vec<String> {
    let is_found = |one: &&Wanted| events.iter().any(|event| is_it(event, one));
    wanted.iter().filter(|one| !is_found(one)).map(|one| one.to_string()).collect()
}

/// Without symbols there are the module and the place in it; and the goroutine's function.
fn assert_stripped(events: &[Event]) {
    let create = events.iter().filter(|event| event.is_transition("NotExist", "Runnable"));
    let stacks: Vec<&[Frame]> = create.map(stack).filter(|stack| stack.len() > 2).collect();
    assert!(!stacks.is_empty());
    for stack in stacks {
        let (root, callers) = stack.split_last().unwrap();
        assert!(callers.iter().all(|frame| frame.function.starts_with("stripped+0x")), "{stack:?}");
        assert!(!root.function.contains("+0x"), "{stack:?}");
    }
}
