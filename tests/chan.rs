//! Channels: order, rendezvous, buffers, closing, timeouts, what becomes of values, and both kinds
//! of users, goroutines and plain threads.

#[path = "support/runtime.rs"]
mod runtime;

use std::cell::Cell;
use std::fmt::{Debug, Display};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::chan::{
    CloseError, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender,
    TryRecvError, TrySendError,
};
use gort::{chan, go, gosched, sleep};
use runtime::{PATIENCE, eventually, run};

/// For what must not happen: long enough that it would.
const WHILE: Duration = Duration::from_millis(20);

/// A part of a test that runs beside it, on a goroutine or a plain thread.
struct Beside<T> {
    goroutine: Option<gort::JoinHandle<()>>,
    /// The result. To wait for a thread here takes no processor away from goroutines.
    end: Receiver<T>,
}

impl<T: Send + 'static> Beside<T> {
    fn start(on_thread: bool, f: impl FnOnce() -> T + Send + 'static) -> Beside<T> {
        let (tx, end) = chan(1);
        let part = move || drop(tx.send(f()));
        if on_thread {
            thread::spawn(part);
            return Beside { goroutine: None, end };
        }
        Beside { goroutine: Some(go(part)), end }
    }

    fn join(self) -> T {
        if let Some(goroutine) = self.goroutine {
            goroutine.join().unwrap();
        }
        self.end.recv().expect("it panicked")
    }

    /// Asserts that it blocks.
    fn blocks(self) -> Beside<T> {
        sleep(WHILE);
        assert!(self.end.is_empty());
        self
    }
}

/// Runs a test four times: with goroutines and plain threads as the two sides of a channel, whose
/// test itself is a goroutine first and a plain thread then.
fn for_all_sides(test: impl Fn(bool) + Send + Sync) {
    for on_thread in [false, true] {
        run(|| test(on_thread));
        test(on_thread);
    }
}

/// Counts how many of its kind are alive.
#[derive(Debug)]
struct Counted {
    alive: Arc<AtomicIsize>,
    number: usize,
}

impl Counted {
    fn new(alive: &Arc<AtomicIsize>, number: usize) -> Counted {
        alive.fetch_add(1, Ordering::SeqCst);
        Counted { alive: Arc::clone(alive), number }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        assert!(self.alive.fetch_sub(1, Ordering::SeqCst) > 0, "dropped twice");
    }
}

#[test]
fn values_come_in_order() {
    for_all_sides(|on_thread| {
        for capacity in [0, 1, 2, 7, 100, 5000] {
            let (tx, rx) = chan(capacity);
            let sender = Beside::start(on_thread, move || {
                (0..3000).for_each(|n| tx.send(n).unwrap());
            });
            assert!(rx.iter().eq(0..3000), "capacity {capacity}");
            sender.join();
        }
    });
}

#[test]
fn without_a_buffer_both_meet() {
    for_all_sides(|on_thread| {
        let (tx, rx) = chan(0);
        assert_eq!((tx.cap(), rx.cap(), tx.len(), rx.len()), (0, 0, 0, 0));
        // The sender comes first and waits.
        let received = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&received);
        let (first, later) = (tx.clone(), tx);
        let sender = Beside::start(on_thread, move || {
            first.send(1).unwrap();
            seen.load(Ordering::SeqCst)
        });
        let sender = sender.blocks();
        assert_eq!((later.len(), rx.is_empty()), (0, true));
        received.store(true, Ordering::SeqCst);
        assert_eq!(rx.recv(), Ok(1));
        assert!(sender.join());
        // The receiver comes first and waits.
        let receiver = Beside::start(on_thread, move || rx.recv()).blocks();
        later.send(2).unwrap();
        assert_eq!(receiver.join(), Ok(2));
    });
}

