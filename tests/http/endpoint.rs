//! The debug endpoint's answers are Go's: statuses, headers, texts.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use gort::http::{Server, debug};

use crate::client::{Answer, Client, get, request};
use crate::tools::ALONE;
use crate::{eventually, run, start};

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const BYTES: &str = "application/octet-stream";

#[track_caller]
fn expect(answer: &Answer, status: u16, content_type: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some(content_type));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

/// An error of the endpoint's own, which Go's tools show to their users.
#[track_caller]
fn expect_error(answer: &Answer, status: u16, text: &str) {
    expect(answer, status, TEXT);
    assert_eq!(answer.header("x-go-pprof"), Some("1"));
    assert_eq!(answer.header("content-disposition"), None);
    assert_eq!(answer.text(), format!("{text}\n"));
}

#[test]
fn what_is_not_there() {
    let server = Server::new();
    let address = start(&server);
    for name in ["nosuch", "heap", "allocs", "goroutine/", "Goroutine"] {
        let answer = get(address, &format!("/debug/pprof/{name}?debug=1"));
        expect_error(&answer, 404, "Unknown profile");
    }
    for path in ["/debug/", "/debug/pprofx", "/debug/pprof2/trace"] {
        let answer = get(address, path);
        expect(&answer, 404, TEXT);
        assert_eq!(answer.text(), "404 page not found\n");
    }
    let moved = get(address, "/debug/pprof");
    assert_eq!((moved.status, moved.header("location")), (307, Some("/debug/pprof/")));
    for name in ["", "goroutine", "trace", "profile", "cmdline", "metrics"] {
        let mut client = Client::connect(address);
        client.send(&request("POST", &format!("/debug/pprof/{name}"), "")).unwrap();
        let answer = client.answer(true).unwrap();
        expect(&answer, 405, TEXT);
        assert_eq!(answer.header("allow"), Some("GET, HEAD"));
        assert_eq!(answer.text(), "Method Not Allowed\n");
    }
    server.shutdown();
}

#[test]
fn the_index_links_to_everything() {
    let server = Server::new();
    let address = start(&server);
    let index = get(address, "/debug/pprof/");
    expect(&index, 200, HTML);
    let text = index.text();
    for name in [
        "block",
        "cmdline",
        "goroutine",
        "metrics",
        "mutex",
        "profile",
        "symbol",
        "threadcreate",
        "trace",
    ] {
        assert!(text.contains(&format!("<a href='{name}?debug=1'>{name}</a>")), "{name}: {text}");
    }
    assert!(text.contains("<a href=\"goroutine?debug=2\">full goroutine stack dump</a>"));
    let row = text.lines().find(|line| line.contains("'goroutine?debug=1'")).unwrap();
    let count: usize = row.split(['>', '<']).find_map(|part| part.parse().ok()).unwrap();
    assert!(count >= 2, "{row}");
    server.shutdown();
}

#[test]
fn profiles_are_files_or_text() {
    let server = Server::new();
    let address = start(&server);
    for name in ["goroutine", "block", "mutex", "threadcreate"] {
        let file = get(address, &format!("/debug/pprof/{name}"));
        expect(&file, 200, BYTES);
        let disposition = format!("attachment; filename=\"{name}\"");
        assert_eq!(file.header("content-disposition"), Some(&*disposition));
        assert!(file.body.starts_with(&[0x1f, 0x8b]), "it is not compressed");
        let text = get(address, &format!("/debug/pprof/{name}?debug=1"));
        expect(&text, 200, TEXT);
        assert_eq!(text.header("content-disposition"), None);
        let junk = get(address, &format!("/debug/pprof/{name}?debug=x"));
        expect(&junk, 200, BYTES);
    }
    let text = get(address, "/debug/pprof/goroutine?debug=1");
    assert!(text.text().starts_with("goroutine profile: total "), "{}", text.text());
    let dump = get(address, "/debug/pprof/goroutine?debug=2");
    assert!(dump.text().starts_with("goroutine "), "{}", dump.text());
    assert!(dump.text().contains(" [running]:\n"), "{}", dump.text());
    server.shutdown();
}

