//! What the endpoint sends opens in Go's own tools.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::http::{Server, debug};

use crate::client::{Client, get, request};
use crate::start;
use crate::support::{Go, parsed};

/// Traces and CPU profiles are taken one at a time in a process.
pub(crate) static ALONE: Mutex<()> = Mutex::new(());

/// Keeps a server busy while `f` runs.
fn under_load<T>(address: std::net::SocketAddr, f: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for path in ["/hello", "/await/1", "/block/1", "/lines/100"] {
            let stop = &stop;
            scope.spawn(move || {
                let mut client = Client::connect(address);
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(client.get(path).unwrap().status, 200);
                }
            });
        }
        let value = f();
        stop.store(true, Ordering::Relaxed);
        value
    })
}

fn save(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let file = folder.path().join(name);
    std::fs::write(&file, bytes).unwrap();
    file
}

#[test]
fn a_trace_of_a_server_under_load() {
    let Some(go) = Go::find("a trace by HTTP") else { return };
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new();
    let address = start(&server);
    let begin = Instant::now();
    let trace = under_load(address, || get(address, "/debug/pprof/trace?seconds=1.5"));
    assert_eq!(trace.status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(1500));
    let file = save(&folder, "trace", &trace.body);
    go.check(std::slice::from_ref(&file)).unwrap();
    let text = go.parsed(&file).unwrap();
    assert!(parsed::events(&text).len() > 1000);
    server.shutdown();
}

/// As the documents say that it is done.
#[test]
fn curl_gets_a_trace() {
    let Some(go) = Go::find("curl's trace") else { return };
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: no curl");
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace.out");
    let server = Server::new();
    let address = start(&server);
    let url = format!("http://{address}/debug/pprof/trace?seconds=0.3");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--noproxy", "*", "-o"]).arg(&file).arg(url);
    assert!(under_load(address, || curl.status().unwrap()).success());
    go.check(std::slice::from_ref(&file)).unwrap();
    go.parsed(&file).unwrap();
    server.shutdown();
}

/// The pieces come while the trace is taken, not at its end.
#[test]
fn a_trace_is_sent_while_it_is_taken() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let endpoint = crate::run(|| debug::serve("127.0.0.1:0")).unwrap();
    let mut client = Client::connect(endpoint.addr());
    client.send(&request("GET", "/debug/pprof/trace?seconds=1000", "")).unwrap();
    assert_eq!(client.head().unwrap().0, 200);
    let mut bytes = Vec::new();
    // The header comes at once, and a generation about every second.
    while bytes.len() < 1000 {
        bytes.extend(client.chunk().unwrap());
    }
    assert!(bytes.starts_with(b"go 1."), "{:?}", &bytes[..16]);
    drop(client);
    let begin = Instant::now();
    while get(endpoint.addr(), "/debug/pprof/trace?seconds=0.001").status != 200 {
        assert!(begin.elapsed() < Duration::from_secs(20), "the trace goes on without its client");
        thread::sleep(Duration::from_millis(1));
    }
    // Whoever has got all of a trace gets the next one.
    for _ in 0..20 {
        assert_eq!(get(endpoint.addr(), "/debug/pprof/trace?seconds=0.001").status, 200);
    }
    endpoint.close();
}

/// `go tool pprof -top` of a URL, as users do it.
#[test]
fn pprof_opens_the_profiles() {
    let Some(go) = Go::find("pprof by HTTP") else { return };
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new();
    let address = start(&server);
    under_load(address, || {
        for (what, kind) in [
            ("goroutine", "Type: goroutine"),
            ("goroutine?seconds=1", "Type: goroutine"),
            ("profile?seconds=1", "Type: cpu"),
            ("block", "Type: delay"),
            ("mutex", "Type: delay"),
        ] {
            let url = format!("http://{address}/debug/pprof/{what}");
            let top = go.top(&url, folder.path()).unwrap_or_else(|e| panic!("{what}: {e}"));
            assert!(top.contains(kind), "{what}: {top}");
        }
    });
    server.shutdown();
}
