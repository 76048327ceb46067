//! What goes wrong outside: files that run out, clients that vanish, many at once. Nothing leaks.

use std::fs;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use gort::http::Server;

use crate::client::{Client, get, request};
use crate::{eventually, process, run, start};

/// What a process holds.
#[derive(Debug, PartialEq, Eq)]
struct Holds {
    files: usize,
    goroutines: usize,
}

impl Holds {
    fn now() -> Holds {
        let files = fs::read_dir("/proc/self/fd").unwrap().count();
        Holds { files, goroutines: run(gort::num_goroutine) }
    }
}

/// Waits until the process holds what it did before.
#[track_caller]
fn expect_again(before: &Holds) {
    eventually(&format!("{before:?} again, but {:?}", Holds::now()), || Holds::now() == *before);
}

#[test]
fn a_thousand_connections_dropped_at_once() {
    let name = "faults::a_thousand_connections_dropped_at_once";
    let Some(mut again) = process::again(name) else {
        let server = Server::new();
        let address = start(&server);
        get(address, "/hello");
        eventually("no connection", || server.connections() == 0);
        let before = Holds::now();
        for round in 0..3 {
            let clients: Vec<_> = (0..1000).map(|_| Client::connect(address)).collect();
            for (n, client) in clients.iter().enumerate() {
                match (n + round) % 4 {
                    0 => {}
                    1 => client.send("GET / HT").unwrap(),
                    2 => client.send(&request("GET", "/await/100000", "")).unwrap(),
                    _ => client.send(&request("GET", "/lines/1000000", "")).unwrap(),
                }
            }
            eventually("a thousand connections", || server.connections() == 1000);
            drop(clients);
            eventually("no connection", || server.connections() == 0);
            expect_again(&before);
        }
        assert_eq!(get(address, "/hello").text(), "hello");
        server.shutdown();
        return;
    };
    process::assert_success(&again.output().unwrap());
}

/// With no file left for a connection the server waits, and goes on when there is one.
#[test]
fn files_run_out() {
    let name = "faults::files_run_out";
    let Some(mut again) = process::again(name) else {
        let logged = capture::install();
        let server = Server::new();
        let address = start(&server);
        get(address, "/hello");
        eventually("no connection", || server.connections() == 0);
        let before = Holds::now();
        // All files that the process may have, but for the client's.
        set_file_limit(before.files as u64 + 50);
        let mut clients = Vec::new();
        let mut held = Vec::new();
        while let Ok(file) = fs::File::open("/dev/null") {
            held.push(file);
        }
        for _ in 0..3 {
            drop(held.pop());
            clients.push(TcpStream::connect(address).unwrap());
        }
        eventually("a complaint", || logged.lock().unwrap().iter().any(|l| l.contains("accept")));
        thread::sleep(Duration::from_millis(50));
        assert!(logged.lock().unwrap().len() < 20, "{:?}", logged.lock().unwrap());
        drop(held);
        for stream in clients {
            let mut client = Client::over(stream);
            assert_eq!(client.get("/hello").unwrap().text(), "hello");
        }
        eventually("no connection", || server.connections() == 0);
        expect_again(&before);
        let logged = logged.lock().unwrap();
        let line = logged.iter().find(|line| line.contains("accept")).unwrap();
        assert!(line.starts_with("gort: http: accept failed: Too many open files"), "{line}");
        assert!(line.ends_with("trying again in 5ms"), "{line}");
        return;
    };
    process::assert_success(&again.output().unwrap());
}

fn set_file_limit(files: u64) {
    let limit = libc::rlimit { rlim_cur: files, rlim_max: files };
    // SAFETY: the limit is a value of its own.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
}

/// The log of a process.
mod capture {
    use std::sync::{Mutex, OnceLock};

    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

    struct Lines;

    impl log::Log for Lines {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            if record.level() <= log::Level::Warn {
                LINES.lock().unwrap().push(record.args().to_string());
            }
        }

        fn flush(&self) {}
    }

    pub(super) fn install() -> &'static Mutex<Vec<String>> {
        static ONCE: OnceLock<()> = OnceLock::new();
        ONCE.get_or_init(|| {
            log::set_logger(&Lines).unwrap();
            log::set_max_level(log::LevelFilter::Trace);
        });
        &LINES
    }
}

#[test]
fn peers_that_half_close_reset_and_leave() {
    let name = "faults::peers_that_half_close_reset_and_leave";
    let Some(mut again) = process::again(name) else {
        let server = Server::new();
        let address = start(&server);
        get(address, "/hello");
        eventually("no connection", || server.connections() == 0);
        let before = Holds::now();
        for path in ["/hello", "/await/100000", "/lines/10000000", "/large/10000000"] {
            for leave in [half_close, reset, drop] {
                let clients: Vec<_> = (0..8).map(|_| Client::connect(address)).collect();
                clients.iter().for_each(|c| c.send(&request("GET", path, "")).unwrap());
                eventually("all connections", || server.connections() == 8 || path == "/hello");
                clients.into_iter().for_each(leave);
                eventually("no connection", || server.connections() == 0);
            }
        }
        expect_again(&before);
        server.shutdown();
        return;
    };
    process::assert_success(&again.output().unwrap());
}

fn half_close(client: Client) {
    client.socket().shutdown(Shutdown::Write).unwrap();
}

/// Closes with unread bytes or without lingering, which the peer sees as a reset.
fn reset(client: Client) {
    use std::os::fd::AsRawFd;
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let size = size_of_val(&linger) as u32;
    let pointer = (&raw const linger).cast();
    let fd = client.socket().as_raw_fd();
    // SAFETY: the option is of this type, and the socket is open.
    let done = unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, pointer, size) };
    assert_eq!(done, 0);
}

/// Clients that leave in the middle of a trace, many times: no file, goroutine or thread is left.
#[test]
fn clients_that_leave_in_the_middle_of_a_trace() {
    let name = "faults::clients_that_leave_in_the_middle_of_a_trace";
    let Some(mut again) = process::again(name) else {
        let server = Server::new();
        let address = start(&server);
        get(address, "/debug/pprof/trace?seconds=0.01");
        eventually("no connection", || server.connections() == 0);
        let threads = || {
            let tasks = fs::read_dir("/proc/self/task").unwrap();
            let names = tasks.map(|t| fs::read_to_string(t.unwrap().path().join("comm")));
            names.filter(|name| name.as_ref().is_ok_and(|n| n.starts_with("gort-trace"))).count()
        };
        eventually("no writer", || threads() == 0);
        let before = Holds::now();
        for round in 0..20 {
            let mut client = Client::connect(address);
            let path = format!("/debug/pprof/trace?seconds={}", 1000 - round);
            eventually("the trace before has ended", || {
                client.send(&request("GET", &path, "")).unwrap();
                let (status, _) = client.head().unwrap();
                if status != 200 {
                    client = Client::connect(address);
                }
                status == 200
            });
            thread::sleep(Duration::from_millis(round * 3));
            assert!(gort::trace::is_enabled());
        }
        eventually("no connection", || server.connections() == 0);
        eventually("no trace", || !gort::trace::is_enabled() && threads() == 0);
        expect_again(&before);
        let whole = get(address, "/debug/pprof/trace?seconds=0.01");
        assert_eq!(whole.status, 200);
        server.shutdown();
        return;
    };
    process::assert_success(&again.output().unwrap());
}
