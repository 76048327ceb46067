//! Futures: `block_on` in goroutines and on plain threads, goroutines as futures.

#[path = "support/process.rs"]
mod process;
#[path = "support/runtime.rs"]
mod runtime;

use std::cell::Cell;
use std::future::{Future, IntoFuture, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use gort::{Builder, JoinHandle, block_on, chan, go, gomaxprocs, gosched, sleep};
use process::{assert_success, process};
use runtime::run;

/// [`run`] with `procs` processors, for a process's first call.
fn gort_on(procs: usize, f: impl FnOnce() + Send) {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { Builder::new().procs(procs).run(f) }.unwrap();
}

/// A value that somebody sends, once, as a future.
struct Promise<T>(Arc<Mutex<Promised<T>>>);

struct Promised<T> {
    value: Option<T>,
    waker: Option<Waker>,
    polls: usize,
}

impl<T> Clone for Promise<T> {
    fn clone(&self) -> Self {
        Promise(Arc::clone(&self.0))
    }
}

impl<T> Promise<T> {
    fn new() -> Promise<T> {
        Promise(Arc::new(Mutex::new(Promised { value: None, waker: None, polls: 0 })))
    }

    fn keep(&self, value: T) {
        let waker = {
            let mut promised = self.0.lock().unwrap();
            promised.value = Some(value);
            promised.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn waker(&self) -> Option<Waker> {
        self.0.lock().unwrap().waker.clone()
    }

    fn polls(&self) -> usize {
        self.0.lock().unwrap().polls
    }
}

impl<T> Future for Promise<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut promised = self.0.lock().unwrap();
        promised.polls += 1;
        match promised.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                promised.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// A future that wakes itself so many times.
async fn wake_myself(times: usize) {
    for _ in 0..times {
        let mut polled = false;
        let once = poll_fn(|context| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        });
        once.await;
    }
}

#[test]
fn a_ready_future_is_polled_once() {
    assert_eq!(block_on(ready(1)), 1);
    run(|| {
        assert_eq!(block_on(async { ready(2).await + ready(3).await }), 5);
        let promise = Promise::new();
        promise.keep(4);
        assert_eq!(block_on(promise.clone()), 4);
        assert_eq!(promise.polls(), 1);
    });
}

#[test]
fn a_future_need_not_be_send() {
    run(|| {
        let shared = Rc::new(Cell::new(1));
        let there = Rc::clone(&shared);
        let value = block_on(async move {
            for _ in 0..100 {
                wake_myself(1).await;
                there.set(there.get() + 1);
            }
            there
        });
        assert_eq!((value.get(), Rc::strong_count(&shared)), (101, 2));
    });
}

#[test]
fn it_is_woken_from_a_goroutine_a_thread_and_itself() {
    run(|| {
        for _ in 0..200 {
            let promise = Promise::new();
            let other = promise.clone();
            go(move || other.keep(7));
            assert_eq!(block_on(promise), 7);
        }
        for _ in 0..50 {
            let promise = Promise::new();
            let other = promise.clone();
            let thread = thread::spawn(move || other.keep(8));
            assert_eq!(block_on(promise), 8);
            thread.join().unwrap();
        }
        block_on(wake_myself(1000));
    });
    block_on(wake_myself(1000));
}

#[test]
fn a_plain_thread_blocks_until_it_is_woken() {
    // Also where no runtime was ever started: this thread may be the first.
    let promise = Promise::new();
    let other = promise.clone();
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(5));
        other.keep(9);
    });
    assert_eq!(block_on(promise), 9);
    thread.join().unwrap();
    run(|| ());
    for _ in 0..200 {
        let promise = Promise::new();
        let other = promise.clone();
        go(move || other.keep(10));
        assert_eq!(block_on(promise), 10);
    }
}

