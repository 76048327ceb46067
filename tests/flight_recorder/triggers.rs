//! What makes a recorder write: ends of the process, signals, goroutines that wait.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::panic::catch_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gort::signal::Signal;
use gort::trace::{FlightRecorder, FlightRecorderConfig, Trigger};
use gort::{chan, go, sleep};

use super::{
    PATIENCE, SHORT, accept, contains, eventually, is_dumping, is_written, log, place, ran,
    recorder, run, save, work,
};

pub(super) fn it_dumps_on_a_deadlock() {
    let Some(ran) = ran("it_dumps_on_a_deadlock", &[]) else {
        run(|| {
            let recorder = recorder();
            recorder.dump_on(Trigger::Deadlock, place("deadlock.trace")).unwrap();
            recorder.dump_on(Trigger::Panic, place("panic.trace")).unwrap();
            recorder.start().unwrap();
            work();
            let (_tx, rx) = chan::<()>(0);
            let _ = rx.recv();
        });
        return;
    };
    assert_eq!(ran.output.status.code(), Some(2), "{}", ran.err());
    assert!(ran.err().starts_with("fatal error: all goroutines are asleep - deadlock!"));
    assert!(ran.err().contains("deadlock.trace (a deadlock)"), "{}", ran.err());
    assert_eq!(ran.names(), ["deadlock.trace"]);
}

pub(super) fn it_dumps_on_a_panic_that_nobody_joins() {
    let Some(ran) = ran("it_dumps_on_a_panic_that_nobody_joins", &[]) else {
        run(|| {
            let recorder = recorder();
            recorder.dump_on(Trigger::Panic, place("panic.trace")).unwrap();
            recorder.start().unwrap();
            // One that somebody joins ends nothing.
            assert!(go(|| panic!("joined")).join().is_err());
            assert!(!place("panic.trace").exists());
            drop(go(|| {
                work();
                panic!("nobody joins this");
            }));
            loop {
                sleep(Duration::from_secs(1));
            }
        });
        return;
    };
    assert_eq!(ran.output.status.code(), Some(2), "{}", ran.err());
    assert!(ran.err().contains("panic.trace (a panic)"), "{}", ran.err());
    assert_eq!(ran.names(), ["panic.trace"]);
}

pub(super) fn it_dumps_on_a_panic_of_main() {
    let Some(ran) = ran("it_dumps_on_a_panic_of_main", &[]) else {
        // The recorder is there until the process ends.
        let recorder: &'static FlightRecorder = Box::leak(Box::new(recorder()));
        run(|| {
            recorder.dump_on(Trigger::Panic, place("folder/")).unwrap();
            recorder.start().unwrap();
            work();
            panic!("the end");
        });
        return;
    };
    assert_eq!(ran.output.status.code(), Some(101), "{}", ran.err());
    let folder = ran.folder.path().join("folder");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("flight_recorder-") && name.ends_with(".trace"), "{name}");
    accept(files);
}

fn raise() {
    // SAFETY: kill has no preconditions.
    unsafe { libc::kill(libc::getpid(), libc::SIGUSR1) };
}

