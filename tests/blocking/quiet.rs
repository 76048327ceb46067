//! sysmon: awake when it must be, and cheap when it has nothing to do.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gort::{go, sleep};

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

/// The processor time that sysmon's thread has used.
fn sysmon_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let paths = tasks.map(|task| task.unwrap().path());
    let is_it = |name: &str| name.trim() == "gort-sysmon";
    let named = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path.join("comm")).is_ok_and(|name| is_it(&name))
    };
    // It names itself when it begins.
    let text = paths
        .into_iter()
        .find(named)
        .map_or_else(String::new, |path| std::fs::read_to_string(path.join("schedstat")).unwrap());
    text.split_whitespace()
        .next()
        .map_or(Duration::ZERO, |ns| Duration::from_nanos(ns.parse().unwrap()))
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