#[test]
fn differences_of_profiles() {
    let server = Server::new();
    let address = start(&server);
    let wrong = "invalid value for \"seconds\" - must be a positive integer";
    for seconds in ["x", "0", "-1", "0.5"] {
        let answer = get(address, &format!("/debug/pprof/goroutine?seconds={seconds}"));
        expect_error(&answer, 400, wrong);
    }
    let both = get(address, "/debug/pprof/goroutine?seconds=1&debug=1");
    expect_error(&both, 400, "seconds and debug params are incompatible");
    let begin = Instant::now();
    let difference = get(address, "/debug/pprof/goroutine?seconds=1");
    expect(&difference, 200, BYTES);
    assert!(begin.elapsed() >= Duration::from_secs(1));
    let disposition = Some("attachment; filename=\"goroutine-delta\"");
    assert_eq!(difference.header("content-disposition"), disposition);
    // A client that leaves meanwhile ends its goroutine.
    let client = Client::connect(address);
    client.send(&request("GET", "/debug/pprof/goroutine?seconds=1000", "")).unwrap();
    eventually("a connection", || server.connections() == 1);
    drop(client);
    eventually("no connection", || server.connections() == 0);
    server.shutdown();
}

#[test]
fn the_command_line() {
    let server = Server::new();
    let answer = get(start(&server), "/debug/pprof/cmdline");
    expect(&answer, 200, TEXT);
    let own: Vec<_> = std::env::args().collect();
    assert_eq!(answer.text(), own.join("\0"));
    server.shutdown();
}

#[test]
fn symbols_by_query_and_by_post() {
    let server = Server::new();
    let address = start(&server);
    let here = symbols_by_query_and_by_post as fn() as usize;
    let question = format!("{here:#x}+0x1+junk");
    let asked = get(address, &format!("/debug/pprof/symbol?{question}"));
    let mut client = Client::connect(address);
    client.send(&request("POST", "/debug/pprof/symbol", &question)).unwrap();
    for answer in [asked, client.answer(true).unwrap()] {
        expect(&answer, 200, TEXT);
        let lines: Vec<_> = answer.text().lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0], "num_symbols: 1");
        assert!(lines[1].starts_with(&format!("{here:#x} ")), "{lines:?}");
        let named = cfg!(feature = "symbolize");
        assert_eq!(lines[1].ends_with("::symbols_by_query_and_by_post"), named, "{lines:?}");
    }
    let nothing = get(address, "/debug/pprof/symbol");
    assert_eq!(nothing.text(), "num_symbols: 1\n");
    let long = "1+".repeat(1 << 20);
    client.send(&request("POST", "/debug/pprof/symbol", &long)).unwrap();
    let answer = client.answer(true).unwrap();
    assert_eq!(answer.text(), "num_symbols: 1\nreading request: it is too long\n");
    server.shutdown();
}

/// The text is as Prometheus wants it: every figure has its help and type before it.
#[test]
fn metrics_for_prometheus() {
    let endpoint = run(|| debug::serve("127.0.0.1:0")).unwrap();
    for path in ["/debug/pprof/metrics", "/metrics"] {
        let answer = get(endpoint.addr(), path);
        expect(&answer, 200, "text/plain; version=0.0.4; charset=utf-8");
        check_exposition(answer.text());
    }
    endpoint.close();
}

fn check_exposition(text: &str) {
    let (mut name, mut kind, mut figures) = ("", "", 0);
    let mut last_bucket = 0;
    for line in text.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", new, help] => {
                assert!(!help.is_empty(), "{line}");
                (name, last_bucket) = (new, 0);
                figures += 1;
            }
            ["#", "TYPE", same, new] => {
                assert!(same == name && ["counter", "gauge", "histogram"].contains(&new), "{line}");
                assert_eq!(new == "counter", name.ends_with("_total"), "{line}");
                kind = new;
            }
            [series, value] => {
                let number: f64 = value.parse().unwrap();
                let part = series.strip_prefix(name).unwrap_or_else(|| panic!("{line}"));
                if part.starts_with("_bucket{le=\"") {
                    assert!(kind == "histogram" && number as u64 >= last_bucket, "{line}");
                    last_bucket = number as u64;
                } else if kind == "histogram" {
                    assert!(["_sum", "_count"].contains(&part), "{line}");
                } else {
                    assert_eq!(part, "", "{line}");
                }
            }
            _ => panic!("{line}"),
        }
    }
    assert_eq!(figures, gort::metrics::all().len());
    assert!(text.contains("gort_sched_latencies_seconds_bucket{le=\"+Inf\"} "), "{text}");
    assert!(text.contains("\ngort_sched_goroutines_goroutines "), "{text}");
}