#[test]
fn a_buffer_takes_as_many_as_its_capacity() {
    for_all_sides(|on_thread| {
        for capacity in [1usize, 3, 1500] {
            let (tx, rx) = chan(capacity);
            assert_eq!((tx.cap(), rx.cap()), (capacity, capacity));
            assert!(tx.is_empty() && rx.is_empty());
            for n in 0..capacity {
                tx.send(n).unwrap();
                assert_eq!((tx.len(), rx.len()), (n + 1, n + 1));
            }
            assert!(!tx.is_empty() && !rx.is_empty());
            assert_eq!(tx.try_send(capacity), Err(TrySendError::Full(capacity)));
            let last = tx.clone();
            let sender = Beside::start(on_thread, move || last.send(capacity)).blocks();
            // The first makes room for the one that waits, which moves up behind the others.
            assert_eq!(rx.recv(), Ok(0));
            sender.join().unwrap();
            assert_eq!(rx.len(), capacity);
            drop(tx);
            assert!(rx.into_iter().eq(1..=capacity));
        }
    });
}

#[test]
fn waiting_senders_and_receivers_are_served_in_order() {
    const MANY: usize = 10;

    /// Starts parts that block at once, each when the one before does.
    fn line_up<T: Send + 'static>(
        part: impl Fn(usize) -> T + Send + Clone + 'static,
    ) -> Vec<gort::JoinHandle<T>> {
        let start = |n| {
            let (part, about_to) = (part.clone(), Arc::new(AtomicBool::new(false)));
            let told = Arc::clone(&about_to);
            let handle = go(move || {
                about_to.store(true, Ordering::SeqCst);
                part(n)
            });
            eventually("about to block", || told.load(Ordering::SeqCst));
            sleep(WHILE);
            handle
        };
        (0..MANY).map(start).collect()
    }
    run(|| {
        let (tx, rx) = chan(1);
        tx.send(0).unwrap();
        let senders = line_up(move |n| tx.send(n + 1).unwrap());
        (0..=MANY).for_each(|n| assert_eq!(rx.recv(), Ok(n)));
        senders.into_iter().for_each(|h| h.join().unwrap());

        let (tx, rx) = chan(1);
        let receivers = line_up(move |_| rx.recv().unwrap());
        (0..MANY).for_each(|n| tx.send(n).unwrap());
        assert!(receivers.into_iter().map(|h| h.join().unwrap()).eq(0..MANY));
    });
}

#[test]
fn try_forms_never_wait() {
    for_all_sides(|on_thread| {
        let (tx, rx) = chan(0);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
        let other = rx.clone();
        let receiver = Beside::start(on_thread, move || other.recv());
        eventually("the receiver waits", || tx.try_send(2).is_ok());
        assert_eq!(receiver.join(), Ok(2));
        let other = tx.clone();
        let sender = Beside::start(on_thread, move || other.send(3));
        eventually("the sender waits", || rx.try_recv() == Ok(3));
        assert_eq!(sender.join(), Ok(()));
        drop(rx);
        assert_eq!(tx.try_send(4), Err(TrySendError::Closed(4)));

        let (tx, rx) = chan(1);
        assert_eq!(tx.try_send(1), Ok(()));
        assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
        tx.close().unwrap();
        assert_eq!(tx.try_send(2), Err(TrySendError::Closed(2)));
        assert_eq!(rx.try_recv(), Ok(1));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    });
}

/// Asserts that `f` took at least `least` and returns what it gave.
fn lasts<T>(least: Duration, f: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let result = f();
    let took = begin.elapsed();
    assert!(took >= least, "{took:?} instead of {least:?}");
    assert!(took < least + PATIENCE, "{took:?} instead of {least:?}");
    result
}

#[test]
fn timeouts_end_waits() {
    for_all_sides(|on_thread| {
        for capacity in [0, 1] {
            let (tx, rx) = chan(capacity);
            let timed_out = Err(RecvTimeoutError::Timeout);
            assert_eq!(lasts(WHILE, || rx.recv_timeout(WHILE)), timed_out);
            assert_eq!(rx.recv_timeout(Duration::ZERO), timed_out);
            (0..capacity).for_each(|n| tx.send(n).unwrap());
            let timed_out = Err(SendTimeoutError::Timeout(9));
            assert_eq!(lasts(WHILE, || tx.send_timeout(9, WHILE)), timed_out);
            assert_eq!(tx.send_timeout(9, Duration::ZERO), timed_out);
            assert!(rx.iter().take(capacity).eq(0..capacity));
            // Whoever timed out left no trace in the queues: what follows meets others.
            let other = rx.clone();
            let receiver = Beside::start(on_thread, move || other.recv_timeout(PATIENCE));
            tx.send_timeout(5, PATIENCE).unwrap();
            assert_eq!(receiver.join(), Ok(5));
            let other = tx.clone();
            let sender = Beside::start(on_thread, move || other.send_timeout(6, PATIENCE));
            assert_eq!(rx.recv_timeout(PATIENCE), Ok(6));
            sender.join().unwrap();
        }
    });
}

