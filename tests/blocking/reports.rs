//! What dumps, figures, the log and the search for deadlocks say of goroutines without a processor.

use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gort::stacks::GoroutineState;
use gort::{GoBuilder, blocking, chan, go, sleep};

use super::{Hogs, PATIENCE, eventually, figure, on_processors, process};

#[inline(never)]
fn waits_in_std(rx: &mpsc::Receiver<()>) {
    rx.recv().unwrap();
}

#[test]
fn dumps_show_who_blocks_and_where() {
    on_processors("reports::dumps_show_who_blocks_and_where", &["1", "2"], || {
        let ((tx, rx), (tx2, rx2)) = (mpsc::channel(), mpsc::channel());
        let plain = GoBuilder::new().name("plain").go(move || waits_in_std(&rx)).unwrap();
        let call = move || blocking(|| waits_in_std(&rx2));
        let call = GoBuilder::new().name("call").go(call).unwrap();
        let state = |name: &str| {
            let all = gort::goroutines();
            let found = all.iter().find(|g| g.name.as_deref() == Some(name));
            found.map(|g| (g.state, g.frames.iter().any(|f| f.function.contains("waits_in_std"))))
        };
        let framed =
            (cfg!(gort_frame_pointers) || cfg!(feature = "unwind")) && cfg!(feature = "symbolize");
        for name in ["plain", "call"] {
            eventually("shown as in the system", || {
                state(name) == Some((GoroutineState::Syscall, framed))
            });
        }
        assert!(gort::stacks().contains("\"plain\" [syscall]:\n"));
        let away = || figure("/sched/goroutines/not-in-go:goroutines");
        eventually("two away", || away() == 2); // the caller may be, too, for a moment
        tx.send(()).unwrap();
        tx2.send(()).unwrap();
        plain.join().unwrap();
        call.join().unwrap();
        eventually("nobody away", || away() == 0);
        let times = gort::metrics::read("/gort/sched/without-processor:seconds").unwrap();
        assert!(times.histogram().unwrap().total() >= 2);
    });
}

/// Records of the watchdog.
static SAID: Mutex<Vec<(log::Level, String)>> = Mutex::new(Vec::new());

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target() == "gort::watchdog" {
            SAID.lock().unwrap().push((record.level(), record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

#[test]
fn the_watchdog_names_the_culprit() {
    on_processors("reports::the_watchdog_names_the_culprit", &["1", "2"], || {
        log::set_logger(&Logger).unwrap();
        log::set_max_level(log::LevelFilter::Info);
        let said = |level: log::Level, what: &[&str]| {
            let said = SAID.lock().unwrap();
            said.iter().any(|(l, text)| *l == level && what.iter().all(|w| text.contains(w)))
        };
        let framed =
            (cfg!(gort_frame_pointers) || cfg!(feature = "unwind")) && cfg!(feature = "symbolize");
        let hogs = Hogs::new(2);
        let beat = || sleep(Duration::from_millis(1));
        let place = if framed { "count_until" } else { "goroutine" };
        let begin = Instant::now();
        while !said(log::Level::Warn, &["has computed for", "gosched", "tests/blocking/", place]) {
            assert!(begin.elapsed() < PATIENCE, "{:?}", SAID.lock().unwrap());
            beat();
        }
        drop(hogs);
        let (tx, rx) = mpsc::channel::<()>();
        let sleeper = GoBuilder::new().name("sleepy").go(move || waits_in_std(&rx)).unwrap();
        let place = if framed { "waits_in_std" } else { "goroutine" };
        let begin = Instant::now();
        while !said(log::Level::Info, &["\"sleepy\" [syscall]", "has blocked its thread", place]) {
            assert!(begin.elapsed() < PATIENCE, "{:?}", SAID.lock().unwrap());
            beat();
        }
        tx.send(()).unwrap();
        sleeper.join().unwrap();
    });
}

/// The one goroutine that could wake the others blocks in the system for a while.
#[test]
fn who_blocks_in_the_system_is_no_deadlock() {
    on_processors("reports::who_blocks_in_the_system_is_no_deadlock", &["1", "2"], || {
        for plain in [true, false] {
            let (tx, rx) = chan::<u32>(0);
            let sender = go(move || {
                let nap = || thread::sleep(Duration::from_millis(1500));
                if plain {
                    nap()
                } else {
                    blocking(nap)
                }
                tx.send(1).unwrap();
            });
            assert_eq!(rx.recv(), Ok(1));
            sender.join().unwrap();
        }
    });
}

/// In a bubble, a goroutine in a call is not blocked for good: time waits for it.
#[test]
fn a_bubbles_time_waits_for_calls() {
    on_processors("reports::a_bubbles_time_waits_for_calls", &["1", "2"], || {
        gort::test::bubble(|| {
            let begin = gort::time::Instant::now();
            let caller = go(move || {
                blocking(|| thread::sleep(Duration::from_millis(30)));
                thread::sleep(Duration::from_millis(30));
                begin.elapsed()
            });
            let sleeper = go(move || {
                sleep(Duration::from_secs(3600));
                begin.elapsed()
            });
            assert_eq!(caller.join().unwrap(), Duration::ZERO);
            assert_eq!(sleeper.join().unwrap(), Duration::from_secs(3600));
        });
    });
}

/// The processes here are really others.
#[test]
fn on_processors_runs_the_test_again() {
    let Some(output) = process("reports::on_processors_runs_the_test_again", &[]) else {
        println!("again");
        return;
    };
    assert!(String::from_utf8_lossy(&output.stdout).contains("again"));
}
