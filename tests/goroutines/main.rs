//! Goroutines: values, panics, names, stacks, fairness, `goexit`, and the door `run`.
//!
//! Tests that need the whole runtime for themselves (its processors, its count of goroutines, the
//! panic hook) run themselves again in a process of their own, see [`process`].

#[path = "../support/process.rs"]
mod process;
mod processors;
#[path = "../support/runtime.rs"]
mod runtime;

use std::any::Any;
use std::collections::HashSet;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gort::sync::WaitGroup;
use gort::{Builder, GoBuilder, JoinHandle, RunError, chan, go, gosched, sleep};
use process::{assert_success, process};
use runtime::{eventually, run};

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).expect("a text")
}

/// Counts how many of its kind are alive.
struct Counted<const BYTES: usize> {
    alive: Arc<AtomicIsize>,
    bulk: [u8; BYTES],
}

impl<const BYTES: usize> Counted<BYTES> {
    fn new(alive: &Arc<AtomicIsize>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Counted { alive: Arc::clone(alive), bulk: [7; BYTES] }
    }

    fn is_intact(&self) -> bool {
        self.bulk == [7; BYTES]
    }
}

impl<const BYTES: usize> Drop for Counted<BYTES> {
    fn drop(&mut self) {
        assert!(self.is_intact());
        let alive = self.alive.fetch_sub(1, Ordering::SeqCst);
        assert!(alive > 0, "dropped twice");
    }
}

#[test]
fn join_returns_the_value() {
    run(|| {
        assert_eq!(go(|| 42).join().unwrap(), 42);
        assert_eq!(go(|| "text".repeat(2)).join().unwrap(), "texttext");
        go(|| ()).join().unwrap();
        let boxed: Box<dyn Fn(i32) -> i32 + Send> = Box::new(|n| n + 1);
        assert_eq!(go(move || boxed).join().unwrap()(1), 2);
    });
}

#[test]
fn join_returns_the_panic() {
    #[derive(Debug, PartialEq)]
    struct Odd([u64; 20]);

    let payload = |handle: JoinHandle<()>| handle.join().unwrap_err();
    run(|| {
        assert_eq!(text_of(&*payload(go(|| panic!("a literal")))), "a literal");
        assert_eq!(text_of(&*payload(go(|| panic!("number {}", 5)))), "number 5");
        let odd = payload(go(|| panic_any(Odd([3; 20]))));
        assert_eq!(odd.downcast_ref(), Some(&Odd([3; 20])));
    });
}

#[test]
fn a_panic_leaves_its_thread_sound() {
    // More panics than workers, so that each of these has unwound some; then blocking and
    // panicking must still work on all of them.
    run(|| {
        for round in 0..50 {
            let broken: Vec<JoinHandle<()>> =
                (0..16).map(|n| go(move || resume_unwind(Box::new(n + round)))).collect();
            for (n, handle) in broken.into_iter().enumerate() {
                let payload = handle.join().unwrap_err();
                assert_eq!(payload.downcast_ref(), Some(&(n + round)));
            }
            let sound: Vec<_> = (0..16).map(|_| go(thread::panicking)).collect();
            assert!(sound.into_iter().all(|handle| !handle.join().unwrap()));
        }
    });
}

#[test]
fn closures_and_results_of_all_sizes() {
    /// Many at once, side by side.
    fn echo<const BYTES: usize>() {
        let text: [u8; BYTES] = std::array::from_fn(|n| n as u8);
        let back = || {
            go(move || {
                gosched();
                text
            })
        };
        let handles: Vec<_> = (0..50).map(|_| back()).collect();
        assert!(handles.into_iter().all(|handle| handle.join().unwrap() == text));
    }
    run(|| {
        echo::<0>();
        echo::<1>();
        echo::<24>();
        echo::<47>();
        echo::<48>();
        echo::<49>();
        echo::<56>();
        echo::<200>();
        echo::<4_000>();
    });
}