pub(super) fn it_dumps_on_a_signal() {
    let Some(ran) = ran("it_dumps_on_a_signal", &[]) else {
        run(|| {
            fs::write(place("mine.trace"), "precious").unwrap();
            std::os::unix::fs::symlink(place("elsewhere"), place("mine.1.trace")).unwrap();
            let recorder = recorder();
            recorder.dump_on(Trigger::Signal(Signal::SIGUSR1), place("mine.trace")).unwrap();
            // While it does not record, the signal does nothing.
            raise();
            thread::sleep(Duration::from_millis(300));
            recorder.start().unwrap();
            for n in 2..5 {
                log(&format!("message {n}"));
                raise();
                let name = format!("mine.{n}.trace");
                eventually("a dump", || is_written(&name));
                assert!(contains(&fs::read(place(&name)).unwrap(), format!("message {n}")));
            }
            // Who listens gets it as well.
            let signals = gort::signal::notify(&[Signal::SIGUSR1]).unwrap();
            raise();
            assert_eq!(signals.recv(), Signal::SIGUSR1);
            eventually("a dump", || is_written("mine.5.trace"));
            recorder.stop();
            assert_eq!(fs::read_to_string(place("mine.trace")).unwrap(), "precious");
            fs::remove_file(place("mine.trace")).unwrap();
            assert!(!place("elsewhere").exists());
            fs::remove_file(place("mine.1.trace")).unwrap();
        });
        // The signal does again what it did, as soon as the last dump's thread has ended.
        loop {
            raise();
            thread::sleep(Duration::from_millis(10));
        }
    };
    assert_eq!(ran.output.status.signal(), Some(libc::SIGUSR1), "{}", ran.err());
    assert!(ran.err().contains("mine.2.trace (SIGUSR1)"), "{}", ran.err());
    assert_eq!(ran.names(), [2, 3, 4, 5].map(|n| format!("mine.{n}.trace")));
}

/// A signal writes so many files and no more.
pub(super) fn files_of_a_signal_are_limited() {
    let Some(ran) = ran("files_of_a_signal_are_limited", &[]) else {
        run(|| {
            let recorder = recorder();
            recorder.dump_on(Trigger::Signal(Signal::SIGUSR1), place("some.trace")).unwrap();
            recorder.start().unwrap();
            let files = || fs::read_dir(place("")).unwrap().count();
            for n in 0..16 {
                raise();
                let name = if n == 0 { "some.trace".into() } else { format!("some.{n}.trace") };
                eventually("another file", || is_written(&name));
            }
            for _ in 0..5 {
                raise();
                thread::sleep(Duration::from_millis(100));
            }
            assert_eq!(files(), 16);
        });
        return;
    };
    assert_eq!(ran.succeeded().names().len(), 16);
}

/// Has a goroutine wait until another one has computed for so long, on the one processor.
fn make_wait(time: Duration) {
    let late = go(|| {});
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
    late.join().unwrap();
}

pub(super) fn it_tells_of_goroutines_that_wait() {
    let one = [("GOMAXPROCS", "1"), SHORT];
    let Some(ran) = ran("it_tells_of_goroutines_that_wait", &one) else {
        run(|| {
            let min_age = Duration::from_millis(300);
            let recorder = FlightRecorder::new(FlightRecorderConfig { min_age, max_bytes: 0 });
            let (tell, told) = mpsc::channel();
            recorder.on_latency(Duration::from_millis(4), move |recorder, latency| {
                let mut trace = Vec::new();
                recorder.write_to(&mut trace).unwrap();
                tell.send((latency, trace, Instant::now())).unwrap();
            });
            recorder.start().unwrap();
            // These are not late, but for those of a machine that has no time for them.
            (0..100).for_each(|_| work());
            let (latency, trace, first) = loop {
                log("before");
                make_wait(Duration::from_millis(8));
                match told.try_recv() {
                    Ok(first) if contains(&first.1, "before") => break first,
                    _ => {}
                }
            };
            assert!(latency.waited >= Duration::from_millis(4), "{latency:?}");
            assert!(latency.waited < Duration::from_secs(5), "{latency:?}");
            assert!(latency.goroutine > 1, "{latency:?}");
            save("first.trace", &trace);
            // Not again before the window is another one.
            let again = loop {
                make_wait(Duration::from_millis(8));
                if let Ok((_, _, again)) = told.try_recv() {
                    break again;
                }
            };
            assert!(again - first >= min_age, "{:?}", again - first);
            recorder.stop();
            make_wait(Duration::from_millis(8));
            thread::sleep(2 * min_age);
            assert!(told.try_recv().is_err());
        });
        return;
    };
    assert_eq!(ran.succeeded().names(), ["first.trace"]);
}