#[test]
fn timeouts_that_never_come() {
    for_all_sides(|on_thread| {
        for timeout in [Duration::MAX, Duration::from_secs(u64::MAX / 1_000_000_000), PATIENCE] {
            let (tx, rx) = chan(0);
            let receiver = Beside::start(on_thread, move || rx.recv_timeout(timeout)).blocks();
            tx.send(1).unwrap();
            assert_eq!(receiver.join(), Ok(1));
            let (tx, rx) = chan(0);
            let sender = Beside::start(on_thread, move || tx.send_timeout(1, timeout)).blocks();
            assert_eq!(rx.recv(), Ok(1));
            sender.join().unwrap();
        }
    });
}

#[test]
fn what_is_there_is_received_though_the_time_is_up() {
    for_all_sides(|_| {
        let (tx, rx) = chan(2);
        tx.send_timeout(1, Duration::ZERO).unwrap();
        tx.send_timeout(2, Duration::ZERO).unwrap();
        assert_eq!(rx.recv_timeout(Duration::ZERO), Ok(1));
        tx.close().unwrap();
        assert_eq!(rx.recv_timeout(Duration::ZERO), Ok(2));
        assert_eq!(rx.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Closed));
        assert_eq!(tx.send_timeout(3, Duration::ZERO), Err(SendTimeoutError::Closed(3)));
    });
}

#[test]
fn a_closed_channel_is_drained() {
    for_all_sides(|_| {
        let (tx, rx) = chan(5);
        (0..3).for_each(|n| tx.send(n).unwrap());
        assert_eq!(tx.close(), Ok(()));
        assert_eq!(tx.close(), Err(CloseError));
        assert_eq!(tx.clone().close(), Err(CloseError));
        assert_eq!(tx.send(7), Err(SendError(7)));
        assert_eq!(rx.len(), 3);
        assert_eq!(rx.recv(), Ok(0));
        assert_eq!(rx.try_recv(), Ok(1));
        assert_eq!(rx.recv_timeout(PATIENCE), Ok(2));
        for _ in 0..2 {
            assert_eq!(rx.recv(), Err(RecvError));
            assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
            assert_eq!(rx.recv_timeout(PATIENCE), Err(RecvTimeoutError::Closed));
        }
        assert_eq!(rx.iter().next(), None);
    });
}

#[test]
fn the_last_sender_closes() {
    for_all_sides(|on_thread| {
        let (tx, rx) = chan(1);
        let clones: Vec<Sender<i32>> = (0..5).map(|_| tx.clone()).collect();
        tx.send(1).unwrap();
        drop(tx);
        let receiver = Beside::start(on_thread, move || (rx.recv(), rx.recv())).blocks();
        drop(clones);
        assert_eq!(receiver.join(), (Ok(1), Err(RecvError)));
    });
}

#[test]
fn without_receivers_sends_fail() {
    for_all_sides(|on_thread| {
        for capacity in [0, 2] {
            let (tx, rx) = chan(capacity);
            let clones: Vec<Receiver<i32>> = (0..5).map(|_| rx.clone()).collect();
            (0..capacity as i32).for_each(|n| tx.send(n).unwrap());
            drop(rx);
            let other = tx.clone();
            let sender = Beside::start(on_thread, move || other.send(7)).blocks();
            drop(clones);
            assert_eq!(sender.join(), Err(SendError(7)));
            assert_eq!(tx.send(8), Err(SendError(8)));
            assert_eq!(tx.try_send(8), Err(TrySendError::Closed(8)));
            assert_eq!(tx.send_timeout(8, PATIENCE), Err(SendTimeoutError::Closed(8)));
            assert_eq!(tx.len(), 0);
        }
    });
}

