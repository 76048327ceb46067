//! [`gort::blocking`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gort::{blocking, chan, go, sleep};

use super::{Hogs, eventually, figure, on_processors, run};

#[test]
fn others_run_meanwhile() {
    on_processors("calls::others_run_meanwhile", &["1", "2"], || {
        let (tx, rx) = mpsc::channel();
        // The call returns only because another goroutine runs.
        let sender = go(move || tx.send(7).unwrap());
        assert_eq!(blocking(|| rx.recv()), Ok(7));
        sender.join().unwrap();
        assert!(figure("/gort/sched/given-away:events") >= 1);
    });
}

#[test]
fn a_thread_joins_a_goroutine_on_one_processor() {
    on_processors("calls::a_thread_joins_a_goroutine_on_one_processor", &["1"], || {
        let handle = go(|| 42);
        let thread = thread::spawn(move || handle.join().unwrap());
        assert_eq!(blocking(|| thread.join().unwrap()), 42);
    });
}

#[test]
fn the_result_borrows_and_panics_pass() {
    run(|| {
        let mut list = vec![1, 2];
        let last = blocking(|| {
            list.push(3);
            list.last().copied()
        });
        assert_eq!((last, list.len()), (Some(3), 3));
        let panicked = catch_unwind(AssertUnwindSafe(|| blocking(|| panic!("in the call"))));
        assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"in the call"));
        assert_eq!(gort::go(|| blocking(|| 1)).join().unwrap(), 1);
    });
    assert_eq!(blocking(|| 5), 5, "on a plain thread it is just called");
}

#[test]
fn the_call_may_use_gort_and_nest() {
    on_processors("calls::the_call_may_use_gort_and_nest", &["1", "2"], || {
        let (tx, rx) = chan(0);
        let sender = go(move || (0..1000).for_each(|n| tx.send(n).unwrap()));
        let received: Vec<i32> = blocking(|| {
            thread::sleep(Duration::from_millis(1));
            let first = blocking(|| rx.recv().unwrap());
            [first].into_iter().chain(blocking(|| rx.iter().collect::<Vec<_>>())).collect()
        });
        assert!(received.into_iter().eq(0..1000));
        sender.join().unwrap();
    });
}

/// All processors are busy when the calls return.
#[test]
fn who_comes_back_gets_a_turn() {
    on_processors("calls::who_comes_back_gets_a_turn", &["1", "2"], || {
        let callers: Vec<_> = (0..20)
            .map(|n| {
                go(move || {
                    for _ in 0..20 {
                        let thread = thread::current().id();
                        blocking(|| thread::sleep(Duration::from_micros(300)));
                        assert_eq!(thread::current().id(), thread, "the goroutine stays");
                    }
                    n
                })
            })
            .collect();
        let busy: Vec<_> = (0..4).map(|_| go(|| (0..2000).for_each(|_| gort::gosched()))).collect();
        let sum: i32 = callers.into_iter().map(|caller| caller.join().unwrap()).sum();
        assert_eq!(sum, 190);
        busy.into_iter().for_each(|busy| busy.join().unwrap());
    });
}

#[test]
fn timers_of_a_processor_given_away_fire() {
    on_processors("calls::timers_of_a_processor_given_away_fire", &["1", "2"], || {
        for _ in 0..20 {
            let sleeper = go(|| sleep(Duration::from_millis(2)));
            gort::gosched();
            let (tx, rx) = mpsc::channel();
            let waits = go(move || {
                sleeper.join().unwrap();
                tx.send(()).unwrap();
            });
            blocking(|| rx.recv()).unwrap();
            waits.join().unwrap();
        }
    });
}

#[test]
fn a_thousand_calls_at_once() {
    on_processors("calls::a_thousand_calls_at_once", &["2"], || {
        let call = || blocking(|| thread::sleep(Duration::from_millis(100)));
        let begin = Instant::now();
        let calls: Vec<_> = (0..1000).map(|_| go(call)).collect();
        calls.into_iter().for_each(|call| call.join().unwrap());
        assert!(begin.elapsed() < Duration::from_secs(20), "a hundred seconds one by one");
        let workers = figure("/gort/sched/workers:threads");
        assert!((500..=1100).contains(&workers), "{workers}");
    });
}

/// A panic unwinds through calls, with locks and joins on the way.
#[test]
fn a_destructor_that_blocks_while_unwinding() {
    struct Slow;
    impl Drop for Slow {
        fn drop(&mut self) {
            blocking(|| thread::sleep(Duration::from_millis(5)));
            assert!(go(|| true).join().unwrap());
        }
    }
    on_processors("calls::a_destructor_that_blocks_while_unwinding", &["1", "2"], || {
        let unwinds = go(|| {
            let _slow = Slow;
            blocking(|| panic!("unwinds"));
        });
        assert!(unwinds.join().is_err());
    });
}

#[test]
fn gomaxprocs_changes_beside_calls_and_hogs() {
    on_processors("calls::gomaxprocs_changes_beside_calls_and_hogs", &["4"], || {
        let hogs = Hogs::new(2);
        let callers: Vec<_> = (0..8)
            .map(|_| {
                go(|| {
                    (0..50).for_each(|_| blocking(|| thread::sleep(Duration::from_micros(500))));
                })
            })
            .collect();
        for n in (1..=4).cycle().take(40) {
            gort::gomaxprocs(n);
            sleep(Duration::from_millis(1));
        }
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        drop(hogs);
        eventually("all have ended", || gort::num_goroutine() == 1);
    });
}

/// What the call left in `errno` is there when it is over, although its end may wait.
#[test]
fn errno_outlives_the_call() {
    on_processors("calls::errno_outlives_the_call", &["1", "2"], || {
        let stop = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..4)
            .map(|_| {
                let stop = stop.clone();
                go(move || {
                    while !stop.load(Ordering::Relaxed) {
                        gort::gosched();
                    }
                })
            })
            .collect();
        for _ in 0..20_000 {
            // SAFETY: there is no such descriptor.
            let result = blocking(|| unsafe { libc::close(-1) });
            let error = std::io::Error::last_os_error();
            assert_eq!((result, error.raw_os_error()), (-1, Some(libc::EBADF)));
        }
        stop.store(true, Ordering::Relaxed);
        busy.into_iter().for_each(|busy| busy.join().unwrap());
    });
}
