//! Traces of goroutines that lose their processors and come back while all are busy.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gort::chan::Receiver;
use gort::{blocking, chan, go, gosched};

use super::support::Go;
use super::support::pieces::Sink;
use super::{eventually, figure, on_processors};

/// Nobody but the one thread writes events without a processor, and many times in a row.
#[test]
fn one_thread_comes_back_again_and_again_to_a_busy_processor() {
    let test = "traced::one_thread_comes_back_again_and_again_to_a_busy_processor";
    let Some(tools) = Go::find("a trace of calls that block") else { return };
    on_processors(test, &["1", "2"], || {
        let sink = Sink::default();
        gort::trace::start(sink.clone()).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..gort::gomaxprocs(0))
            .map(|_| {
                let stop = stop.clone();
                go(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let begin = Instant::now();
                        while begin.elapsed() < Duration::from_millis(2) {
                            std::hint::spin_loop();
                        }
                        gosched();
                    }
                })
            })
            .collect();
        let caller = go(|| {
            (0..20).for_each(|_| blocking(|| thread::sleep(Duration::from_micros(500))));
        });
        caller.join().unwrap();
        stop.store(true, Ordering::Relaxed);
        busy.into_iter().for_each(|busy| busy.join().unwrap());
        gort::trace::stop().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trace");
        std::fs::write(&file, sink.bytes()).unwrap();
        tools.check(&[file]).unwrap();
    });
}

#[inline(never)]
fn parks_here(rx: &Receiver<()>) {
    rx.recv().unwrap();
}

/// What a trace says of a goroutine that was away before it began.
#[test]
fn who_is_away_is_not_where_an_earlier_trace_saw_it_park() {
    let test = "traced::who_is_away_is_not_where_an_earlier_trace_saw_it_park";
    let Some(tools) = Go::find("a trace of calls that block") else { return };
    on_processors(test, &["1", "2"], || {
        for plain in [true, false] {
            let ((tx, rx), (ends, end)) = (chan(0), mpsc::channel::<()>());
            let first = Sink::default();
            gort::trace::start(first.clone()).unwrap();
            let away = go(move || {
                parks_here(&rx);
                parks_here(&rx);
                match plain {
                    true => end.recv().unwrap_err(),
                    false => blocking(|| end.recv().unwrap_err()),
                }
            });
            gort::sleep(Duration::from_millis(5));
            tx.send(()).unwrap();
            gort::sleep(Duration::from_millis(5));
            gort::trace::stop().unwrap();
            tx.send(()).unwrap();
            let not_in_go = || figure("/sched/goroutines/not-in-go:goroutines");
            eventually("it is away", || not_in_go() == 1);
            let second = Sink::default();
            gort::trace::start(second.clone()).unwrap();
            drop(ends);
            away.join().unwrap();
            gort::trace::stop().unwrap();
            let folder = tempfile::tempdir().unwrap();
            let parsed = |sink: Sink| {
                let file = folder.path().join("trace");
                std::fs::write(&file, sink.bytes()).unwrap();
                tools.check(std::slice::from_ref(&file)).unwrap();
                tools.parsed(&file).unwrap()
            };
            let framed = (cfg!(gort_frame_pointers) || cfg!(feature = "unwind"))
                && cfg!(feature = "symbolize");
            assert_eq!(parsed(first).contains("parks_here"), framed);
            assert!(!parsed(second).contains("parks_here"));
        }
    });
}

/// sysmon asks threads where they are, but not in calls that would fail by it.
#[test]
fn a_trace_interrupts_no_call() {
    on_processors("traced::a_trace_interrupts_no_call", &["1", "2"], || {
        gort::trace::start(io::sink()).unwrap();
        let receives = go(|| {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            socket.recv(&mut [0]).unwrap_err().kind()
        });
        assert_eq!(receives.join().unwrap(), io::ErrorKind::WouldBlock);
        gort::trace::stop().unwrap();
    });
}