#[test]
fn only_the_goroutine_waits() {
    let Some(output) = process("only_the_goroutine_waits", &[]) else {
        return gort_on(1, || {
            let promises: Vec<Promise<usize>> = (0..1000).map(|_| Promise::new()).collect();
            let waiting: Vec<_> =
                promises.iter().cloned().map(|promise| go(move || block_on(promise))).collect();
            gosched();
            while !promises.iter().all(|promise| promise.polls() == 1) {
                gosched();
            }
            promises.iter().enumerate().for_each(|(n, promise)| promise.keep(n));
            for (n, handle) in waiting.into_iter().enumerate() {
                assert_eq!(handle.join().unwrap(), n);
            }
        });
    };
    assert_success(&output);
}

#[test]
fn one_that_wakes_itself_starves_nobody() {
    let Some(output) = process("one_that_wakes_itself_starves_nobody", &[]) else {
        return gort_on(1, || {
            let stop = Arc::new(AtomicBool::new(false));
            let until = Arc::clone(&stop);
            let restless = go(move || {
                block_on(poll_fn(|context| {
                    if until.load(Ordering::Relaxed) {
                        return Poll::Ready(());
                    }
                    context.waker().wake_by_ref();
                    Poll::Pending
                }));
            });
            (0..100).for_each(|_| gosched());
            sleep(Duration::from_millis(1));
            assert!(!restless.is_finished());
            stop.store(true, Ordering::Relaxed);
            restless.join().unwrap();
        });
    };
    assert_success(&output);
}

#[test]
fn a_future_may_block_its_goroutine() {
    run(|| {
        let (tx, rx) = chan(0);
        let sender = go(move || (0..10).for_each(|n| tx.send(n).unwrap()));
        let sum = block_on(async {
            let mut sum = 0;
            while let Ok(n) = rx.recv() {
                sum += n;
                wake_myself(2).await;
                sleep(Duration::from_micros(10));
            }
            sum
        });
        assert_eq!(sum, 45);
        sender.join().unwrap();
    });
}

#[test]
fn one_within_another() {
    let nested = || {
        let (outer, inner) = (Promise::new(), Promise::new());
        let (first, second) = (outer.clone(), inner.clone());
        go(move || {
            first.keep(1);
            gosched();
            second.keep(2);
        });
        let both = block_on(async {
            // The outer one is woken while the inner one waits: neither is lost.
            let two = block_on(inner);
            outer.await + two
        });
        assert_eq!(both, 3);
    };
    run(|| ());
    (0..100).for_each(|_| nested());
    run(|| (0..100).for_each(|_| nested()));
}

#[test]
fn wakers_outlive_what_they_wake() {
    run(|| {
        let old = Promise::new();
        let (mut wakers, waiting) = (Vec::new(), old.clone());
        let handle = go(move || block_on(waiting));
        while old.waker().is_none() {
            gosched();
        }
        wakers.extend(old.waker());
        old.keep(1);
        assert_eq!(handle.join().unwrap(), 1);
        // A second life of the same slot, blocked in something else.
        for _ in 0..100 {
            let (tx, rx) = chan::<()>(0);
            let other = go(move || rx.recv().is_err());
            gosched();
            wakers.iter().for_each(Waker::wake_by_ref);
            gosched();
            assert!(!other.is_finished());
            drop(tx);
            assert!(other.join().unwrap());
        }
        wakers.clear();
    });
}

#[test]
fn many_wake_it_at_once() {
    run(|| {
        for _ in 0..100 {
            let left = Arc::new(AtomicUsize::new(8));
            let waker = Arc::new(Mutex::new(None::<Waker>));
            let wakers: Vec<_> = (0..8)
                .map(|_| {
                    let (left, waker) = (Arc::clone(&left), Arc::clone(&waker));
                    go(move || {
                        left.fetch_sub(1, Ordering::SeqCst);
                        let waker = waker.lock().unwrap().clone();
                        waker.into_iter().for_each(Waker::wake);
                    })
                })
                .collect();
            block_on(poll_fn(|context| {
                *waker.lock().unwrap() = Some(context.waker().clone());
                match left.load(Ordering::SeqCst) {
                    0 => Poll::Ready(()),
                    _ => Poll::Pending,
                }
            }));
            wakers.into_iter().for_each(|handle| handle.join().unwrap());
        }
    });
}

