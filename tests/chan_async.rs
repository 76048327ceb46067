//! Channels and futures: `send_async`, `recv_async`, with goroutines and threads at the other end,
//! and futures that are dropped at every moment.

#[path = "support/process.rs"]
mod process;
#[path = "support/runtime.rs"]
mod runtime;

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use gort::chan::{
    Receiver, RecvError, RecvFuture, SendError, SendFuture, Sender, TryRecvError, TrySendError,
};
use gort::{block_on, chan, go, gosched, select, sleep};
use process::{assert_success, process};
use runtime::run;

/// For what must not happen: long enough that it would.
const WHILE: Duration = Duration::from_millis(20);

/// A waker that counts.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Polls once, with this bell.
fn poll<F: Future>(future: Pin<&mut F>, bell: &Arc<Bell>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::clone(bell));
    future.poll(&mut Context::from_waker(&waker))
}

/// Counts those alive.
#[derive(Debug)]
struct Counted(Arc<AtomicIsize>, usize);

impl Counted {
    fn new(alive: &Arc<AtomicIsize>, number: usize) -> Counted {
        alive.fetch_add(1, Ordering::SeqCst);
        Counted(Arc::clone(alive), number)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_future_receives_from_everybody() {
    for capacity in [0, 1, 5] {
        run(move || {
            let (tx, rx) = chan(capacity);
            let (from_thread, from_future) = (tx.clone(), tx.clone());
            go(move || tx.send(1).unwrap());
            thread::spawn(move || from_thread.send(2).unwrap());
            go(move || block_on(from_future.send_async(3)).unwrap());
            let mut got = block_on(async {
                let mut got = Vec::new();
                while let Ok(value) = rx.recv_async().await {
                    got.push(value);
                }
                got
            });
            got.sort_unstable();
            assert_eq!(got, [1, 2, 3]);
        });
    }
}

#[test]
fn everybody_receives_from_a_future() {
    let (tx, rx) = chan(0);
    let on_thread = rx.clone();
    let receiver = thread::spawn(move || on_thread.recv().unwrap());
    block_on(tx.send_async(1)).unwrap();
    assert_eq!(receiver.join().unwrap(), 1);
    run(|| {
        let rx = rx.clone();
        let receiver = go(move || select! { recv(rx) -> v => v.unwrap() });
        block_on(tx.send_async(2)).unwrap();
        assert_eq!(receiver.join().unwrap(), 2);
    });
    // One that waits is found by a receive that does not.
    let bell = Arc::default();
    let mut send = pin!(tx.send_async(3));
    assert!(poll(send.as_mut(), &bell).is_pending());
    assert_eq!((rx.try_recv(), bell.rings()), (Ok(3), 1));
    assert_eq!(poll(send, &bell), Poll::Ready(Ok(())));
}

#[test]
fn a_buffer_needs_no_partner() {
    let (tx, rx) = chan(1);
    let bell = Arc::default();
    assert_eq!(poll(pin!(tx.send_async(1)), &bell), Poll::Ready(Ok(())));
    let mut second = pin!(tx.send_async(2));
    assert!(poll(second.as_mut(), &bell).is_pending());
    assert_eq!(poll(pin!(rx.recv_async()), &bell), Poll::Ready(Ok(1)));
    assert_eq!(bell.rings(), 1);
    assert_eq!(poll(second, &bell), Poll::Ready(Ok(())));
    assert_eq!(poll(pin!(rx.recv_async()), &bell), Poll::Ready(Ok(2)));
}

#[test]
fn two_futures_meet() {
    for receiver_first in [true, false] {
        let (tx, rx) = chan(0);
        let (sends, receives) = (Arc::default(), Arc::default());
        let mut send = pin!(tx.send_async("hello"));
        let mut receive = pin!(rx.recv_async());
        if receiver_first {
            assert!(poll(receive.as_mut(), &receives).is_pending());
            assert!(poll(send.as_mut(), &sends).is_pending());
            assert_eq!(receives.rings(), 1);
        } else {
            assert!(poll(send.as_mut(), &sends).is_pending());
        }
        assert_eq!(poll(receive, &receives), Poll::Ready(Ok("hello")));
        assert_eq!(sends.rings(), 1);
        assert_eq!(poll(send, &sends), Poll::Ready(Ok(())));
    }
}

#[test]
fn the_end_of_the_channel_reaches_futures() {
    let (tx, rx) = chan::<u32>(0);
    let (sends, receives) = (Arc::default(), Arc::default());
    let other_tx = tx.clone();
    let mut send = pin!(tx.send_async(7));
    assert!(poll(send.as_mut(), &sends).is_pending());
    other_tx.close().unwrap();
    assert_eq!(sends.rings(), 1);
    assert_eq!(poll(send, &sends), Poll::Ready(Err(SendError(7))));
    assert_eq!(poll(pin!(tx.send_async(8)), &sends), Poll::Ready(Err(SendError(8))));
    assert_eq!(poll(pin!(rx.recv_async()), &receives), Poll::Ready(Err(RecvError)));

    let (tx, rx) = chan::<u32>(1);
    let mut receive = pin!(rx.recv_async());
    assert!(poll(receive.as_mut(), &receives).is_pending());
    drop(tx);
    assert_eq!(receives.rings(), 1);
    assert_eq!(poll(receive, &receives), Poll::Ready(Err(RecvError)));
    let mut never = pin!(async { gort::chan::never::<u32>().recv_async().await });
    assert!(poll(never.as_mut(), &receives).is_pending());
}

/// The last waker is the one that is called.
#[test]
fn a_future_may_change_its_task() {
    let (tx, rx) = chan(1);
    let (first, second) = (Arc::default(), Arc::default());
    let mut receive = pin!(rx.recv_async());
    assert!(poll(receive.as_mut(), &first).is_pending());
    assert!(poll(receive.as_mut(), &second).is_pending());
    tx.send(1).unwrap();
    assert_eq!((first.rings(), second.rings()), (0, 1));
    assert_eq!(Arc::strong_count(&first), 1);
    assert_eq!(poll(receive, &second), Poll::Ready(Ok(1)));
    assert_eq!(Arc::strong_count(&second), 1);

    let mut fill = pin!(tx.send_async(2));
    assert_eq!(poll(fill.as_mut(), &first), Poll::Ready(Ok(())));
    let mut send = pin!(tx.send_async(3));
    assert!(poll(send.as_mut(), &first).is_pending());
    assert!(poll(send.as_mut(), &second).is_pending());
    assert_eq!(rx.recv(), Ok(2));
    assert_eq!((first.rings(), second.rings()), (0, 2));
    assert_eq!(poll(send, &second), Poll::Ready(Ok(())));
}

/// One value tells one future, and one that is dropped passes it on.
#[test]
fn what_a_dropped_future_was_told_is_passed_on() {
    for capacity in [0, 1] {
        let (tx, rx) = chan(capacity);
        let bells: [Arc<Bell>; 3] = Default::default();
        let mut futures: Vec<_> = (0..3).map(|_| Box::pin(rx.recv_async())).collect();
        for (future, bell) in futures.iter_mut().zip(&bells) {
            assert!(poll(future.as_mut(), bell).is_pending());
        }
        let rings = || bells.each_ref().map(|bell| bell.rings());
        let mut send = pin!(tx.send_async(5));
        assert_eq!(poll(send.as_mut(), &Arc::default()).is_ready(), capacity == 1);
        assert_eq!(rings(), [1, 0, 0]);
        // One that waits only is dropped: nothing to pass on.
        drop(futures.remove(1));
        assert_eq!(rings(), [1, 0, 0]);
        drop(futures.remove(0));
        assert_eq!(rings(), [1, 0, 1]);
        assert_eq!(poll(futures.remove(0).as_mut(), &bells[2]), Poll::Ready(Ok(5)));
        assert_eq!(rings(), [1, 0, 1]);
    }
}

/// What is told may be gone when the future looks; it then waits on.
#[test]
fn somebody_else_may_be_faster() {
    let (tx, rx) = chan(1);
    let bell = Arc::default();
    let mut receive = pin!(rx.recv_async());
    assert!(poll(receive.as_mut(), &bell).is_pending());
    tx.send(1).unwrap();
    assert_eq!(rx.recv(), Ok(1));
    assert!(poll(receive.as_mut(), &bell).is_pending());
    tx.send(2).unwrap();
    assert_eq!(bell.rings(), 2);
    assert_eq!(poll(receive, &bell), Poll::Ready(Ok(2)));
}

/// A value is never given to a future that might be dropped, so an offer of a moment fails.
#[test]
fn try_send_finds_no_future() {
    let (tx, rx) = chan(0);
    let bell = Arc::default();
    let mut receive = pin!(rx.recv_async());
    assert!(poll(receive.as_mut(), &bell).is_pending());
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    // A send that waits tells the future.
    let sender = thread::spawn(move || tx.send(2));
    while bell.rings() == 0 {
        thread::sleep(Duration::from_micros(100));
    }
    assert_eq!(poll(receive, &bell), Poll::Ready(Ok(2)));
    sender.join().unwrap().unwrap();
}

#[test]
fn values_of_dropped_sends_are_dropped_once() {
    let alive = Arc::default();
    let (tx, rx) = chan(1);
    drop(tx.send_async(Counted::new(&alive, 0)));
    assert_eq!(alive.load(Ordering::SeqCst), 0, "never polled");
    let bell = Arc::default();
    for taken in [false, true] {
        assert!(poll(pin!(tx.send_async(Counted::new(&alive, 1))), &bell).is_ready());
        let mut send = Box::pin(tx.send_async(Counted::new(&alive, 2)));
        assert!(poll(send.as_mut(), &bell).is_pending());
        assert_eq!(rx.recv().unwrap().1, 1);
        if taken {
            // It lies in the buffer now, whatever becomes of the future.
            drop(send);
            assert_eq!(alive.load(Ordering::SeqCst), 1);
        } else {
            assert!(poll(send.as_mut(), &bell).is_ready());
        }
        assert_eq!(rx.recv().unwrap().1, 2);
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    }
    let mut waiting = Box::pin(tx.send_async(Counted::new(&alive, 3)));
    assert!(poll(waiting.as_mut(), &bell).is_ready());
    let mut waiting = Box::pin(tx.send_async(Counted::new(&alive, 4)));
    assert!(poll(waiting.as_mut(), &bell).is_pending());
    drop(waiting);
    assert_eq!(alive.load(Ordering::SeqCst), 1);
    drop(rx);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
#[should_panic(expected = "polled after its end")]
fn a_send_is_polled_to_its_end_only() {
    let (tx, _rx) = chan(1);
    let mut send = pin!(tx.send_async(1));
    assert!(poll(send.as_mut(), &Arc::default()).is_ready());
    let _ = poll(send, &Arc::default());
}

/// A future that is polled a few times and then dropped, at a moment that others do not choose.
struct Fickle<F> {
    future: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for Fickle<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(value) = self.future.as_mut().poll(cx) {
            return Poll::Ready(Some(value));
        }
        match self.polls.checked_sub(1) {
            Some(left) => self.polls = left,
            None => return Poll::Ready(None),
        }
        // Somebody wakes it, or it gives up by itself.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn fickle<F: Future>(future: F, polls: usize) -> Fickle<F> {
    Fickle { future: Box::pin(future), polls }
}

/// Futures, goroutines and threads on one channel: each value arrives once, whoever gives up.
#[test]
fn nothing_is_lost_under_load() {
    const PARTIES: usize = 9;
    const VALUES: usize = 300;
    for capacity in [0, 1, 4] {
        let alive: Arc<AtomicIsize> = Arc::default();
        let seen: Arc<Vec<AtomicUsize>> =
            Arc::new((0..PARTIES * VALUES).map(|_| AtomicUsize::new(0)).collect());
        run(|| {
            let (tx, rx) = chan::<Counted>(capacity);
            let senders: Vec<_> = (0..PARTIES)
                .map(|n| {
                    let (tx, alive) = (tx.clone(), Arc::clone(&alive));
                    beside(n, move || produce(&tx, &alive, n * VALUES..(n + 1) * VALUES, n))
                })
                .collect();
            drop(tx);
            let receivers: Vec<_> = (0..PARTIES)
                .map(|n| {
                    let (rx, seen) = (rx.clone(), Arc::clone(&seen));
                    beside(n + 1, move || consume(&rx, &seen, n))
                })
                .collect();
            senders.into_iter().chain(receivers).for_each(|end| end.recv().unwrap());
        });
        assert!(seen.iter().all(|n| n.load(Ordering::SeqCst) == 1));
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    }
}

fn produce(
    tx: &Sender<Counted>,
    alive: &Arc<AtomicIsize>,
    numbers: std::ops::Range<usize>,
    kind: usize,
) {
    for number in numbers {
        let value = Counted::new(alive, number);
        match kind % 3 {
            0 => tx.send(value).unwrap(),
            1 => block_on(tx.send_async(value)).unwrap(),
            // Many futures at once, of which this one is polled last.
            _ => block_on(async {
                let mut send = pin!(tx.send_async(value));
                let mut polled = false;
                std::future::poll_fn(|cx| {
                    let result = send.as_mut().poll(cx);
                    if result.is_pending() && !std::mem::replace(&mut polled, true) {
                        cx.waker().wake_by_ref();
                    }
                    result
                })
                .await
            })
            .unwrap(),
        }
        if number % 16 == kind {
            gosched();
        }
    }
}

fn consume(rx: &Receiver<Counted>, seen: &[AtomicUsize], kind: usize) {
    let note = |value: Counted| assert_eq!(seen[value.1].fetch_add(1, Ordering::SeqCst), 0);
    for round in 0.. {
        let got = match kind % 4 {
            0 => rx.recv(),
            1 => block_on(rx.recv_async()),
            2 => match block_on(fickle(rx.recv_async(), round % 3)) {
                Some(got) => got,
                None => continue,
            },
            _ => select! {
                recv(rx) -> got => got,
                after(Duration::from_micros(50)) => continue,
            },
        };
        match got {
            Ok(value) => note(value),
            Err(RecvError) => return,
        }
    }
}

/// On a goroutine, or every third on a thread.
fn beside(n: usize, f: impl FnOnce() + Send + 'static) -> Receiver<()> {
    let (tx, rx) = chan(1);
    let part = move || {
        f();
        tx.send(()).unwrap();
    };
    if n.is_multiple_of(3) {
        drop(thread::spawn(part))
    } else {
        drop(go(part))
    }
    rx
}

/// A goroutine that is about to wait tells futures of other executors, too.
#[test]
fn a_waiting_goroutine_tells_a_future_elsewhere() {
    run(|| {
        for in_select in [false, true] {
            let (tx, rx) = chan(0);
            let idle = chan::<u32>(0);
            let bell: Arc<Bell> = Arc::default();
            let mut receive = pin!(rx.recv_async());
            assert!(poll(receive.as_mut(), &bell).is_pending());
            let sender = go(move || {
                if in_select {
                    select! { recv(idle.1) -> _ => {}, send(tx, 1) -> sent => sent.unwrap() }
                } else {
                    tx.send(1).unwrap();
                }
            });
            while bell.rings() == 0 {
                sleep(WHILE / 100);
            }
            assert_eq!(poll(receive, &bell), Poll::Ready(Ok(1)));
            sender.join().unwrap();
        }
    });
}

fn panics<T>(f: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

/// A waker's panic is one that nobody sees: who called it goes on, with its value.
#[test]
fn a_waker_that_panics_disturbs_nobody() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("the waker's");
        }
    }
    fn poll_with_bomb<F: Future>(future: Pin<&mut F>) {
        let waker = Waker::from(Arc::new(Bomb));
        assert!(future.poll(&mut Context::from_waker(&waker)).is_pending());
    }
    let test = || {
        let (tx, rx) = chan(0);
        let mut send = pin!(tx.send_async(1));
        poll_with_bomb(send.as_mut());
        assert_eq!(rx.recv(), Ok(1));
        assert_eq!(poll(send, &Arc::default()), Poll::Ready(Ok(())));
        let (tx, rx) = chan(1);
        let mut receive = pin!(rx.recv_async());
        poll_with_bomb(receive.as_mut());
        select! { send(tx, 2) -> sent => sent.unwrap() }
        assert_eq!(poll(receive, &Arc::default()), Poll::Ready(Ok(2)));
        let (bell, mut first, mut second) =
            (Arc::<Bell>::default(), pin!(rx.recv_async()), pin!(rx.recv_async()));
        poll_with_bomb(first.as_mut());
        assert!(poll(second.as_mut(), &bell).is_pending());
        tx.close().unwrap();
        assert_eq!(poll(second, &bell), Poll::Ready(Err(RecvError)));
        assert_eq!(bell.rings(), 1);
    };
    let Some(output) = process("a_waker_that_panics_disturbs_nobody", &[]) else {
        let log = gort::Builder::new().detached_panic(gort::DetachedPanic::Log);
        // SAFETY: nothing here keeps a thread's own data over a blocking call.
        unsafe { log.run(test) }.unwrap();
        return test();
    };
    assert_success(&output);
}

#[test]
fn a_waker_that_panics_when_dropped_takes_no_value_along() {
    struct Fragile;
    impl Wake for Fragile {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Fragile {
        fn drop(&mut self) {
            panic!("the waker's end");
        }
    }
    let alive = Arc::default();
    let (tx, rx) = chan(0);
    let mut send = Box::pin(tx.send_async(Counted::new(&alive, 0)));
    let waker = Waker::from(Arc::new(Fragile));
    assert!(send.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    assert!(panics(|| drop(send)));
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    assert_eq!(rx.try_recv().map(|value| value.1), Err(TryRecvError::Empty));
}

type Boxed<F> = Pin<Box<F>>;

/// One thread's futures at one channel, beside a list of what must be in it.
struct Game<'a> {
    tx: &'a Sender<usize>,
    rx: &'a Receiver<usize>,
    receives: Vec<(Boxed<RecvFuture<'a, usize>>, Arc<Bell>)>,
    sends: Vec<(Boxed<SendFuture<'a, usize>>, Arc<Bell>, usize)>,
    /// The values in the buffer and after them those of the sends that wait, in order.
    values: VecDeque<usize>,
    made: usize,
}

impl<'a> Game<'a> {
    fn value(&mut self) -> usize {
        self.made += 1;
        self.made
    }

    fn receive(&mut self, n: usize) {
        let receives = &mut self.receives;
        if n >= receives.len() {
            receives.push((Box::pin(self.rx.recv_async()), Arc::default()));
        }
        let n = n.min(receives.len() - 1);
        receives[n].1 = Arc::default();
        let bell = Arc::clone(&receives[n].1);
        let polled = poll(receives[n].0.as_mut(), &bell);
        let expected =
            self.values.pop_front().map_or(Poll::Pending, |value| Poll::Ready(Ok(value)));
        assert_eq!(polled, expected);
        if polled.is_ready() {
            drop(receives.swap_remove(n));
        }
    }

    fn send(&mut self, n: usize) {
        if n >= self.sends.len() {
            let value = self.value();
            self.sends.push((Box::pin(self.tx.send_async(value)), Arc::default(), value));
            self.values.push_back(value);
        }
        let n = n.min(self.sends.len() - 1);
        let (future, bell, value) = &mut self.sends[n];
        *bell = Arc::default();
        let is_done =
            self.values.iter().position(|v| v == value).is_none_or(|at| at < self.tx.cap());
        assert_eq!(
            poll(future.as_mut(), bell),
            if is_done { Poll::Ready(Ok(())) } else { Poll::Pending }
        );
        if is_done {
            drop(self.sends.swap_remove(n));
        }
    }

    fn drop_send(&mut self, n: usize) {
        if n < self.sends.len() {
            let (future, _, value) = self.sends.swap_remove(n);
            drop(future);
            let cap = self.tx.cap();
            let at = self.values.iter().position(|&v| v == value).filter(|&at| at >= cap);
            at.map(|at| self.values.remove(at));
        }
    }

    fn try_both(&mut self) {
        let value = self.value();
        if self.tx.try_send(value).is_ok() {
            self.values.push_back(value);
        }
        if value.is_multiple_of(2) {
            let expected = self.values.pop_front().ok_or(TryRecvError::Empty);
            assert_eq!(self.rx.try_recv(), expected);
        }
    }

    fn check(&self) {
        let (len, cap) = (self.tx.len(), self.tx.cap());
        assert_eq!(len, self.values.len().min(cap));
        let told = self.receives.iter().filter(|(_, bell)| bell.rings() > 0).count();
        let lost = !self.values.is_empty() && told == 0 && !self.receives.is_empty();
        assert!(!lost, "there is something to receive, and nobody knows");
        for (_, bell, value) in &self.sends {
            let waits = self.values.iter().skip(cap).any(|v| v == value);
            assert!(waits || bell.rings() > 0, "{value} was taken, and nobody knows");
        }
    }
}

/// Random games: a future that waits for what is there, or was served, has been told so.
#[test]
fn somebody_is_always_told() {
    for game in 1..=5000_u64 {
        let mut random = game.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut below = |n: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            ((random >> 32) % n) as usize
        };
        let (tx, rx) = chan(below(3));
        let (receives, sends, values) = Default::default();
        let mut game = Game { tx: &tx, rx: &rx, receives, sends, values, made: 0 };
        for _ in 0..60 {
            match below(8) {
                0..3 => game.receive(below(5)),
                3..6 => game.send(below(5)),
                6 if below(2) == 0 => game.drop_send(below(4)),
                6 => drop((below(4) < game.receives.len()).then(|| game.receives.swap_remove(0))),
                _ => game.try_both(),
            }
            game.check();
        }
    }
}