#[test]
fn closures_and_results_of_any_alignment() {
    fn echo<T: Copy + std::fmt::Debug + PartialEq + Send + 'static>(value: T) {
        fn is_aligned<T>(value: &T) -> bool {
            (black_box(std::ptr::from_ref(value)) as usize).is_multiple_of(align_of::<T>())
        }
        for _ in 0..50 {
            let handle = go(move || {
                assert!(is_aligned(&value));
                gosched();
                assert!(is_aligned(&value));
                value
            });
            let back = handle.join().unwrap();
            assert!(is_aligned(&back));
            assert_eq!(back, value);
        }
    }
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(32))]
    struct Small(u8);
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(64))]
    struct Wide(u8);
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(4096))]
    struct Nothing;

    run(|| {
        echo(1u128);
        echo(Small(2));
        echo(Wide(3));
        echo((Wide(4), Small(5), 6u8));
        echo(Nothing);
    });
}

#[test]
fn captures_and_results_are_dropped_once() {
    fn all_ways<const BYTES: usize>() {
        let alive = Arc::new(AtomicIsize::new(0));
        let make = || Counted::<BYTES>::new(&alive);
        let both = || {
            let (captured, result) = (make(), make());
            move || {
                assert!(captured.is_intact());
                result
            }
        };
        // Joined, with the result alive until it is let go.
        let result = go(both()).join().unwrap();
        assert_eq!(alive.load(Ordering::SeqCst), 1);
        drop(result);
        assert_eq!(alive.load(Ordering::SeqCst), 0);
        // Let go once it has finished.
        let handle = go(both());
        eventually("finished", || handle.is_finished());
        assert_eq!(alive.load(Ordering::SeqCst), 1);
        drop(handle);
        assert_eq!(alive.load(Ordering::SeqCst), 0);
        // Let go before it has.
        let (tx, rx) = chan::<()>(0);
        let inner = both();
        drop(go(move || {
            let _ = rx.recv();
            inner()
        }));
        gosched();
        assert_eq!(alive.load(Ordering::SeqCst), 2);
        drop(tx);
        eventually("dropped by the goroutine", || alive.load(Ordering::SeqCst) == 0);
        // Panicked, with the payload as one of them.
        let (captured, payload) = (make(), make());
        let handle: JoinHandle<()> = go(move || {
            let _captured = captured;
            resume_unwind(Box::new(payload))
        });
        let payload = handle.join().unwrap_err();
        assert_eq!(alive.load(Ordering::SeqCst), 1);
        drop(payload);
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    }
    run(|| {
        all_ways::<0>();
        all_ways::<40>();
        all_ways::<41>();
        all_ways::<1000>();
    });
}

#[test]
fn nothing_is_lost_when_handles_go_while_goroutines_end() {
    let alive = Arc::new(AtomicIsize::new(0));
    run(|| {
        for n in 0..4_000 {
            let (captured, result) = (Counted::<0>::new(&alive), Counted::<100>::new(&alive));
            let handle = go(move || {
                let _captured = captured;
                result
            });
            match n % 4 {
                0 => drop(handle),
                1 => {
                    gosched();
                    drop(handle);
                }
                2 => assert!(handle.join().unwrap().is_intact()),
                // On a plain thread, now and then.
                _ if n % 64 == 3 => drop(thread::spawn(move || drop(handle)).join()),
                _ => drop(go(move || drop(handle.join()))),
            }
        }
        eventually("all dropped", || alive.load(Ordering::SeqCst) == 0);
    });
}

#[test]
fn ids_are_unique() {
    let spawn_some = || -> Vec<u64> {
        let pairs: Vec<_> = (0..500)
            .map(|_| go(|| gort::id().unwrap()))
            .map(|handle| (handle.id(), handle.join().unwrap()))
            .collect();
        assert!(pairs.iter().all(|(outside, inside)| outside == inside));
        pairs.into_iter().map(|(id, _)| id).collect()
    };
    assert_eq!(gort::id(), None);
    let mut ids = run(move || {
        let others: Vec<_> = (0..4).map(|_| go(spawn_some)).collect();
        let mut ids: Vec<u64> = others.into_iter().flat_map(|h| h.join().unwrap()).collect();
        ids.push(gort::id().unwrap());
        ids
    });
    let threads: Vec<_> = (0..4).map(|_| thread::spawn(spawn_some)).collect();
    ids.extend(threads.into_iter().flat_map(|t| t.join().unwrap()));
    assert_eq!(ids.len(), 4001);
    assert!(!ids.contains(&0));
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
}