#[test]
fn a_panic_in_a_future_comes_out() {
    let panics = || {
        let unwound = catch_unwind(|| block_on(async { std::panic::panic_any(5u8) }));
        assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&5u8));
        assert_eq!(block_on(ready(6)), 6);
    };
    panics();
    run(panics);
}

#[test]
fn a_destructor_may_wait_for_a_future_while_a_panic_unwinds() {
    struct Waits(Promise<u32>, Arc<AtomicUsize>);
    impl Drop for Waits {
        fn drop(&mut self) {
            block_on(wake_myself(3));
            let kept = block_on(self.0.clone());
            self.1.store(kept as usize, Ordering::SeqCst);
        }
    }
    run(|| {
        for n in 1..20 {
            let (promise, seen) = (Promise::new(), Arc::new(AtomicUsize::new(0)));
            let waits = Waits(promise.clone(), Arc::clone(&seen));
            let broken = go(move || {
                let _waits = waits;
                std::panic::resume_unwind(Box::new(()));
            });
            sleep(Duration::from_micros(50));
            promise.keep(n);
            assert!(broken.join().is_err());
            assert_eq!(seen.load(Ordering::SeqCst), n as usize);
        }
    });
}

#[test]
fn a_hundred_thousand_futures() {
    run(|| {
        let sum: usize = (0..100_000).map(|n| block_on(ready(n))).sum();
        assert_eq!(sum, 99_999 * 50_000);
        let promises: Vec<Promise<usize>> = (0..10_000).map(|_| Promise::new()).collect();
        let handles: Vec<_> =
            promises.iter().cloned().map(|promise| go(move || block_on(promise))).collect();
        promises.iter().enumerate().for_each(|(n, promise)| promise.keep(n));
        let sum: usize = handles.into_iter().map(|handle| handle.join().unwrap()).sum();
        assert_eq!(sum, 9_999 * 5_000);
    });
}

/// Another runtime's executor: it blocks its thread by std's means.
fn block_on_thread<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = std::pin::pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_goroutine_is_a_future() {
    let awaits = || {
        for n in 0..100 {
            let soon = go(move || n);
            let later = go(move || {
                sleep(Duration::from_micros(n));
                n
            });
            let broken: JoinHandle<()> = go(|| resume_unwind(Box::new(5u8)));
            let sum = block_on(async { soon.await.unwrap() + later.await.unwrap() });
            assert_eq!(sum, 2 * n);
            assert_eq!(block_on(broken).unwrap_err().downcast_ref(), Some(&5u8));
        }
    };
    run(|| ());
    awaits();
    run(awaits);
}

