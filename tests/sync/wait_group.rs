//! `WaitGroup`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::sync::WaitGroup;
use gort::{Goexit, JoinHandle, chan, go, goexit, gosched, sleep};

use crate::{WHILE, process, run, text_of};

#[test]
fn an_empty_group_does_not_wait() {
    let group = WaitGroup::new();
    group.wait();
    run(|| WaitGroup::default().wait());
    group.add(0);
    group.wait();
}

#[test]
fn wait_waits_for_the_last_one() {
    run(|| {
        let group = WaitGroup::new();
        group.add(3);
        let returned = Arc::new(AtomicBool::new(false));
        let (all, flag) = (group.clone(), Arc::clone(&returned));
        let waiter = go(move || {
            all.wait();
            flag.store(true, Ordering::SeqCst);
        });
        for _ in 0..3 {
            sleep(WHILE);
            assert!(!returned.load(Ordering::SeqCst));
            group.done();
        }
        waiter.join().unwrap();
        assert!(returned.load(Ordering::SeqCst));
    });
}

#[test]
fn what_was_done_before_is_seen_after() {
    run(|| {
        for round in 0..200 {
            let group = WaitGroup::new();
            let parts: Arc<[AtomicUsize; 20]> = Arc::default();
            group.add(20);
            for n in 0..20 {
                let (group, parts) = (group.clone(), Arc::clone(&parts));
                go(move || {
                    if n % 3 == round % 3 {
                        gosched();
                    }
                    // Ordered by nothing but the group.
                    parts[n].store(n + round, Ordering::Relaxed);
                    group.done();
                });
            }
            group.wait();
            let seen = parts.iter().map(|part| part.load(Ordering::Relaxed));
            assert!(seen.eq((0..20).map(|n| n + round)));
        }
    });
}

#[test]
fn go_gives_handles() {
    run(|| {
        let group = WaitGroup::new();
        let handles: Vec<_> = (0..50).map(|n| group.go(move || n * 2)).collect();
        group.wait();
        let values = handles.into_iter().map(|h| h.join().unwrap());
        assert!(values.eq((0..50).map(|n| n * 2)));
        assert_eq!(format!("{group:?}"), "WaitGroup(0)");
    });
}