#[test]
fn an_id_stays_over_blocking() {
    let stays = || {
        let id = gort::id();
        (0..50).for_each(|_| gosched());
        sleep(Duration::from_millis(1));
        gort::id() == id
    };
    let handles: Vec<_> = run(|| (0..20).map(|_| go(stays)).collect());
    assert!(handles.into_iter().all(|h| h.join().unwrap()));
}

#[test]
fn names() {
    assert_eq!(gort::name(), None);
    run(|| {
        assert_eq!(gort::name(), None);
        let handle = GoBuilder::new().name("größe").go(gort::name).unwrap();
        assert_eq!(handle.name(), Some("größe"));
        assert_eq!(handle.join().unwrap().as_deref(), Some("größe"));
        let unnamed = go(gort::name);
        assert_eq!(unnamed.name(), None);
        assert_eq!(unnamed.join().unwrap(), None);
        let empty = GoBuilder::new().name("").go(gort::name).unwrap();
        assert_eq!(empty.join().unwrap().as_deref(), Some(""));
        // The slots of named goroutines come back; their names must not.
        assert!((0..1000).all(|_| go(gort::name).join().unwrap().is_none()));
    });
}

#[test]
fn a_handle_says_who_it_is() {
    run(|| {
        let (tx, rx) = chan::<()>(0);
        let handle = GoBuilder::new().name("waiter").go(move || rx.recv().is_err()).unwrap();
        let id = handle.id();
        assert_eq!(
            format!("{handle:?}"),
            format!("JoinHandle {{ id: {id}, name: Some(\"waiter\"), .. }}")
        );
        gosched();
        assert!(!handle.is_finished());
        drop(tx);
        eventually("finished", || handle.is_finished());
        assert_eq!((handle.id(), handle.name()), (id, Some("waiter")));
        assert!(handle.join().unwrap());
    });
}

/// Recurses until the stack is `bytes` below `top`; returns how deep that was.
fn dive(top: usize, bytes: usize) -> usize {
    let room = black_box([1u8; 512]);
    if top - room.as_ptr() as usize >= bytes {
        return 1;
    }
    usize::from(black_box(&room)[511]) + dive(top, bytes)
}

#[test]
fn stacks_have_the_size_asked_for() {
    // What lies above the user's first frame.
    const ABOVE: usize = 6 << 10;
    fn depth(bytes: usize) -> usize {
        let top = black_box(0u8);
        dive(std::ptr::from_ref(&top) as usize, bytes - ABOVE)
    }
    run(|| {
        for bytes in [16 << 10, 64 << 10, 100_000, 1 << 20, 64 << 20] {
            // More than one on the same stack, one after the other.
            for _ in 0..3 {
                let handle = GoBuilder::new().stack_size(bytes).go(move || depth(bytes)).unwrap();
                assert!(handle.join().unwrap() > bytes / 4000);
            }
        }
        assert!(go(|| depth(192 << 10)).join().unwrap() > 10);
    });
}

#[test]
fn stacks_keep_what_is_on_them_while_their_goroutine_waits() {
    fn fill(level: usize, rx: &gort::chan::Receiver<()>) -> usize {
        let room = black_box([level; 64]);
        if level == 0 {
            rx.recv().unwrap();
        } else {
            assert_eq!(fill(level - 1, rx), level - 1);
        }
        assert!(room.iter().all(|&word| word == level));
        level
    }
    run(|| {
        let (tx, rx) = chan(0);
        let handles: Vec<_> =
            (0..100).map(|_| rx.clone()).map(|rx| go(move || fill(40, &rx))).collect();
        (0..100).for_each(|_| tx.send(()).unwrap());
        assert!(handles.into_iter().all(|h| h.join().unwrap() == 40));
    });
}

#[test]
fn those_who_yield_take_turns() {
    let Some(output) = process("those_who_yield_take_turns", &[]) else {
        gort_on(1, || {
            let turns = Arc::new(Mutex::new(String::new()));
            let (gate, closed) = chan::<()>(0);
            let all = WaitGroup::new();
            for name in ['a', 'b', 'c'] {
                let (turns, closed) = (Arc::clone(&turns), closed.clone());
                all.go(move || {
                    let _ = closed.recv();
                    for _ in 0..1000 {
                        turns.lock().unwrap().push(name);
                        gosched();
                    }
                });
            }
            // All of them have run once and wait: from here on they are equals.
            sleep(Duration::from_millis(5));
            drop(gate);
            all.wait();
            let turns = turns.lock().unwrap();
            assert_eq!(turns.len(), 3000);
            assert_eq!(*turns, turns[..3].repeat(1000));
        });
        return;
    };
    assert_success(&output);
}

