//! sysmon: awake when it must be, and cheap when it has nothing to do.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gort::{go, gosched, scope, sleep};

use super::{Hogs, PATIENCE, eventually, on_processors};

/// All have been idle, a timer wakes one, and that one blocks its thread.
#[test]
fn who_blocks_after_a_quiet_time_loses_its_processor() {
    on_processors("quiet::who_blocks_after_a_quiet_time_loses_its_processor", &["1"], || {
        let quiet = Duration::from_millis(150);
        let (tx, rx) = mpsc::channel();
        let blocks = go(move || {
            sleep(quiet);
            let begin = Instant::now();
            rx.recv_timeout(PATIENCE).unwrap();
            begin.elapsed()
        });
        let other = go(move || {
            sleep(quiet + Duration::from_millis(10));
            tx.send(()).unwrap();
        });
        other.join().unwrap();
        let held_up = blocks.join().unwrap();
        assert!(held_up < Duration::from_millis(500), "{held_up:?}");
    });
}

/// The names of this process's threads, and the processor time that each has used.
fn threads() -> Vec<(String, Duration)> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let time = |task: std::io::Result<std::fs::DirEntry>| {
        let path = task.unwrap().path();
        // It may have ended.
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
        let ns = text.split_whitespace().next()?.parse().unwrap();
        Some((name.trim().to_owned(), Duration::from_nanos(ns)))
    };
    tasks.filter_map(time).collect()
}

/// The processor time that sysmon's thread has used. It names itself when it begins.
fn sysmon_time() -> Duration {
    let sysmon = threads().into_iter().find(|(name, _)| name == "gort-sysmon");
    sysmon.map_or(Duration::ZERO, |(_, time)| time)
}

/// How much of a core sysmon's thread has while `f` runs.
fn sysmon_share(f: impl FnOnce()) -> f64 {
    eventually("sysmon is there", || !sysmon_time().is_zero());
    let (begin, before) = (Instant::now(), sysmon_time());
    f();
    (sysmon_time() - before).as_secs_f64() / begin.elapsed().as_secs_f64()
}

/// Short rests between short pieces of work.
#[test]
fn naps_cost_sysmon_little() {
    on_processors("quiet::naps_cost_sysmon_little", &["2"], || {
        for nap in [Duration::from_millis(5), Duration::from_millis(60)] {
            let naps = || (0..20).for_each(|_| sleep(nap));
            let used = sysmon_share(naps);
            println!("naps of {nap:?}: sysmon used {:.2} %", 100.0 * used);
            assert!(used < 0.08, "naps of {nap:?}: sysmon used {:.1} %", 100.0 * used);
        }
    });
}

/// More processors than cores: most threads do not run, but none of them blocks.
#[test]
fn more_threads_than_cores_cost_sysmon_little() {
    on_processors("quiet::more_threads_than_cores_cost_sysmon_little", &["16"], || {
        let hogs = Hogs::new(15);
        thread::sleep(Duration::from_millis(200));
        let used = sysmon_share(|| thread::sleep(Duration::from_secs(1)));
        drop(hogs);
        assert!(used < 0.05, "sysmon used {:.1} %", 100.0 * used);
    });
}

/// The processor time that workers have used, the busiest last.
fn worker_times() -> Vec<Duration> {
    let mut times: Vec<_> = threads()
        .into_iter()
        .filter(|(name, _)| name.starts_with("gort-m"))
        .map(|(_, t)| t)
        .collect();
    times.sort();
    times
}

/// Goroutines wait for the only processor, which a worker that sleeps could do nothing about.
#[test]
fn who_has_no_processor_to_take_sleeps() {
    on_processors("quiet::who_has_no_processor_to_take_sleeps", &["1"], || {
        // A second worker has the processor for a while, and then wakes for the timer without.
        go(|| sleep(Duration::from_millis(50)));
        gosched();
        gort::blocking(|| thread::sleep(Duration::from_millis(10)));
        let end = Instant::now() + Duration::from_millis(600);
        let before: Duration = worker_times().iter().rev().skip(1).sum();
        while Instant::now() < end {
            scope(|s| (0..100).for_each(|_| drop(s.go(|| ()))));
        }
        let times = worker_times();
        assert!(times.len() > 1, "there is one worker");
        let used = times.iter().rev().skip(1).sum::<Duration>() - before;
        assert!(used < Duration::from_millis(20), "who sleeps has used {used:?} of 600 ms");
    });
}