#[test]
fn closing_wakes_all_who_wait() {
    for_all_sides(|on_thread| {
        let (tx, rx) = chan::<usize>(0);
        let receivers: Vec<_> = (0..6)
            .map(|n| {
                let rx = rx.clone();
                Beside::start(on_thread ^ (n % 2 == 0), move || match n % 3 {
                    0 => rx.recv_timeout(PATIENCE).is_err_and(|e| e == RecvTimeoutError::Closed),
                    1 => rx.recv().is_err(),
                    _ => rx.iter().next().is_none(),
                })
            })
            .map(Beside::blocks)
            .collect();
        tx.close().unwrap();
        assert!(receivers.into_iter().all(Beside::join));

        let (tx, rx) = chan(1);
        tx.send(100).unwrap();
        let senders: Vec<_> = (0..6)
            .map(|n| {
                let tx = tx.clone();
                Beside::start(on_thread ^ (n % 2 == 0), move || match n % 2 {
                    0 => tx.send(n) == Err(SendError(n)),
                    _ => tx.send_timeout(n, PATIENCE) == Err(SendTimeoutError::Closed(n)),
                })
            })
            .map(Beside::blocks)
            .collect();
        tx.close().unwrap();
        assert!(senders.into_iter().all(Beside::join));
        // What those who failed wanted to send is not in the channel.
        assert!(rx.iter().eq([100]));
    });
}

#[test]
fn iterators_end_with_the_channel() {
    for_all_sides(|on_thread| {
        let (tx, rx) = chan(2);
        let sender = Beside::start(on_thread, move || (0..100).for_each(|n| tx.send(n).unwrap()));
        let mut seen = Vec::new();
        for n in &rx {
            seen.push(n);
            if n == 49 {
                break;
            }
        }
        let mut rest = rx.into_iter();
        seen.extend(&mut rest);
        assert!(seen.into_iter().eq(0..100));
        assert_eq!((rest.next(), rest.next()), (None, None));
        sender.join();
    });
}

#[test]
fn many_to_many() {
    for_all_sides(|on_thread| {
        for capacity in [0, 1, 10] {
            let (tx, rx) = chan(capacity);
            let senders: Vec<_> = (0..8u64)
                .map(|n| {
                    let tx = tx.clone();
                    let send = move || (0..500).for_each(|m| tx.send(n * 500 + m).unwrap());
                    Beside::start(on_thread ^ (n % 2 == 0), send)
                })
                .collect();
            drop(tx);
            let receivers: Vec<_> = (0..5)
                .map(|n| {
                    let rx = rx.clone();
                    let take = move || rx.iter().fold((0, 0), |(n, sum), v| (n + 1, sum + v));
                    Beside::start(on_thread ^ (n % 2 == 0), take)
                })
                .collect();
            senders.into_iter().for_each(Beside::join);
            let totals = receivers.into_iter().map(Beside::join);
            let total = totals.fold((0, 0), |(n, sum), (m, add)| (n + m, sum + add));
            assert_eq!(total, (4000, 4000 * 3999 / 2));
        }
    });
}

#[test]
fn elements_of_all_sizes() {
    fn pass<T: Clone + Debug + PartialEq + Send + 'static>(on_thread: bool, value: &T) {
        for capacity in [0, 1, 4] {
            let ((tx, rx), (sent, all)) = (chan(capacity), (value.clone(), value.clone()));
            let sender = Beside::start(on_thread, move || {
                for n in 0..40 {
                    match n % 2 {
                        0 => tx.send(sent.clone()).unwrap(),
                        _ => tx.send_timeout(sent.clone(), PATIENCE).unwrap(),
                    }
                }
            });
            assert!((0..39).all(|_| rx.recv_timeout(PATIENCE).unwrap() == all));
            assert_eq!(rx.into_iter().collect::<Vec<T>>(), [all]);
            sender.join();
        }
    }
    #[derive(Clone, Debug, PartialEq)]
    #[repr(align(128))]
    struct Wide(u8);

    for_all_sides(|on_thread| {
        pass(on_thread, &());
        pass(on_thread, &true);
        pass(on_thread, &[1u8, 2, 3]);
        pass(on_thread, &"text".to_owned());
        pass(on_thread, &Some(Box::new(5)));
        pass(on_thread, &Wide(3));
        pass(on_thread, &std::array::from_fn::<u64, 200, _>(|n| n as u64));
        pass(on_thread, &vec![7; 100_000]);
    });
}