#[test]
fn one_who_yields_does_not_starve_a_new_one() {
    let Some(output) = process("one_who_yields_does_not_starve_a_new_one", &[]) else {
        gort_on(1, || {
            for _ in 0..100 {
                let ran = go(|| ());
                let yields = (0..1000).take_while(|_| !ran.is_finished()).map(|_| gosched());
                assert!(yields.count() < 100);
            }
        });
        return;
    };
    assert_success(&output);
}

/// [`run`] with `procs` processors, for a process's first call.
fn gort_on(procs: usize, f: impl FnOnce() + Send) {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { Builder::new().procs(procs).run(f) }.unwrap();
    assert_eq!(gort::gomaxprocs(0), procs);
}

#[test]
fn a_pair_that_plays_ping_pong_does_not_starve_a_third() {
    let Some(output) = process("a_pair_that_plays_ping_pong_does_not_starve_a_third", &[]) else {
        gort_on(1, || {
            let stop = Arc::new(AtomicBool::new(false));
            let (ping, pinged) = chan(0);
            let (pong, ponged) = chan(0);
            let echo = go(move || pinged.iter().take_while(|&n| pong.send(n).is_ok()).count());
            let until = Arc::clone(&stop);
            let pair = go(move || {
                let mut turns = 0;
                while !until.load(Ordering::Relaxed) {
                    ping.send(turns).unwrap();
                    assert_eq!(ponged.recv(), Ok(turns));
                    turns += 1;
                }
                turns
            });
            let begin = Instant::now();
            let third = go(move || (0..50).for_each(|_| gosched()));
            third.join().unwrap();
            // 50 slices of 10 ms, with much to spare.
            assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
            stop.store(true, Ordering::Relaxed);
            let turns = pair.join().unwrap();
            assert!(turns > 50, "{turns}");
            assert_eq!(echo.join().unwrap(), turns);
        });
        return;
    };
    assert_success(&output);
}

#[test]
fn num_goroutine_counts_those_that_have_not_ended() {
    let Some(output) = process("num_goroutine_counts_those_that_have_not_ended", &[]) else {
        assert_eq!(gort::num_goroutine(), 0);
        run(|| {
            assert_eq!(gort::num_goroutine(), 1);
            let (tx, rx) = chan::<()>(0);
            let blocked = |rx: &gort::chan::Receiver<()>| {
                let rx = rx.clone();
                move || {
                    let _ = rx.recv();
                }
            };
            let mut handles: Vec<_> = (0..1000).map(|_| go(blocked(&rx))).collect();
            let outside = blocked(&rx);
            handles.push(thread::spawn(move || go(outside)).join().unwrap());
            assert_eq!(gort::num_goroutine(), 1002);
            drop(tx);
            handles.into_iter().for_each(|h| h.join().unwrap());
            eventually("alone", || gort::num_goroutine() == 1);
        });
        eventually("none", || gort::num_goroutine() == 0);
        return;
    };
    assert_success(&output);
}

#[test]
fn plain_threads_start_and_join_goroutines() {
    run(|| ());
    let sum = |n: u64| {
        let handles: Vec<_> = (0..500).map(|m| go(move || n * m)).collect();
        handles.into_iter().map(|h| h.join().unwrap()).sum::<u64>()
    };
    let threads: Vec<_> = (0..4).map(|n| thread::spawn(move || sum(n))).collect();
    for (n, thread) in threads.into_iter().enumerate() {
        assert_eq!(thread.join().unwrap(), n as u64 * 499 * 250);
    }
    let panicked: JoinHandle<()> = go(|| resume_unwind(Box::new(77)));
    assert_eq!(panicked.join().unwrap_err().downcast_ref(), Some(&77));
    // A handle made here may be joined there, and the other way round.
    let made_here = go(|| 1);
    let made_there = run(|| (go(|| 2), made_here.join().unwrap()));
    assert_eq!((made_there.1, made_there.0.join().unwrap()), (1, 2));
}

