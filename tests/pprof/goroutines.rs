//! The profile of goroutines, and that of threads.

use gort::{GoBuilder, JoinHandle, chan, go, pprof};

use crate::{Broken, WHOLE, eventually, run, tool};

#[inline(never)]
fn waits_here(rx: &gort::chan::Receiver<()>) -> bool {
    let closed = rx.recv().is_err();
    std::hint::black_box(closed)
}

/// Starts `n` goroutines that wait in [`waits_here`] and one with a name, and runs `f` beside them.
fn with_waiting<T>(n: usize, f: impl FnOnce() -> T) -> T {
    let (tx, rx) = chan::<()>(0);
    let waiting = |name: Option<&str>| {
        let rx = rx.clone();
        let f = move || assert!(std::hint::black_box(waits_here(&rx)));
        match name {
            None => go(f),
            Some(name) => GoBuilder::new().name(name).go(f).unwrap(),
        }
    };
    let mut handles: Vec<JoinHandle<()>> = (0..n).map(|_| waiting(None)).collect();
    handles.push(waiting(Some("the named one")));
    let ids: Vec<u64> = handles.iter().map(JoinHandle::id).collect();
    eventually("they wait", || {
        let waits = |g: &gort::stacks::GoroutineInfo| {
            ids.contains(&g.id) && g.state == gort::stacks::GoroutineState::Waiting
        };
        gort::goroutines().iter().filter(|g| waits(g)).count() == n + 1
    });
    let result = f();
    drop(tx);
    handles.into_iter().for_each(|handle| handle.join().unwrap());
    result
}

fn written(debug: u8) -> Vec<u8> {
    let mut out = Vec::new();
    pprof::goroutine(debug, &mut out).unwrap();
    out
}

#[test]
fn go_opens_the_profile() {
    let Some(go_pprof) = tool::find("the profile of goroutines") else { return };
    let profile = run(|| with_waiting(20, || written(0)));
    let table = go_pprof.top(&[], &profile);
    if WHOLE {
        let row = tool::sum(&table, "waits_here");
        assert!(row.cum >= 21.0, "{table:#?}");
        // What the user called is the innermost.
        assert!(tool::sum(&table, "::recv").flat >= 21.0, "{table:#?}");
    }
    let raw = go_pprof.run(&["-raw"], &profile);
    assert!(raw.contains("PeriodType: goroutine count"), "{raw}");
    let traces = go_pprof.run(&["-traces"], &profile);
    assert!(traces.contains("goroutine:") && traces.contains("the named one"), "{traces}");
    let tags = go_pprof.run(&["-tags"], &profile);
    assert!(tags.contains("the named one"), "{tags}");
}

#[test]
fn the_text_has_gos_form() {
    let text = String::from_utf8(run(|| with_waiting(7, || written(1)))).unwrap();
    let total: usize = text
        .strip_prefix("goroutine profile: total ")
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let heads: Vec<&str> = text.lines().filter(|line| line.contains(" @")).collect();
    let count = |line: &&str| line.split(' ').next().unwrap().parse::<usize>().unwrap();
    assert_eq!(heads.iter().map(count).sum::<usize>(), total, "{text}");
    assert!(text.contains("\n# labels: {\"goroutine\":\"the named one\"}\n"), "{text}");
    if WHOLE {
        assert!(heads.iter().any(|line| line.starts_with("7 @ 0x")), "{text}");
        let frame = text.lines().find(|line| line.contains("::waits_here+0x")).unwrap();
        let cells: Vec<&str> = frame.split('\t').filter(|cell| !cell.is_empty()).collect();
        let [mark, address, _, place] = cells[..] else { panic!("{cells:?}") };
        assert!(mark == "#" && address.starts_with("0x"), "{cells:?}");
        assert!(place.contains("tests/pprof/goroutines.rs:"), "{cells:?}");
    }
    if let Some(go_pprof) = tool::find("the text of goroutines") {
        let table = go_pprof.top(&[], text.as_bytes());
        assert!(!table.is_empty());
    }
}