#[test]
fn a_goroutine_is_a_future_of_another_executor() {
    run(|| ());
    let threads: Vec<_> = (0..4u64)
        .map(|thread| {
            thread::spawn(move || {
                let sum = block_on_thread(async {
                    let mut sum = 0;
                    for n in 0..200 {
                        let handle = go(move || {
                            (0..n % 3).for_each(|_| gosched());
                            n * thread
                        });
                        sum += handle.await.unwrap();
                    }
                    sum
                });
                assert_eq!(sum, 199 * 100 * thread);
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Polls once, with a waker that counts.
fn poll_once<F: Future + Unpin>(future: &mut F, woken: &Arc<AtomicUsize>) -> Poll<F::Output> {
    struct Count(Arc<AtomicUsize>);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let waker = Waker::from(Arc::new(Count(Arc::clone(woken))));
    Pin::new(future).poll(&mut Context::from_waker(&waker))
}

#[test]
fn the_last_waker_counts() {
    run(|| {
        let (tx, rx) = chan::<()>(0);
        let mut future = go(move || rx.recv().is_err()).into_future();
        let wakes: Vec<_> = (0..5).map(|_| Arc::new(AtomicUsize::new(0))).collect();
        for woken in &wakes {
            assert!(poll_once(&mut future, woken).is_pending());
        }
        drop(tx);
        while wakes[4].load(Ordering::SeqCst) == 0 {
            gosched();
        }
        let counts: Vec<_> = wakes.iter().map(|woken| woken.load(Ordering::SeqCst)).collect();
        assert_eq!(counts, [0, 0, 0, 0, 1]);
        let ready = poll_once(&mut future, &wakes[0]);
        assert!(matches!(ready, Poll::Ready(Ok(true))));
        let again = catch_unwind(AssertUnwindSafe(|| poll_once(&mut future, &wakes[0])));
        assert!(again.is_err());
    });
}

#[test]
fn a_join_future_that_is_dropped_detaches() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    run(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let woken = Arc::new(AtomicUsize::new(0));
        for n in 0..1000 {
            let result = Counted(Arc::clone(&dropped));
            let mut future = go(move || {
                (0..n % 4).for_each(|_| gosched());
                result
            })
            .into_future();
            if n % 2 == 0 {
                drop(poll_once(&mut future, &woken));
            }
            (0..n % 5).for_each(|_| gosched());
            drop(future);
        }
        while dropped.load(Ordering::SeqCst) < 1000 {
            gosched();
        }
        assert_eq!(dropped.load(Ordering::SeqCst), 1000);
    });
}

#[test]
fn a_goroutine_that_awaits_itself_panics() {
    run(|| {
        let (tx, rx) = chan::<JoinHandle<()>>(1);
        let (said, hear) = chan(1);
        let handle = go(move || {
            let own = rx.recv().unwrap();
            let unwound = catch_unwind(AssertUnwindSafe(|| block_on(own))).map(drop).unwrap_err();
            said.send(unwound.downcast_ref::<&str>().map(|text| text.to_string())).unwrap();
        });
        tx.send(handle).unwrap();
        assert_eq!(hear.recv().unwrap().as_deref(), Some("gort: a goroutine joined itself"));
    });
}

#[test]
fn a_waker_that_panics_is_a_panic_that_nobody_sees() {
    struct Bad;
    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            panic!("a bad waker");
        }
    }
    let Some(output) = process("a_waker_that_panics_is_a_panic_that_nobody_sees", &[]) else {
        return run(|| {
            let (tx, rx) = chan::<()>(0);
            let mut future = go(move || rx.recv().is_err()).into_future();
            let waker = Waker::from(Arc::new(Bad));
            assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
            drop(tx);
            loop {
                gosched();
            }
        });
    };
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("a bad waker"));
}

/// A goroutine that unwinds keeps its thread, but not the processor when it yields.
#[test]
fn a_goroutine_that_unwinds_yields() {
    struct Yields(Arc<AtomicUsize>, Arc<AtomicBool>);
    impl Drop for Yields {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
            let end = Instant::now() + Duration::from_secs(20);
            let others_ran = || self.1.load(Ordering::SeqCst) || Instant::now() > end;
            block_on(poll_fn(|cx| match others_ran() {
                true => Poll::Ready(()),
                false => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            }));
        }
    }
    run(|| {
        let (unwinding, go_on): (Arc<AtomicUsize>, Arc<AtomicBool>) = Default::default();
        let n = gomaxprocs(0) + 1;
        let begin = Instant::now();
        let goroutines: Vec<_> = (0..n)
            .map(|_| {
                let yields = Yields(Arc::clone(&unwinding), Arc::clone(&go_on));
                go(move || {
                    let _yields = yields;
                    panic!("to unwind");
                })
            })
            .collect();
        while unwinding.load(Ordering::SeqCst) < n {
            gosched();
        }
        go_on.store(true, Ordering::SeqCst);
        for goroutine in goroutines {
            let panic = goroutine.join().unwrap_err();
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"to unwind"));
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "nobody else ran");
    });
}
