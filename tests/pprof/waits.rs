//! The profiles of waits: who was blocked, and who delayed others.
//!
//! The rates belong to the process, so each test is a process of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use gort::sync::{Cond, Mutex, RwMutex, Semaphore, WaitGroup};
use gort::{chan, go, pprof, select, sleep};

use crate::tool::{self, Pprof, Row};
use crate::{WHOLE, eventually, process, run};

const HELD: Duration = Duration::from_millis(50);

fn table(pprof: &Pprof, write: fn(u8, &mut Vec<u8>), kind: &str) -> BTreeMap<String, Row> {
    let mut profile = Vec::new();
    write(0, &mut profile);
    pprof.top(&[&format!("-sample_index={kind}")], &profile)
}

fn block(debug: u8, out: &mut Vec<u8>) {
    pprof::block(debug, out).unwrap();
}

fn mutex(debug: u8, out: &mut Vec<u8>) {
    pprof::mutex(debug, out).unwrap();
}

fn text(write: fn(u8, &mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(1, &mut out);
    String::from_utf8(out).unwrap()
}

/// Runs the test alone in a process.
macro_rules! alone {
    ($test:literal) => {
        if let Some(output) = process::process(concat!("waits::", $test), &[]) {
            return process::assert_success(&output);
        }
    };
}

#[inline(never)]
fn locks_while_held(mutex: &Mutex<u32>) {
    *mutex.lock() += 1;
    std::hint::black_box(mutex);
}

#[inline(never)]
fn holds_and_unlocks(mutex: &Mutex<u32>) {
    let mut guard = mutex.lock();
    *guard += 1;
    sleep(HELD);
    drop(guard);
    std::hint::black_box(mutex);
}

#[test]
fn a_mutex_held_fifty_milliseconds_ten_times() {
    alone!("a_mutex_held_fifty_milliseconds_ten_times");
    let Some(tool) = tool::find("the profiles of waits") else { return };
    run(|| {
        pprof::set_block_profile_rate(1);
        assert_eq!(pprof::set_mutex_profile_fraction(1), 0);
        for _ in 0..10 {
            let shared = Arc::new(Mutex::new(0));
            let holder = go({
                let shared = Arc::clone(&shared);
                move || holds_and_unlocks(&shared)
            });
            while shared.try_lock().is_some() {
                gort::gosched();
            }
            locks_while_held(&shared);
            holder.join().unwrap();
        }
        assert_eq!(pprof::set_mutex_profile_fraction(-1), 1);
    });
    for (write, who) in
        [(block as fn(u8, &mut Vec<u8>), "locks_while_held"), (mutex, "holds_and_unlocks")]
    {
        let delay = table(&tool, write, "delay");
        let count = table(&tool, write, "contentions");
        if WHOLE {
            let (delay, count) = (tool::sum(&delay, who).cum, tool::sum(&count, who).cum);
            assert!((0.4..1.5).contains(&delay), "{who}: {delay} s\n{}", text(write));
            assert!((10.0..=20.0).contains(&count), "{who}: {count}\n{}", text(write));
        }
    }
    let (blocked, held) = (text(block), text(mutex));
    assert!(blocked.starts_with("--- contention:\ncycles/second=1000000000\n"), "{blocked}");
    assert!(
        held.starts_with("--- mutex:\ncycles/second=1000000000\nsampling period=1\n"),
        "{held}"
    );
    // The old form is one that Go reads as well.
    for text in [blocked, held] {
        assert!(!tool.top(&["-sample_index=delay"], text.as_bytes()).is_empty());
    }
}

#[inline(never)]
fn receives(rx: &gort::chan::Receiver<()>) {
    let _ = rx.recv();
    std::hint::black_box(rx);
}

#[inline(never)]
fn sends(tx: &gort::chan::Sender<()>) {
    let _ = tx.send(());
    std::hint::black_box(tx);
}

#[inline(never)]
fn selects(rx: &gort::chan::Receiver<()>, other: &gort::chan::Receiver<()>) {
    select! {
        recv(rx) -> _ => {}
        recv(other) -> _ => {}
    }
    std::hint::black_box((rx, other));
}

#[inline(never)]
fn waits_for_the_group(group: &WaitGroup) {
    group.wait();
    std::hint::black_box(group);
}

#[inline(never)]
fn waits_for_the_condition(ready: &(Mutex<bool>, Cond)) {
    let mut guard = ready.0.lock();
    ready.1.wait_while(&mut guard, |ready| !*ready);
    drop(guard);
    std::hint::black_box(ready);
}

#[inline(never)]
fn acquires(semaphore: &Semaphore) {
    drop(semaphore.acquire(1));
    std::hint::black_box(semaphore);
}

#[inline(never)]
fn reads(lock: &RwMutex<u32>) {
    assert_eq!(*lock.read(), 0);
    std::hint::black_box(lock);
}

#[inline(never)]
fn writes(lock: &RwMutex<u32>) {
    *lock.write() = 0;
    std::hint::black_box(lock);
}

#[inline(never)]
fn joins(handle: gort::JoinHandle<()>) {
    handle.join().unwrap();
    std::hint::black_box(());
}

#[inline(never)]
fn only_sleeps() {
    sleep(HELD);
    std::hint::black_box(());
}

/// Who waited, each for [`HELD`], and that must be there.
const KINDS: [&str; 10] = [
    "receives",
    "sends",
    "selects",
    "waits_for_the_group",
    "waits_for_the_condition",
    "acquires",
    "reads",
    "writes",
    "joins",
    "receives_on_a_thread",
];

fn wait_in_every_way() {
    let after = |f: Box<dyn FnOnce() + Send>| {
        go(move || {
            sleep(HELD);
            f();
        })
    };
    let ((tx, rx), (other_tx, other)) = (chan(0), chan(0));
    let helper = after(Box::new(move || sends_back(&tx)));
    receives(&rx);
    helper.join().unwrap();
    let (tx, rx) = chan(0);
    let helper = after(Box::new(move || rx.recv().unwrap()));
    sends(&tx);
    helper.join().unwrap();
    let (tx, rx) = chan(0);
    let helper = after(Box::new(move || sends_back(&tx)));
    selects(&rx, &other);
    helper.join().unwrap();
    drop(other_tx);
    let group = WaitGroup::new();
    group.go(only_sleeps);
    waits_for_the_group(&group);
    let ready = Arc::new((Mutex::new(false), Cond::new()));
    let helper = after(Box::new({
        let ready = Arc::clone(&ready);
        move || {
            *ready.0.lock() = true;
            ready.1.signal();
        }
    }));
    waits_for_the_condition(&ready);
    helper.join().unwrap();
    let semaphore = Semaphore::new(1);
    let permit = semaphore.acquire(1);
    let helper = after(Box::new(move || drop(permit)));
    acquires(&semaphore);
    helper.join().unwrap();
    wait_for_locks();
    joins(go(only_sleeps));
    let (tx, rx) = chan::<()>(0);
    let is_there = Arc::new(AtomicBool::new(false));
    let thread = thread::spawn({
        let is_there = Arc::clone(&is_there);
        move || {
            is_there.store(true, Ordering::Relaxed);
            receives_on_a_thread(&rx);
        }
    });
    eventually("the thread is there", || is_there.load(Ordering::Relaxed));
    sleep(4 * HELD);
    sends_back(&tx);
    thread.join().unwrap();
}

fn wait_for_locks() {
    let lock = Arc::new(RwMutex::new(0));
    for is_writer in [false, true] {
        let (locked, is_locked) = chan::<()>(0);
        let holder = go({
            let lock = Arc::clone(&lock);
            move || {
                if is_writer {
                    let guard = lock.write();
                    locked.send(()).unwrap();
                    sleep(HELD);
                    drop(guard);
                } else {
                    let guard = lock.read();
                    locked.send(()).unwrap();
                    sleep(HELD);
                    drop(guard);
                }
            }
        });
        is_locked.recv().unwrap();
        if is_writer {
            reads(&lock)
        } else {
            writes(&lock)
        }
        holder.join().unwrap();
    }
}

fn sends_back(tx: &gort::chan::Sender<()>) {
    let _ = tx.send(());
}

#[inline(never)]
fn receives_on_a_thread(rx: &gort::chan::Receiver<()>) {
    let _ = rx.recv();
    std::hint::black_box(rx);
}

#[test]
fn every_kind_of_wait_is_there() {
    alone!("every_kind_of_wait_is_there");
    let Some(tool) = tool::find("the profile of every wait") else { return };
    run(|| {
        pprof::set_block_profile_rate(1);
        pprof::set_mutex_profile_fraction(1);
        wait_in_every_way();
        pprof::set_block_profile_rate(0);
        pprof::set_mutex_profile_fraction(0);
    });
    let (blocked, held) = (table(&tool, block, "delay"), table(&tool, mutex, "delay"));
    if !WHOLE {
        return;
    }
    for kind in KINDS {
        let row = tool::sum(&blocked, &format!("waits::{kind}"));
        assert!((0.01..2.0).contains(&row.cum), "{kind}: {row:?}\n{}", text(block));
    }
    assert!(!blocked.keys().any(|name| name.contains("only_sleeps")), "{}", text(block));
    // Both sides of the read-write lock made somebody wait.
    let held = tool::sum(&held, "waits::wait_for_locks");
    assert!((0.02..2.0).contains(&held.cum), "{held:?}\n{}", text(mutex));
}

#[inline(never)]
fn short_wait(tx: &gort::chan::Sender<()>) {
    let _ = tx.send(());
    std::hint::black_box(tx);
}

/// Most waits are much shorter than the rate, and yet their number and time come out right.
#[test]
fn samples_stand_for_what_was_left_out() {
    alone!("samples_stand_for_what_was_left_out");
    const ROUNDS: usize = 40_000;
    let rounds = || {
        let (tx, rx) = chan::<()>(0);
        let receiver = go(move || while rx.recv().is_ok() {});
        (0..ROUNDS).for_each(|_| short_wait(&tx));
        drop(tx);
        receiver.join().unwrap();
    };
    let sums = || {
        let text = text(block);
        let heads = text.lines().filter_map(|line| line.split_once(" @"));
        heads.fold((0.0, 0.0), |(delay, count): (f64, f64), (head, _)| {
            let (d, c) = head.split_once(' ').unwrap();
            (delay + d.parse::<f64>().unwrap(), count + c.parse::<f64>().unwrap())
        })
    };
    run(move || {
        pprof::set_block_profile_rate(1);
        rounds();
        let (all_delay, all_count) = sums();
        pprof::set_block_profile_rate(20_000);
        rounds();
        pprof::set_block_profile_rate(0);
        let (both_delay, both_count) = sums();
        rounds();
        assert_eq!(sums(), (both_delay, both_count), "off is off");
        let share = (both_count - all_count) / all_count;
        // How long a wait lasts differs from round to round, how many there are does not so much.
        assert!(all_count > ROUNDS as f64 / 10.0, "{all_count}");
        assert!((0.3..3.0).contains(&share), "{share} of {all_count}");
        assert!(both_delay > all_delay);
    });
}