#[test]
fn labels_are_in_the_profile() {
    let profiles = run(|| {
        let (tx, rx) = chan::<()>(0);
        let wait = |order: &'static str| {
            let rx = rx.clone();
            let labels = [("order", order), ("step", "milk \"foam\"")].into();
            pprof::with_labels(&labels, || go(move || waits_here(&rx)))
        };
        let handles = [wait("1"), wait("1"), wait("2")];
        eventually("they wait", || {
            let waits = |g: &gort::stacks::GoroutineInfo| {
                !g.labels.is_empty() && g.state == gort::stacks::GoroutineState::Waiting
            };
            gort::goroutines().iter().filter(|g| waits(g)).count() == 3
        });
        assert!(pprof::goroutine_labels().is_empty());
        let profiles = (written(0), String::from_utf8(written(1)).unwrap());
        drop(tx);
        handles.into_iter().for_each(|handle| assert!(handle.join().unwrap()));
        profiles
    });
    let (profile, text) = profiles;
    let line = |order: &str| {
        format!("\n# labels: {{\"order\":\"{order}\", \"step\":\"milk \\\"foam\\\"\"}}\n")
    };
    // Those of one order are one stack.
    for order in ["1", "2"] {
        assert_eq!(text.matches(&line(order)).count(), 1, "{text}");
    }
    let Some(go_pprof) = tool::find("labels in profiles") else { return };
    let tags = go_pprof.run(&["-tags"], &profile);
    assert!(tags.contains("order: Total") && tags.contains("step: Total"), "{tags}");
    let raw = go_pprof.run(&["-raw", "-tagfocus=order=^1$"], &profile);
    let samples: Vec<&str> = raw.lines().filter(|line| line.contains("order:[")).collect();
    assert!(!samples.is_empty() && samples.iter().all(|line| line.contains("order:[1]")), "{raw}");
}

#[test]
fn each_goroutine_for_itself() {
    let text = String::from_utf8(run(|| with_waiting(3, || written(2)))).unwrap();
    assert!(text.starts_with("goroutine "), "{text}");
    assert!(text.contains(" \"the named one\" [chan receive]:\n"), "{text}");
    assert!(text.contains("\n\ngoroutine "), "{text}");
}

#[test]
fn a_plain_thread_may_ask() {
    let profile =
        run(|| with_waiting(3, || std::thread::spawn(|| (written(0), written(1))).join().unwrap()));
    assert!(String::from_utf8(profile.1).unwrap().starts_with("goroutine profile: total "));
    assert_eq!(profile.0[..2], [0x1f, 0x8b], "gzip");
}

#[test]
fn profiles_have_names() {
    let names: Vec<_> = pprof::profiles().iter().map(|profile| profile.name()).collect();
    assert_eq!(names, ["block", "goroutine", "mutex", "threadcreate"]);
    for name in names {
        let profile = pprof::lookup(name).unwrap();
        assert!(!profile.description().is_empty());
        for debug in 0..3 {
            let mut out = Vec::new();
            profile.write(debug, &mut out).unwrap();
            assert!(debug == 2 || !out.is_empty(), "{name} {debug}");
            let failed = profile.write(debug, Broken).map_err(|error| error.to_string());
            assert!(
                failed == Err("the disk is full".to_owned()) || out.is_empty(),
                "{name} {debug}"
            );
        }
        let _ = profile.count();
    }
    assert!(pprof::lookup("heap").is_none() && pprof::lookup("allocs").is_none());
}

#[test]
fn threads_are_counted() {
    let text = run(|| {
        let mut out = Vec::new();
        pprof::threadcreate(1, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    });
    assert!(
        text.starts_with("threadcreate profile: total ") && !text.contains("total 0"),
        "{text}"
    );
    if let Some(go_pprof) = tool::find("the profile of threads") {
        let mut profile = Vec::new();
        pprof::threadcreate(0, &mut profile).unwrap();
        go_pprof.run(&["-raw"], &profile);
    }
}