pub(super) fn it_dumps_on_latency() {
    let one = [("GOMAXPROCS", "1"), SHORT];
    let Some(ran) = ran("it_dumps_on_latency", &one) else {
        run(|| {
            let min_age = Duration::from_millis(50);
            let recorder = FlightRecorder::new(FlightRecorderConfig { min_age, max_bytes: 0 });
            recorder.start().unwrap();
            let threshold = Duration::from_millis(4);
            recorder.dump_on(Trigger::Latency(threshold), place("late.trace")).unwrap();
            let begin = Instant::now();
            while !is_written("late.1.trace") {
                assert!(begin.elapsed() < PATIENCE);
                make_wait(Duration::from_millis(8));
            }
            recorder.stop();
            eventually("no dump is written", || !is_dumping());
        });
        return;
    };
    let ran = ran.succeeded();
    assert!(ran.names().starts_with(&["late.1.trace".into(), "late.trace".into()]));
    assert!(ran.err().contains("late.trace (goroutine "), "{}", ran.err());
}

/// What a closure of the user's has captured, and does when it goes.
struct Last<F: FnMut()>(F);

impl<F: FnMut()> Drop for Last<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

pub(super) fn it_stops_while_it_tells() {
    let Some(ran) = ran("it_stops_while_it_tells", &[]) else {
        run(|| {
            for _ in 0..1000 {
                let min_age = Duration::from_micros(1);
                let recorder = FlightRecorder::new(FlightRecorderConfig { min_age, max_bytes: 0 });
                recorder.on_latency(Duration::ZERO, |_, _| {});
                recorder.start().unwrap();
                go(|| {}).join().unwrap();
                recorder.stop();
            }
        });
        return;
    };
    ran.succeeded();
}

pub(super) fn what_a_closure_has_may_do_anything_at_its_end() {
    let Some(ran) = ran("what_a_closure_has_may_do_anything_at_its_end", &[]) else {
        // One closure replaces another one, whose end replaces that.
        let recorder: &'static FlightRecorder = Box::leak(Box::new(recorder()));
        run(|| {
            for _ in 0..2 {
                let last = Last(|| recorder.on_latency(Duration::from_secs(9), |_, _| {}));
                recorder.on_latency(Duration::from_secs(9), move |_, _| {
                    let _ = &last;
                });
                recorder.on_latency(Duration::from_secs(9), |_, _| {});
                // Now the same while it records.
                let _ = recorder.start();
            }
            recorder.stop();
            // The last one goes with the recorder, and not to the thread that cuts.
            let recorder = super::recorder();
            let (tell, told) = mpsc::channel();
            let last = Last(move || {
                let thread = thread::current();
                tell.send(thread.name() == Some("gort-trace")).unwrap();
            });
            recorder.on_latency(Duration::from_secs(9), move |_, _| {
                let _ = &last;
            });
            recorder.start().unwrap();
            drop(recorder);
            assert_eq!(told.recv_timeout(PATIENCE), Ok(false));
        });
        return;
    };
    ran.succeeded();
}

pub(super) fn a_slow_cut_is_no_deadlock() {
    const GOROUTINES: usize = 100_000;
    let Some(ran) = ran("a_slow_cut_is_no_deadlock", &[]) else {
        run(|| {
            let (tx, rx) = chan::<()>(0);
            for _ in 0..GOROUTINES {
                let rx = rx.clone();
                drop(go(move || {
                    let _ = rx.recv();
                }));
            }
            let recorder = recorder();
            recorder.start().unwrap();
            // Each generation lists all goroutines, while this one waits.
            for _ in 0..20 {
                recorder.write_to(std::io::sink()).unwrap();
            }
            drop(tx);
        });
        return;
    };
    ran.succeeded();
}

pub(super) fn files_of_panics_are_limited() {
    let Some(ran) = ran("files_of_panics_are_limited", &[]) else {
        let recorder = recorder();
        run(|| {
            recorder.dump_on(Trigger::Panic, place("panic.trace")).unwrap();
            recorder.start().unwrap();
        });
        for _ in 0..20 {
            assert!(catch_unwind(|| run(|| panic!("again"))).is_err());
        }
        return;
    };
    assert_eq!(ran.succeeded().names().len(), 16);
}