#[test]
fn nobody_else_may_ask_unless_that_is_said() {
    for addr in ["0.0.0.0:0", "[::]:0"] {
        let error = run(|| debug::serve(addr)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("serve_public"), "{error}");
    }
    let public = run(|| debug::serve_public("0.0.0.0:0")).unwrap();
    assert!(public.addr().ip().is_unspecified());
    let port = public.addr().port();
    assert_eq!(get(([127, 0, 0, 1], port).into(), "/debug/pprof/cmdline").status, 200);
    public.close();
    let own = run(|| debug::serve("localhost:0")).unwrap();
    assert!(own.addr().ip().is_loopback());
    assert_eq!(get(own.addr(), "/debug/pprof/").status, 200);
    own.close();
    eventually("it is closed", || std::net::TcpStream::connect(own.addr()).is_err());
}

/// The request of a web page whose name leads to this machine.
#[test]
fn a_web_page_may_not_ask() {
    let own = run(|| debug::serve("127.0.0.1:0")).unwrap();
    let public = run(|| debug::serve_public("127.0.0.1:0")).unwrap();
    let ask = |address, host: &str| {
        let client = &mut Client::connect(address);
        client.send(&format!("GET /debug/pprof/cmdline HTTP/1.1\r\nHost: {host}\r\n\r\n")).unwrap();
        client.answer(true).unwrap()
    };
    let refused =
        "the debug endpoint on the loopback interface is asked by an address or localhost";
    expect_error(&ask(own.addr(), "example.com"), 403, refused);
    expect_error(&ask(own.addr(), &format!("example.com:{}", own.addr().port())), 403, refused);
    for host in ["localhost", &own.addr().to_string()] {
        assert_eq!(ask(own.addr(), host).status, 200);
    }
    assert_eq!(ask(public.addr(), "example.com").status, 200);
    own.close();
    public.close();
}

#[test]
fn a_trace_is_one_at_a_time_and_within_the_write_timeout() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let server = Server::new().write_timeout(Duration::from_secs(2));
    let address = start(&server);
    let too_long = "profile duration exceeds server's WriteTimeout";
    for what in ["trace?seconds=2", "trace?seconds=2.5", "profile", "block?seconds=3"] {
        expect_error(&get(address, &format!("/debug/pprof/{what}")), 400, too_long);
    }
    server.shutdown();
    let server = Server::new();
    let address = start(&server);
    let mut first = Client::connect(address);
    first.send(&request("GET", "/debug/pprof/trace?seconds=1000", "")).unwrap();
    let (status, headers) = first.head().unwrap();
    assert_eq!(status, 200);
    for (name, value) in [
        ("content-type", BYTES),
        ("content-disposition", "attachment; filename=\"trace\""),
        ("x-content-type-options", "nosniff"),
        ("transfer-encoding", "chunked"),
    ] {
        assert!(headers.contains(&(name.to_owned(), value.to_owned())), "{headers:?}");
    }
    let second = get(address, "/debug/pprof/trace?seconds=0.1");
    expect_error(&second, 500, "Could not enable tracing: tracing is already enabled");
    drop(first);
    // The client has left, so the next one gets its trace, long before the first was to end.
    let begin = Instant::now();
    while get(address, "/debug/pprof/trace?seconds=0.01").status != 200 {
        assert!(begin.elapsed() < crate::PATIENCE, "the first trace has not ended");
        thread::sleep(Duration::from_millis(1));
    }
    server.shutdown();
    // One of the program's own stands in the way, too.
    let endpoint = run(|| debug::serve("127.0.0.1:0")).unwrap();
    run(|| gort::trace::start(io::sink()).unwrap());
    let refused = get(endpoint.addr(), "/debug/pprof/trace?seconds=0.1");
    expect_error(&refused, 500, "Could not enable tracing: tracing is already enabled");
    run(|| gort::trace::stop().unwrap());
    assert_eq!(get(endpoint.addr(), "/debug/pprof/trace?seconds=0.1").status, 200);
    endpoint.close();
}

/// A client that leaves at once ends its own trace. The program's may begin right then.
#[test]
fn a_client_that_leaves_ends_no_other_trace() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let endpoint = run(|| debug::serve("127.0.0.1:0")).unwrap();
    for _ in 0..100 {
        let client = Client::connect(endpoint.addr());
        client.send(&request("GET", "/debug/pprof/trace?seconds=1000", "")).unwrap();
        while !gort::trace::is_enabled() {
            thread::yield_now();
        }
        drop(client);
        let begin = Instant::now();
        while run(|| gort::trace::start(io::sink())).is_err() {
            assert!(begin.elapsed() < crate::PATIENCE, "the client's trace has not ended");
        }
        thread::sleep(Duration::from_millis(5));
        run(|| gort::trace::stop().unwrap());
    }
    endpoint.close();
}
