//! Waits for sockets in traces and dumps.

use std::fs::File;
use std::io::{Read, Write};

use gort::net::UnixStream;
use gort::{go, trace};

use crate::process::{assert_success, process};
use crate::support::{self, parsed};
use crate::{SHORT, echo, listen, run};

/// In a process of its own: a trace shows the whole process, so the waits of all the tests that run
/// beside this one.
#[test]
fn a_trace_shows_waits_for_the_network() {
    let Some(tools) = support::Go::find("the network in traces") else { return };
    let test = "traces::a_trace_shows_waits_for_the_network";
    if let Some(output) = process(test, &[]) {
        return assert_success(&output);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.trace");
    let out = File::create(&file).unwrap();
    run(|| {
        trace::start(out).unwrap();
        let (listener, address) = listen();
        go(move || {
            for stream in listener.incoming().take(4) {
                go(move || echo(stream.unwrap()));
            }
        });
        let clients: Vec<_> = (0..4)
            .map(|_| {
                go(move || {
                    let mut stream = gort::net::TcpStream::connect(address).unwrap();
                    for _ in 0..50 {
                        stream.write_all(b"hello").unwrap();
                        stream.read_exact(&mut [0; 5]).unwrap();
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        trace::stop().unwrap();
    });
    tools.check(std::slice::from_ref(&file)).unwrap();
    let events = parsed::events(&tools.parsed(&file).unwrap());
    let is_wait = |event: &parsed::Event| {
        event.is_transition("Running", "Waiting") && event.field("Reason") == "network"
    };
    let stacks: Vec<_> =
        events.iter().filter(|event| is_wait(event)).map(|wait| &wait.transition_stack).collect();
    assert!(stacks.len() >= 50, "{} waits", stacks.len());
    let strange: Vec<_> = stacks.iter().filter(|stack| !begins_here(stack)).collect();
    assert!(strange.is_empty(), "of {} waits these begin elsewhere: {strange:#?}", stacks.len());
}

/// Whether a stack has one of the calls above first.
fn begins_here(stack: &[parsed::Frame]) -> bool {
    let Some(call) = stack.first() else { return false };
    let is_here = |text| call.file.ends_with("traces.rs") && call.line == line_of(text);
    let calls = ["connect(address)", "read_exact(", "incoming().take("];
    calls.into_iter().any(is_here) || call.function.ends_with("::echo")
}

/// The line of this file that has `text` first.
fn line_of(text: &str) -> u32 {
    let at = include_str!("traces.rs").lines().position(|line| line.contains(text)).unwrap();
    at as u32 + 1
}

#[test]
fn a_dump_says_io_wait() {
    run(|| {
        let (one, other) = UnixStream::pair().unwrap();
        let reading = go(move || (&one).read(&mut [0; 8]).unwrap());
        gort::sleep(SHORT);
        let reasons: Vec<String> = gort::goroutines().iter().map(|g| format!("{g:?}")).collect();
        assert!(reasons.iter().any(|text| text.contains("IO wait")), "{reasons:#?}");
        drop(other);
        assert_eq!(reading.join().unwrap(), 0);
    });
}