#[test]
fn any_capacity_will_do() {
    run(|| {
        for capacity in [1 << 20, usize::MAX] {
            let (tx, rx) = chan(capacity);
            assert_eq!(tx.cap(), capacity);
            (0..5000).for_each(|n| tx.try_send(n).unwrap());
            assert!(rx.iter().take(5000).eq(0..5000));
        }
        let (tx, rx) = chan(usize::MAX);
        (0..5000).for_each(|_| tx.try_send(()).unwrap());
        drop(tx);
        assert_eq!(rx.into_iter().count(), 5000);
    });
}

#[test]
fn what_only_one_may_hold_can_be_sent() {
    run(|| {
        let (tx, rx) = chan(0);
        go(move || tx.send(Cell::new(5)));
        assert_eq!(rx.recv().unwrap().get(), 5);
        // A channel that carries a channel's end.
        let (ends, taken) = chan(1);
        let (tx, rx) = chan(0);
        ends.send(tx).unwrap();
        go(move || taken.recv().unwrap().send("through").unwrap());
        assert_eq!((rx.recv(), rx.recv()), (Ok("through"), Err(RecvError)));
    });
}

#[test]
fn values_that_are_not_sent_come_back() {
    for_all_sides(|_| {
        let alive = Arc::new(AtomicIsize::new(0));
        let make = |n| Counted::new(&alive, n);
        let (tx, rx) = chan(1);
        tx.send(make(0)).unwrap();
        let back = [
            tx.try_send(make(1)).unwrap_err().into_inner(),
            tx.send_timeout(make(2), WHILE).unwrap_err().into_inner(),
            {
                tx.close().unwrap();
                tx.send(make(3)).unwrap_err().into_inner()
            },
            tx.try_send(make(4)).unwrap_err().into_inner(),
            tx.send_timeout(make(5), WHILE).unwrap_err().into_inner(),
        ];
        assert_eq!(alive.load(Ordering::SeqCst), 6);
        assert!(back.iter().map(|c| c.number).eq(1..=5));
        drop(back);
        assert_eq!(rx.recv().unwrap().number, 0);
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn what_is_left_in_a_buffer_is_dropped_once() {
    for_all_sides(|_| {
        let alive = Arc::new(AtomicIsize::new(0));
        let filled = || {
            let (tx, rx) = chan(5);
            (0..5).for_each(|n| tx.send(Counted::new(&alive, n)).unwrap());
            (tx, rx)
        };
        let is = |expected| assert_eq!(alive.load(Ordering::SeqCst), expected);
        let (tx, rx) = filled();
        drop(tx);
        is(5);
        drop(rx.recv());
        is(4);
        drop(rx);
        is(0);
        // With the last receiver goes what nobody can receive any more.
        let (tx, rx) = filled();
        let other = rx.clone();
        drop(rx);
        is(5);
        drop(other);
        is(0);
        drop(tx);
        let (tx, rx) = filled();
        tx.close().unwrap();
        is(5);
        drop((rx, tx));
        is(0);
    });
}

#[test]
fn destructors_of_values_may_use_their_channel() {
    struct Echo(Option<Sender<Echo>>, Arc<AtomicUsize>);
    impl Drop for Echo {
        fn drop(&mut self) {
            if let Some(tx) = self.0.take() {
                assert_eq!((tx.len(), tx.cap()), (0, 2));
                let refused = tx.try_send(Echo(None, Arc::clone(&self.1)));
                assert!(matches!(refused, Err(TrySendError::Closed(_))));
            }
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }
    for_all_sides(|_| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = chan(2);
        for _ in 0..2 {
            assert!(tx.send(Echo(Some(tx.clone()), Arc::clone(&dropped))).is_ok());
        }
        drop(rx);
        assert_eq!(dropped.load(Ordering::SeqCst), 4);
    });
}

#[test]
fn debug_forms() {
    run(|| {
        let (tx, rx) = chan(3);
        tx.send(1).unwrap();
        assert_eq!(format!("{tx:?} {rx:?}"), "Sender(1 of 3) Receiver(1 of 3)");
        assert_eq!(format!("{:?}", rx.iter()), "Iter { receiver: Receiver(1 of 3) }");
        assert_eq!(format!("{:?}", rx.into_iter()), "IntoIter { receiver: Receiver(1 of 3) }");
    });
}

#[test]
fn errors_say_what_is_wrong() {
    /// No part of an error's text: it need not be printable.
    struct Opaque;

    fn check(error: impl Display + Debug, text: &str) {
        assert_eq!(error.to_string(), text);
        assert!(format!("{error:?}").contains(text), "{error:?}");
    }
    let closed = "sending on a closed channel";
    check(SendError(Opaque), closed);
    check(TrySendError::Closed(Opaque), closed);
    check(TrySendError::Full(Opaque), "sending on a full channel");
    check(SendTimeoutError::Closed(Opaque), closed);
    check(SendTimeoutError::Timeout(Opaque), "timed out sending on a full channel");
    let drained = "receiving on a closed and empty channel";
    check(RecvError, drained);
    check(TryRecvError::Closed, drained);
    check(TryRecvError::Empty, "receiving on an empty channel");
    check(RecvTimeoutError::Closed, drained);
    check(RecvTimeoutError::Timeout, "timed out receiving on an empty channel");
    check(CloseError, "closing a closed channel");
}

/// A pseudo-random sequence.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % n
    }

    fn micros(&mut self, below: u64) -> Duration {
        Duration::from_micros(self.below(below))
    }
}

/// Sends all of them by whatever way comes up.
fn produce(tx: &Sender<Counted>, values: Vec<Counted>, mut random: Random) {
    for mut value in values {
        loop {
            let refused = match random.below(4) {
                0 => tx.try_send(value).map_err(TrySendError::into_inner),
                1 => {
                    tx.send_timeout(value, random.micros(100)).map_err(SendTimeoutError::into_inner)
                }
                _ => tx.send(value).map_err(|_| unreachable!("nobody closes it")),
            };
            match refused {
                Ok(()) => break,
                Err(back) => value = back,
            }
            gosched();
        }
    }
}

/// Receives by whatever way comes up, until the channel is closed.
fn consume(rx: &Receiver<Counted>, mut random: Random) -> Vec<usize> {
    let mut numbers = Vec::new();
    loop {
        let received = match random.below(4) {
            0 => rx.try_recv().map_err(|e| e == TryRecvError::Closed),
            1 => rx.recv_timeout(random.micros(100)).map_err(|e| e == RecvTimeoutError::Closed),
            _ => rx.recv().map_err(|RecvError| true),
        };
        match received {
            Ok(value) => numbers.push(value.number),
            Err(true) => return numbers,
            Err(false) => gosched(),
        }
    }
}

#[test]
fn nothing_is_lost_and_nothing_doubled() {
    const PRODUCERS: usize = 7;
    const CONSUMERS: usize = 6;
    const EACH: usize = 1500;

    run(|| {
        for capacity in [0, 1, 3, 64] {
            let alive = Arc::new(AtomicIsize::new(0));
            let (tx, rx) = chan(capacity);
            let producers: Vec<_> = (0..PRODUCERS)
                .map(|p| {
                    let numbers = p * EACH..(p + 1) * EACH;
                    let values = numbers.map(|n| Counted::new(&alive, n)).collect();
                    let (tx, random) = (tx.clone(), Random(p as u64));
                    Beside::start(p % 3 == 0, move || produce(&tx, values, random))
                })
                .collect();
            drop(tx);
            let consumers: Vec<_> = (0..CONSUMERS)
                .map(|c| {
                    let (rx, random) = (rx.clone(), Random(c as u64 + 100));
                    Beside::start(c % 3 == 0, move || consume(&rx, random))
                })
                .collect();
            producers.into_iter().for_each(Beside::join);
            let mut numbers: Vec<usize> = consumers.into_iter().flat_map(Beside::join).collect();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..PRODUCERS * EACH), "capacity {capacity}");
            assert_eq!(alive.load(Ordering::SeqCst), 0);
        }
    });
}
