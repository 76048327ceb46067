//! What waits, locks and hands over without a word from the allocator.
//!
//! Every test runs its load in a process of its own, first to warm up and then counted. Nothing else
//! runs meanwhile, so not one allocation of any thread is expected. But a thread that waits for a
//! lock inside the scheduler for the first time makes itself known to `parking_lot`, which takes
//! memory once a thread; so the load is counted a few times, and once it has to be without any.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gort::net::{TcpListener, TcpStream};
use gort::sync::{Barrier, Cond, Mutex, Once, OnceValue, RwMutex, Semaphore, WaitGroup};
use gort::{chan, go, gosched, select};

#[path = "support/process.rs"]
mod process;

/// Counts while it is told to.
struct Counting;

static COUNTED: AtomicUsize = AtomicUsize::new(0);
static COUNTS: AtomicBool = AtomicBool::new(false);

// SAFETY: all is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            COUNTED.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: by the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: by the caller's promise.
        unsafe { System.dealloc(place, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `load`, which may make what it likes and returns what is to be counted, in a process of its
/// own: as the first goroutine, with two processors.
fn expect_none<F: FnMut()>(test: &str, load: impl FnOnce() -> F + Send) {
    if let Some(output) = process::process(test, &[("GOMAXPROCS", "2")]) {
        return process::assert_success(&output);
    }
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe {
        gort::run(|| {
            let mut counted = load();
            for _ in 0..20 {
                counted();
            }
            gort::sleep(Duration::from_millis(20));
            let counts: Vec<_> = (0..6).map(|_| count(&mut counted)).collect();
            assert!(counts.contains(&0), "allocations: {counts:?}");
        });
    }
}

/// How many allocations there are while the load runs a hundred times.
fn count(load: &mut impl FnMut()) -> usize {
    COUNTED.store(0, Ordering::Relaxed);
    COUNTS.store(true, Ordering::Relaxed);
    (0..100).for_each(|_| load());
    COUNTS.store(false, Ordering::Relaxed);
    COUNTED.load(Ordering::Relaxed)
}

/// The counter counts.
#[test]
fn an_allocation_is_seen() {
    if let Some(output) = process::process("an_allocation_is_seen", &[]) {
        return process::assert_success(&output);
    }
    COUNTS.store(true, Ordering::Relaxed);
    drop(black_box(Box::new(1)));
    COUNTS.store(false, Ordering::Relaxed);
    assert!(COUNTED.load(Ordering::Relaxed) >= 1);
}

/// Annotations that nobody takes, and labels and tasks that come and go.
#[test]
fn annotations_without_a_trace() {
    use gort::labels::{self, Labels};
    use gort::{Context, trace};
    expect_none("annotations_without_a_trace", || {
        let ctx = Context::background();
        let (task, own) = (trace::task("task"), Labels::from([("key", "value")]));
        move || {
            let _working = task.enter();
            labels::set(black_box(&own));
            let _region = trace::region(black_box("region"));
            trace::with_region(&ctx, "region", || trace::event("category", "message"));
            trace::log(&ctx, "category", "message");
            trace::logf!(&ctx, "category", "{:?}", black_box(&own).to_string());
            trace::eventf!("category", "{:?}", black_box(&own).to_string());
            trace::task("another").end();
            labels::set(&labels::current());
        }
    });
}

/// Annotations while a trace is taken: its memory comes in pieces, each for thousands of them.
#[test]
fn annotations_in_a_trace() {
    use gort::{Context, trace};
    expect_none("annotations_in_a_trace", || {
        trace::start(std::io::sink()).unwrap();
        let ctx = Context::background();
        let mut count = 0;
        move || {
            let (ctx, _task) = (&ctx, trace::task("task"));
            trace::with_region(ctx, "region", || trace::log(ctx, "category", "message"));
            count += 1;
            trace::logf!(ctx, "category", "message {count}");
        }
    });
}

/// Starts goroutines that do `part` each time the returned function is called, and waits for them
/// by way of channels.
fn parties(count: usize, part: impl Fn(usize) + Send + Sync + 'static) -> impl FnMut() {
    let part = Arc::new(part);
    let (begin, may_begin) = chan::<()>(0);
    let (end, has_ended) = chan::<()>(0);
    for n in 0..count {
        let (part, may_begin, end) = (Arc::clone(&part), may_begin.clone(), end.clone());
        go(move || {
            for () in may_begin {
                part(n);
                if end.send(()).is_err() {
                    return;
                }
            }
        });
    }
    move || {
        (0..count).for_each(|_| begin.send(()).unwrap());
        (0..count).for_each(|_| has_ended.recv().unwrap());
    }
}

#[test]
fn channels() {
    expect_none("channels", || {
        let (tx, rx) = chan(4);
        parties(4, move |n| {
            for value in 0..100 {
                if n % 2 == 0 { tx.send(value).unwrap() } else { assert!(rx.recv().is_ok()) }
            }
        })
    });
}

#[test]
fn channels_with_a_limit() {
    expect_none("channels_with_a_limit", || {
        let (_tx, rx) = chan::<()>(0);
        parties(2, move |_| assert!(rx.recv_timeout(Duration::from_micros(50)).is_err()))
    });
}

/// Up to 8 arms that send or receive, of which some wait and some do not.
#[test]
fn selects() {
    expect_none("selects", || {
        let (txs, rxs): (Vec<_>, Vec<_>) = (0..8).map(|n| chan::<usize>(n % 2)).unzip();
        parties(4, move |n| {
            for value in 0..100 {
                match n % 2 {
                    0 => select! {
                        send(txs[0], value) -> s => s.unwrap(),
                        send(txs[1], value) -> s => s.unwrap(),
                        send(txs[2], value) -> s => s.unwrap(),
                        send(txs[7], value) -> s => s.unwrap(),
                        after(Duration::from_secs(60)) => unreachable!(),
                    },
                    _ => {
                        let got = select! {
                            recv(rxs[0]) -> v => v,
                            recv(rxs[1]) -> v => v,
                            recv(rxs[2]) -> v => v,
                            recv(rxs[3]) -> v => v,
                            recv(rxs[4]) -> v => v,
                            recv(rxs[5]) -> v => v,
                            recv(rxs[6]) -> v => v,
                            recv(rxs[7]) -> v => v,
                        };
                        assert!(got.is_ok());
                    }
                }
            }
            select! { recv(rxs[3]) -> _ => unreachable!(), default => {} }
            select! { after(Duration::from_micros(20)) => {} }
        })
    });
}

#[test]
fn mutex_alone() {
    expect_none("mutex_alone", || {
        let mutex = Mutex::new(0);
        move || {
            *mutex.lock() += 1;
            let guard = mutex.try_lock().unwrap();
            assert!(mutex.try_lock().is_none());
            drop(guard);
        }
    });
}

#[test]
fn mutex_contended() {
    expect_none("mutex_contended", || {
        let mutex = Mutex::new(0);
        parties(8, move |_| {
            for turn in 0..20 {
                let mut guard = mutex.lock();
                *guard += 1;
                if turn % 8 == 0 {
                    gosched();
                }
            }
        })
    });
}

#[test]
fn rw_mutex() {
    expect_none("rw_mutex", || {
        let lock = RwMutex::new(0);
        parties(8, move |n| {
            for turn in 0..20 {
                if n % 4 == 0 {
                    let mut guard = lock.write();
                    *guard += 1;
                    gosched();
                } else {
                    let guard = lock.read();
                    black_box(*guard);
                    if turn % 8 == 0 {
                        gosched();
                    }
                }
                drop(black_box(lock.try_read()));
                drop(black_box(lock.try_write()));
            }
        })
    });
}

#[test]
fn once() {
    static ONCES: [Once; 6] = [const { Once::new() }; 6];
    static VALUES: [OnceValue<u32>; 6] = [const { OnceValue::new(|| 5) }; 6];
    expect_none("once", || {
        // The first calls, too, when the runtime's threads have all begun.
        gort::sleep(Duration::from_millis(20));
        let firsts = ONCES.iter().zip(&VALUES).map(|(once, value)| {
            count(&mut || {
                once.call_once(|| ());
                assert_eq!(value.get(), &5);
            })
        });
        let counts: Vec<_> = firsts.collect();
        assert!(counts.contains(&0), "allocations: {counts:?}");
        || {
            ONCES[0].call_once(|| unreachable!("twice"));
            assert_eq!(*VALUES[0], 5);
        }
    });
}

#[test]
fn cond() {
    expect_none("cond", || {
        let (turn, cond) = (Mutex::new(0), Cond::new());
        parties(3, move |n| {
            for step in 0..20 {
                let mut guard = turn.lock();
                cond.wait_while(&mut guard, |turn| *turn % 3 != n);
                *guard += 1;
                if step % 2 == 0 {
                    cond.broadcast()
                } else {
                    cond.signal()
                }
                cond.broadcast();
            }
        })
    });
}

#[test]
fn cond_without_waiters_and_with_a_limit() {
    expect_none("cond_without_waiters_and_with_a_limit", || {
        let (mutex, cond) = (Mutex::new(()), Cond::new());
        parties(2, move |_| {
            cond.signal();
            cond.broadcast();
            black_box(cond.wait_timeout(&mut mutex.lock(), Duration::from_micros(50)));
        })
    });
}

#[test]
fn wait_group() {
    expect_none("wait_group", || {
        let (group, begun) = (WaitGroup::new(), Barrier::new(4));
        parties(4, move |n| {
            if n == 0 {
                group.add(1);
            }
            begun.wait();
            if n == 0 {
                gosched();
                group.done();
            }
            group.wait();
            begun.wait();
        })
    });
}

#[test]
fn semaphore() {
    expect_none("semaphore", || {
        let semaphore = Semaphore::new(3);
        parties(6, move |n| {
            for turn in 0..20 {
                let permit = semaphore.acquire(1 + (turn + n) % 3);
                if turn % 4 == 0 {
                    gosched();
                }
                drop(permit);
                drop(black_box(semaphore.try_acquire(1)));
                drop(semaphore.acquire_timeout(1, Duration::from_millis(1)));
            }
        })
    });
}

#[test]
fn sockets() {
    expect_none("sockets", || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let streams = (0..4).flat_map(|_| {
            let client = TcpStream::connect(address).unwrap();
            [client, listener.accept().unwrap().0]
        });
        let streams: Vec<_> = streams.collect();
        for (n, stream) in streams.iter().enumerate() {
            stream.set_read_timeout((n % 4 == 0).then_some(Duration::from_secs(60))).unwrap();
        }
        parties(8, move |n| {
            for _ in 0..20 {
                if n % 2 == 0 {
                    (&streams[n]).write_all(&[n as u8; 100]).unwrap();
                    (&streams[n]).read_exact(&mut [0; 100]).unwrap();
                } else {
                    (&streams[n]).read_exact(&mut [0; 100]).unwrap();
                    (&streams[n]).write_all(&[n as u8; 100]).unwrap();
                }
            }
        })
    });
}