#[test]
fn members_may_add_members() {
    fn grow(group: &WaitGroup, depth: u32, count: &Arc<AtomicUsize>) {
        for _ in 0..if depth == 0 { 0 } else { 4 } {
            let (inner, count) = (group.clone(), Arc::clone(count));
            group.go(move || {
                grow(&inner, depth - 1, &count);
                gosched();
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
    }
    run(|| {
        let (group, count) = (WaitGroup::new(), Arc::default());
        grow(&group, 5, &count);
        group.wait();
        assert_eq!(count.load(Ordering::Relaxed), 4 + 16 + 64 + 256 + 1024);
    });
}

#[test]
fn a_group_is_used_again() {
    run(|| {
        let group = WaitGroup::new();
        let count = Arc::new(AtomicUsize::new(0));
        // The last member of a round may still be about to wake those who waited for it when the
        // next round begins: it must not wake those.
        for round in 1..=3000 {
            for _ in 0..2 {
                let count = Arc::clone(&count);
                group.go(move || count.fetch_add(1, Ordering::Relaxed));
            }
            group.wait();
            assert_eq!(count.load(Ordering::Relaxed), 2 * round);
        }
    });
}

#[test]
fn many_wait() {
    run(|| {
        let group = WaitGroup::new();
        group.add(1);
        let wait = || {
            let group = group.clone();
            move || group.wait()
        };
        let goroutines: Vec<_> = (0..100).map(|_| go(wait())).collect();
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(wait())).collect();
        sleep(WHILE);
        assert!(!goroutines.iter().any(JoinHandle::is_finished));
        assert!(!threads.iter().any(thread::JoinHandle::is_finished));
        group.done();
        goroutines.into_iter().for_each(|h| h.join().unwrap());
        threads.into_iter().for_each(|t| t.join().unwrap());
    });
}

#[test]
fn threads_and_goroutines_wait_for_each_other() {
    run(|| ());
    let group = WaitGroup::new();
    for n in 0..20 {
        group.add(1);
        let done = group.clone();
        let finish = move || {
            sleep(Duration::from_millis(n));
            done.done();
        };
        if n % 2 == 0 { drop(go(finish)) } else { drop(thread::spawn(finish)) }
    }
    let begin = Instant::now();
    group.wait();
    assert!(begin.elapsed() >= Duration::from_millis(10));
    assert_eq!(format!("{group:?}"), "WaitGroup(0)");
    run(move || group.wait());
}

#[test]
fn whatever_ends_a_member_counts_down() {
    run(|| {
        let group = WaitGroup::new();
        let panicked: JoinHandle<()> = group.go(|| resume_unwind(Box::new(5)));
        let exited: JoinHandle<()> = group.go(|| goexit());
        // An end by `goexit` is fine though nobody joins.
        drop(group.go(|| -> () { goexit() }));
        group.wait();
        assert_eq!(panicked.join().unwrap_err().downcast_ref(), Some(&5));
        assert!(exited.join().unwrap_err().is::<Goexit>());
    });
}

#[test]
fn a_negative_counter_is_a_panic() {
    for twice in [false, true] {
        let group = WaitGroup::new();
        if twice {
            group.add(1);
            group.done();
        }
        let payload = catch_unwind(AssertUnwindSafe(|| group.done())).unwrap_err();
        assert_eq!(text_of(&*payload), "gort: negative WaitGroup counter");
        // The group is none the worse for it.
        group.add(1);
        group.done();
        group.wait();
        let payload = run(|| go(|| WaitGroup::new().done()).join().unwrap_err());
        assert_eq!(text_of(&*payload), "gort: negative WaitGroup counter");
    }
}

#[test]
fn too_large_a_counter_is_a_panic() {
    let group = WaitGroup::new();
    group.add(usize::MAX);
    let payload = catch_unwind(AssertUnwindSafe(|| group.add(1))).unwrap_err();
    assert_eq!(text_of(&*payload), "gort: WaitGroup counter overflow");
    assert_eq!(format!("{group:?}"), format!("WaitGroup({})", usize::MAX));
}

#[test]
fn debug_form() {
    let group = WaitGroup::new();
    group.add(5);
    group.done();
    assert_eq!(format!("{group:?} {:?}", group.clone()), "WaitGroup(4) WaitGroup(4)");
}

#[test]
fn the_last_one_and_those_who_wait_race() {
    run(|| {
        for round in 0..3000 {
            let group = WaitGroup::new();
            group.add(2);
            let part = |group: &WaitGroup, is_waiter: bool| {
                let group = group.clone();
                go(move || if is_waiter { group.wait() } else { group.done() })
            };
            let handles: Vec<_> = (0..4).map(|n| part(&group, n % 2 == round % 2)).collect();
            let (waited, thread) = chan(1);
            if round % 100 == 0 {
                let group = group.clone();
                thread::spawn(move || {
                    group.wait();
                    waited.send(()).unwrap();
                });
                thread.recv().unwrap();
            }
            handles.into_iter().for_each(|h| h.join().unwrap());
        }
    });
}

/// A panic that nobody can see ends the process, and nobody goes on before that.
#[test]
fn a_panic_that_ends_the_process_does_not_end_the_wait() {
    const TEST: &str = "wait_group::a_panic_that_ends_the_process_does_not_end_the_wait";
    let Some(output) = process::process(TEST, &[]) else {
        run(|| {
            let group = WaitGroup::new();
            let (dropped, is_dropped) = chan::<()>(0);
            drop(group.go(move || {
                let _ = is_dropped.recv();
                panic!("nobody sees it")
            }));
            drop(dropped);
            group.wait();
            println!("went on");
        });
        return;
    };
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nobody sees it"));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("went on"));
}
