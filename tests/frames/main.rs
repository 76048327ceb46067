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

use calls::Wanted;
use support::parsed::{self, Event, Frame};

/// The most frames of a stack.
const MAX_FRAMES: usize = 128;

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

    /// Runs it: its trace as Go reads it, and what is wanted of that.
    fn run(&self, go: &support::Go) -> (Vec<Event>, Vec<Wanted>, String) {
        self.run_with(go, None)
    }

    /// As [`Program::run`]; it loads a library meanwhile.
    fn run_with(
        &self,
        go: &support::Go,
        library: Option<&Path>,
    ) -> (Vec<Event>, Vec<Wanted>, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trace");
        let output = Command::new(&self.path)
            .arg(&file)
            .envs(library.map(|file| (calls::LIBRARY, file)))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {said}", self.path.display());
        let wanted = String::from_utf8(output.stdout).unwrap();
        (events(go, &file), wanted.lines().map(read_wanted).collect(), said)
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
    let missing: Vec<String> = wanted.iter().filter_map(|one| missing(events, one)).collect();
    assert!(missing.is_empty(), "{what}: not there:\n{}", missing.join("\n"));
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
fn assert_whole(what: &str, events: &[Event], wanted: &[Wanted]) {
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
    let wanted = calls::trace_to(&file);
    let events = events(&go, &file);
    assert_whole("this build", &events, &wanted);
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
    let (events, wanted, said) = program.run_with(&go, Some(&library(folder.path())));
    assert_whole("debug, no frame pointers", &events, &wanted);
    assert_through("debug, no frame pointers", &events, "through_library", "called_back");
    assert_names("debug, no frame pointers", &events, "generic");
    assert_eq!(said, "");
}

/// With the newer names, too, which tell generic arguments.
#[test]
fn an_optimised_build_with_frame_pointers() {
    let Some(go) = support::Go::find("first frames, optimised, with frame pointers") else {
        return;
    };
    let flags = "-C force-frame-pointers=yes -C symbol-mangling-version=v0";
    let (events, wanted, said) = Program::build("framed", true, flags, &[]).run(&go);
    assert_whole("release, frame pointers", &events, &wanted);
    assert_names("release, frame pointers", &events, "generic::<u32>");
    assert_eq!(said, "");
}

#[test]
fn an_optimised_build_without_frame_pointers_and_what_strip_leaves_of_it() {
    let Some(go) = support::Go::find("first frames, optimised, stripped") else { return };
    let build = |name, own_flags: &[&str]| {
        Program::build(name, true, "-Cforce-frame-pointers=no", own_flags)
    };
    let (events, wanted, said) = build("fast", &[]).run(&go);
    assert_whole("release, no frame pointers", &events, &wanted);
    assert_eq!(said, "");

    let (events, wanted, said) = build("named", &["-Cstrip=debuginfo"]).run(&go);
    assert_named(&events, &wanted);
    assert_names("no lines", &events, "generic");
    assert!(said.contains("line-tables-only") && !said.contains("strip ="), "{said}");

    let (events, wanted, said) = build("stripped", &["-Cstrip=symbols"]).run(&go);
    assert_stripped(&events, &wanted);
    assert!(said.contains("strip ="), "{said}");
}

/// Without lines there are the names of the symbol table: of functions that are not inlined.
fn assert_named(events: &[Event], wanted: &[Wanted]) {
    let is_found =
        |one: &&Wanted| events.iter().any(|event| is_it(event, one) && is_there(event, one, false));
    let exact: Vec<&Wanted> = wanted.iter().filter(|one| !one.through_system).collect();
    let missing: Vec<String> =
        exact.iter().filter(|one| !is_found(one)).map(|one| one.to_string()).collect();
    assert!(missing[0].contains("|inlined|"), "{missing:?}");
    assert_eq!(missing.len(), 1, "{missing:?}");
}

/// Without symbols there are the module and the place in it; and the goroutine's function.
fn assert_stripped(events: &[Event], wanted: &[Wanted]) {
    for one in wanted {
        assert!(events.iter().any(|event| is_it(event, one)), "{one}");
    }
    let create = events.iter().filter(|event| event.is_transition("NotExist", "Runnable"));
    let stacks: Vec<&[Frame]> = create.map(stack).filter(|stack| stack.len() > 2).collect();
    assert!(!stacks.is_empty());
    for stack in stacks {
        let (root, callers) = stack.split_last().unwrap();
        assert!(callers.iter().all(|frame| frame.function.starts_with("stripped+0x")), "{stack:?}");
        assert!(!root.function.contains("+0x"), "{stack:?}");
    }
}
