//! `join`, `join_timeout`, and joining oneself.

#[path = "support/runtime.rs"]
mod runtime;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::{JoinHandle, chan, go, gosched, scope, sleep};
use runtime::run;

/// Both in a goroutine and on a plain thread.
fn on_both(f: impl Fn() + Send + Sync) {
    run(&f);
    f();
}

const SOON: Duration = Duration::from_millis(3);
const LATE: Duration = Duration::from_secs(60);

#[test]
fn a_timeout_gives_the_handle_back() {
    on_both(|| {
        let (tx, rx) = chan(0);
        let handle = go(move || rx.recv().unwrap());
        let begin = Instant::now();
        let handle = handle.join_timeout(SOON).unwrap_err();
        assert!(begin.elapsed() >= SOON);
        let handle = handle.join_timeout(Duration::ZERO).unwrap_err();
        assert!(!handle.is_finished());
        tx.send(5).unwrap();
        assert_eq!(handle.join_timeout(LATE).unwrap().unwrap(), 5);
    });
}

#[test]
fn what_has_ended_in_time_is_joined() {
    on_both(|| {
        assert_eq!(go(|| 1).join_timeout(LATE).unwrap().unwrap(), 1);
        let waits = go(|| sleep(SOON));
        waits.join_timeout(LATE).unwrap().unwrap();
        let ended = go(|| 2);
        while !ended.is_finished() {
            gosched();
        }
        assert_eq!(ended.join_timeout(Duration::ZERO).unwrap().unwrap(), 2);
        let broken: JoinHandle<()> = go(|| resume_unwind(Box::new(3u8)));
        let payload = broken.join_timeout(Duration::MAX).unwrap().unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&3u8));
    });
}

#[test]
fn the_clock_and_the_end_at_the_same_moment() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    on_both(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        for n in 0..300 {
            let wait = Duration::from_micros(100 + n % 17);
            let result = Counted(Arc::clone(&dropped));
            let handle = go(move || {
                sleep(Duration::from_micros(100));
                result
            });
            match handle.join_timeout(wait) {
                Ok(result) => drop(result.unwrap()),
                Err(handle) if n % 2 == 0 => drop(handle.join().unwrap()),
                Err(handle) => drop(handle),
            }
        }
        while dropped.load(Ordering::SeqCst) < 300 {
            sleep(Duration::from_micros(100));
        }
    });
}

#[test]
fn many_wait_with_deadlines() {
    run(|| {
        let done = AtomicBool::new(false);
        scope(|s| {
            for n in 0..200 {
                let done = &done;
                s.go(move || {
                    let inner = s.go(move || {
                        while !done.load(Ordering::Relaxed) {
                            sleep(Duration::from_micros(200));
                        }
                        n
                    });
                    let mut handle = inner;
                    loop {
                        match handle.join_timeout(Duration::from_micros(150)) {
                            Ok(value) => break assert_eq!(value.unwrap(), n),
                            Err(back) => handle = back,
                        }
                    }
                });
            }
            sleep(Duration::from_millis(10));
            done.store(true, Ordering::Relaxed);
        });
    });
}

/// Starts a goroutine that gets its own handle, and returns what it sends.
fn with_itself(f: impl FnOnce(JoinHandle<()>) + Send + 'static) -> String {
    let (tx, rx) = chan::<JoinHandle<()>>(1);
    let (said, hear) = chan(1);
    let handle = go(move || {
        let own = rx.recv().unwrap();
        let unwound = catch_unwind(AssertUnwindSafe(|| f(own))).unwrap_err();
        said.send(unwound.downcast_ref::<&str>().unwrap().to_string()).unwrap();
    });
    tx.send(handle).unwrap();
    hear.recv().unwrap()
}

#[test]
fn joining_oneself_panics() {
    on_both(|| {
        let expected = "gort: a goroutine joined itself";
        assert_eq!(with_itself(|own| own.join().unwrap()), expected);
        assert_eq!(with_itself(|own| own.join_timeout(SOON).unwrap().unwrap()), expected);
    });
}

#[test]
fn two_that_join_each_other_may_give_up() {
    run(|| {
        let (give_a, take_a) = chan::<JoinHandle<bool>>(1);
        let (give_b, take_b) = chan::<JoinHandle<bool>>(1);
        let gives_up = |other: gort::chan::Receiver<JoinHandle<bool>>| {
            move || other.recv().unwrap().join_timeout(SOON).is_err()
        };
        let (ended, told) = chan(2);
        let watch = |f: Box<dyn FnOnce() -> bool + Send>| {
            let ended = ended.clone();
            go(move || {
                let gave_up = f();
                ended.send(gave_up).unwrap();
                gave_up
            })
        };
        let a = watch(Box::new(gives_up(take_b)));
        let b = watch(Box::new(gives_up(take_a)));
        give_a.send(a).unwrap();
        give_b.send(b).unwrap();
        let told = [told.recv().unwrap(), told.recv().unwrap()];
        assert!(told.contains(&true));
    });
}

#[test]
fn handles_and_senders_go_in_destructors_during_a_panic() {
    struct Holds<T>(Option<T>, fn(T));
    impl<T> Drop for Holds<T> {
        fn drop(&mut self) {
            assert!(thread::panicking());
            self.0.take().into_iter().for_each(self.1);
        }
    }
    on_both(|| {
        for round in 0..20 {
            let (tx, rx) = chan::<u32>(0);
            let (gate, closed) = chan::<()>(0);
            let running = go(move || closed.recv().is_err());
            let ended = go(|| 1);
            if round % 2 == 0 {
                gosched();
            }
            let receiver = go(move || rx.recv().is_err());
            let unwound = catch_unwind(AssertUnwindSafe(|| {
                let _sender = Holds(Some(tx), drop);
                let _ended = Holds(Some(ended), |handle| assert_eq!(handle.join().unwrap(), 1));
                let _dropped = Holds(Some(go(|| 2)), drop);
                let _running = Holds(Some(running), |handle| {
                    drop(handle.join_timeout(Duration::from_micros(50)).unwrap_err());
                });
                let _future = Holds(Some(go(|| 3)), |handle| {
                    assert_eq!(gort::block_on(handle).unwrap(), 3);
                });
                resume_unwind(Box::new(4u8));
            }));
            assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&4u8));
            assert!(receiver.join().unwrap());
            drop(gate);
        }
    });
}