#[test]
fn trees_of_goroutines() {
    fn leaves(depth: u32) -> u32 {
        if depth == 0 {
            return 1;
        }
        let (left, right) = (go(move || leaves(depth - 1)), go(move || leaves(depth - 1)));
        left.join().unwrap() + right.join().unwrap()
    }
    fn grow(depth: u32, all: &WaitGroup, count: &Arc<AtomicUsize>) {
        count.fetch_add(1, Ordering::Relaxed);
        for _ in 0..if depth == 0 { 0 } else { 3 } {
            let (inner, count) = (all.clone(), Arc::clone(count));
            drop(all.go(move || grow(depth - 1, &inner, &count)));
        }
    }
    assert_eq!(run(|| leaves(11)), 2048);
    let count = Arc::new(AtomicUsize::new(0));
    run(|| {
        let all = WaitGroup::new();
        grow(7, &all, &count);
        all.wait();
    });
    assert_eq!(count.load(Ordering::SeqCst), (3usize.pow(8) - 1) / 2);
}

#[test]
fn a_goroutine_outlives_the_run_that_started_it() {
    let (tx, rx) = chan(0);
    let (answers, answered) = chan(0);
    let handle = run(move || go(move || rx.iter().for_each(|n: u32| answers.send(n + 1).unwrap())));
    for n in 0..10 {
        tx.send(n).unwrap();
        assert_eq!(answered.recv(), Ok(n + 1));
    }
    drop(tx);
    handle.join().unwrap();
}

#[test]
fn run_lends_what_its_caller_has() {
    let words = ["a".to_owned(), "b".to_owned()];
    let mut longest = String::new();
    let borrowed = run(|| {
        gosched();
        longest.push_str(&words.concat());
        go(|| ()).join().unwrap();
        &words[1]
    });
    assert_eq!((borrowed.as_str(), longest.as_str()), ("b", "ab"));
}

#[test]
fn run_panics_with_what_its_function_panics_with() {
    let alive = Arc::new(AtomicIsize::new(0));
    let captured = Counted::<100>::new(&alive);
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        run(|| {
            let _captured = captured;
            gosched();
            resume_unwind(Box::new(5u64));
        })
    }));
    assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&5u64));
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    assert_eq!(run(|| 6), 6);
}

#[test]
fn several_threads_are_in_run_at_once() {
    let (tx, rx) = chan(0);
    let meet = |n: u32| {
        let (tx, rx) = (tx.clone(), rx.clone());
        // Halves that can only go on together.
        move || run(|| if n < 4 { tx.send(n).map(|()| n) } else { Ok(rx.recv().unwrap() + 4) })
    };
    let threads: Vec<_> = (0..8).map(|n| thread::spawn(meet(n))).collect();
    let mut met: Vec<u32> = threads.into_iter().map(|t| t.join().unwrap().unwrap()).collect();
    met.sort_unstable();
    assert_eq!(met, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn run_inside_a_goroutine_is_refused() {
    let expected = "gort: run was called inside a goroutine; call the function directly";
    run(|| {
        // SAFETY: nothing here keeps a thread's own data over a blocking call.
        let refused = unsafe { Builder::new().run(|| 1) };
        assert!(matches!(refused, Err(RunError::InsideGoroutine)), "{refused:?}");
        assert_eq!(RunError::InsideGoroutine.to_string(), expected);
        let payload = go(|| run(|| 1)).join().unwrap_err();
        assert_eq!(text_of(&*payload), expected);
        let payload = catch_unwind(|| run(|| 1)).unwrap_err();
        assert_eq!(text_of(&*payload), expected);
    });
}

#[test]
fn a_storm_of_goroutines_all_run() {
    const STORM: usize = 100_000;
    let count = Arc::new(AtomicUsize::new(0));
    run(|| {
        let all = WaitGroup::new();
        for _ in 0..STORM {
            let count = Arc::clone(&count);
            drop(all.go(move || count.fetch_add(1, Ordering::Relaxed)));
        }
        all.wait();
    });
    assert_eq!(count.load(Ordering::SeqCst), STORM);
}
