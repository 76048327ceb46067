//! `select!` and `Select`: choice, fairness, switched-off arms, deadlines, closing, what becomes of
//! values, on goroutines and plain threads.

#[path = "support/runtime.rs"]
mod runtime;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gort::chan::{Receiver, RecvError, SendError, Sender};
use gort::select::Select;
use gort::{chan, go, gosched, select, sleep};
use runtime::{PATIENCE, run};

/// For what must not happen: long enough that it would.
const WHILE: Duration = Duration::from_millis(20);

/// Runs a test on a goroutine and on a plain thread.
fn on_both(test: impl Fn() + Send + Sync + Copy) {
    run(test);
    test();
}

/// Counts those alive.
#[derive(Debug)]
struct Counted(Arc<AtomicIsize>);

impl Counted {
    fn new(alive: &Arc<AtomicIsize>) -> Counted {
        alive.fetch_add(1, Ordering::SeqCst);
        Counted(Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn the_arm_that_can_go_on_is_chosen() {
    on_both(|| {
        let (numbers, words) = (chan::<u32>(1), chan::<String>(1));
        numbers.0.send(7).unwrap();
        let got = select! {
            recv(numbers.1) -> n => n.unwrap().to_string(),
            recv(words.1) -> word => word.unwrap(),
        };
        assert_eq!(got, "7");
        words.0.send("seven".into()).unwrap();
        let got = select! {
            recv(numbers.1) -> n => n.unwrap().to_string(),
            recv(words.1) -> word => word.unwrap(),
        };
        assert_eq!(got, "seven");
    });
}

#[test]
fn default_does_not_wait() {
    on_both(|| {
        let (tx, rx) = chan::<u32>(1);
        let look = || {
            select! {
                recv(rx) -> n => n.unwrap(),
                default => 0,
            }
        };
        assert_eq!(look(), 0);
        tx.send(5).unwrap();
        assert_eq!((look(), look()), (5, 0));
        let offer = |n| {
            select! {
                send(tx, n) -> sent => { sent.unwrap(); true }
                default => false,
            }
        };
        assert!(offer(1));
        assert!(!offer(2));
        assert_eq!(rx.recv(), Ok(1));
        // An offer without a buffer and without a taker.
        let (tx, _rx) = chan(0);
        assert!(select! { send(tx, 1) -> _ => false, default => true });
        assert_eq!(select! { default => 3 }, 3);
    });
}

#[test]
fn a_select_waits_for_whichever_comes_first() {
    for receiving in [true, false] {
        run(move || {
            let (a, b) = (chan::<u32>(0), chan::<u32>(0));
            let (tx, rx) = b.clone();
            let partner = go(move || {
                sleep(WHILE);
                if receiving { tx.send(3).unwrap() } else { assert_eq!(rx.recv(), Ok(4)) }
            });
            let got = if receiving {
                select! { recv(a.1) -> n => n, recv(b.1) -> n => n }
            } else {
                select! {
                    recv(a.1) -> n => n,
                    send(b.0, 4) -> sent => { sent.unwrap(); Ok(4) }
                }
            };
            assert_eq!(got, Ok(if receiving { 3 } else { 4 }));
            partner.join().unwrap();
        });
    }
}

#[test]
fn two_selects_meet() {
    on_both(|| {
        let (tx, rx) = chan::<u32>(0);
        let (other_tx, other_rx) = chan::<u32>(0);
        let sender = {
            let (tx, other) = (tx.clone(), other_rx.clone());
            run_beside(
                move || select! { recv(other) -> n => n.unwrap(), send(tx, 1) -> s => { s.unwrap(); 0 } },
            )
        };
        let got =
            select! { send(other_tx, 2) -> s => { s.unwrap(); 0 } recv(rx) -> n => n.unwrap() };
        let sent = sender.recv().unwrap();
        assert!((got, sent) == (1, 0) || (got, sent) == (0, 2), "{got} {sent}");
    });
}

/// Runs beside the caller, on a thread.
fn run_beside<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (tx, rx) = chan(1);
    thread::spawn(move || drop(tx.send(f())));
    rx
}

#[test]
fn a_select_never_meets_itself() {
    run(|| {
        let (tx, rx) = chan::<u32>(0);
        let itself = go(move || {
            select! {
                send(tx, 1) -> _ => "sent",
                recv(rx) -> _ => "received",
                after(WHILE) => "neither",
            }
        });
        assert_eq!(itself.join().unwrap(), "neither");
    });
}

#[test]
fn switched_off_arms_are_never_chosen() {
    on_both(|| {
        let (tx, rx) = chan::<u32>(10);
        tx.send(1).unwrap();
        let off: Option<&Receiver<u32>> = None;
        let no_sender: Option<Sender<u32>> = None;
        for _ in 0..20 {
            let chosen = select! {
                recv(off) -> _ => "off",
                recv(chan::never::<u32>()) -> _ => "never",
                send(no_sender, 3) -> _ => "no sender",
                after(None::<Duration>) => "no time",
                recv(Some(&rx)) -> n => if n == Ok(1) { "on" } else { "what" },
            };
            assert_eq!(chosen, "on");
            tx.send(1).unwrap();
        }
        let owned = Some(rx.clone());
        assert_eq!(select! { recv(owned) -> n => n, recv(&owned) -> n => n }, Ok(1));
        let all_off = select! { recv(off) -> _ => false, default => true };
        assert!(all_off);
    });
}

#[test]
fn a_closed_channel_is_always_ready() {
    on_both(|| {
        let (tx, rx) = chan::<u32>(2);
        let (_idle_tx, idle) = chan::<()>(0);
        tx.send(1).unwrap();
        tx.close().unwrap();
        let next = || select! { recv(rx) -> n => n, recv(idle) -> _ => Ok(99) };
        assert_eq!((next(), next(), next()), (Ok(1), Err(RecvError), Err(RecvError)));
        let back = select! { send(tx, 8) -> sent => sent, recv(idle) -> _ => Ok(()) };
        assert_eq!(back, Err(SendError(8)));
    });
}

#[test]
fn closing_wakes_a_select() {
    for sending in [true, false] {
        run(move || {
            let (tx, rx) = chan::<u32>(0);
            let (_idle_tx, idle) = chan::<()>(0);
            let (closer, receiver) = (tx.clone(), rx.clone());
            let waits = go(move || {
                if sending {
                    select! { send(tx, 5) -> s => s.map_err(|e| e.0).unwrap_err(), recv(idle) -> _ => 0 }
                } else {
                    select! { recv(rx) -> n => if n.is_err() { 5 } else { 0 }, recv(idle) -> _ => 0 }
                }
            });
            sleep(WHILE);
            closer.close().unwrap();
            assert_eq!(waits.join().unwrap(), 5);
            drop(receiver);
        });
    }
}

#[test]
fn deadlines() {
    on_both(|| {
        let (tx, rx) = chan::<u32>(1);
        let begin = Instant::now();
        let late = select! { recv(rx) -> _ => false, after(WHILE) => true };
        assert!(late && begin.elapsed() >= WHILE);
        // The earliest of several.
        let which = select! {
            after(PATIENCE) => 1,
            recv(rx) -> _ => 2,
            after(WHILE) => 3,
            after(Duration::MAX) => 4,
        };
        assert_eq!(which, 3);
        // Without channels it is a sleep.
        let begin = Instant::now();
        select! { after(WHILE) => {} }
        assert!(begin.elapsed() >= WHILE);
        // What can go on goes before the clock, whatever that says.
        tx.send(1).unwrap();
        assert_eq!(select! { recv(rx) -> n => n.unwrap(), after(Duration::ZERO) => 0 }, 1);
        assert_eq!(select! { recv(rx) -> n => n.unwrap(), after(Duration::ZERO) => 0 }, 0);
        // The default does not wait for any clock.
        assert!(select! { after(PATIENCE) => false, default => true });
    });
}

/// As Go's: among arms that can go on each has the same chance.
#[test]
fn the_choice_is_fair() {
    on_both(|| {
        const ROUNDS: u32 = 10_000;
        let (a, b, c) = (chan::<()>(1), chan::<()>(1), chan::<()>(1));
        let (d_tx, d_rx) = chan::<()>(1);
        for tx in [&a.0, &b.0, &c.0] {
            tx.send(()).unwrap();
        }
        let mut counts = [0_u32; 4];
        for _ in 0..ROUNDS {
            select! {
                recv(a.1) -> _ => { counts[0] += 1; a.0.send(()).unwrap(); }
                recv(b.1) -> _ => { counts[1] += 1; b.0.send(()).unwrap(); }
                send(d_tx, ()) -> _ => { counts[2] += 1; d_rx.recv().unwrap(); }
                recv(c.1) -> _ => { counts[3] += 1; c.0.send(()).unwrap(); }
            }
        }
        // The standard deviation of each is 43.
        let fair = |&n: &u32| (ROUNDS / 4 - 400..ROUNDS / 4 + 400).contains(&n);
        assert!(counts.iter().all(fair), "{counts:?}");
    });
}

/// Each of the orders in which two waiting channels are served.
#[test]
fn starving_is_impossible() {
    run(|| {
        let (tx, rx) = chan::<u32>(0);
        let (stop_tx, stop) = chan::<()>(0);
        let flood = go(move || while tx.send(1).is_ok() {});
        let stopper = go(move || {
            sleep(WHILE);
            stop_tx.send(())
        });
        loop {
            select! {
                recv(rx) -> n => assert_eq!(n, Ok(1)),
                recv(stop) -> s => { s.unwrap(); break }
            }
        }
        stopper.join().unwrap().unwrap();
        drop(rx);
        flood.join().unwrap();
    });
}

#[test]
fn bodies_are_of_the_function_around() {
    fn first_even(rx: &Receiver<u32>) -> Result<Option<u32>, RecvError> {
        let mut seen = 0;
        let all = loop {
            select! {
                recv(rx) -> n => {
                    seen += 1;
                    let n = n?;
                    if n % 2 == 1 { continue }
                    if n == 100 { break seen }
                    return Ok(Some(n));
                }
                default => return Ok(None),
            }
        };
        Ok(Some(1000 + all))
    }
    let (tx, rx) = chan(10);
    assert_eq!(first_even(&rx), Ok(None));
    [1, 3, 4, 5, 100].into_iter().for_each(|n| tx.send(n).unwrap());
    assert_eq!(first_even(&rx), Ok(Some(4)));
    assert_eq!(first_even(&rx), Ok(Some(1002)));
    drop(tx);
    assert_eq!(first_even(&rx), Err(RecvError));
}

/// Channels, values and durations are evaluated once each, in order, even of arms that lose.
#[test]
fn expressions_are_evaluated_once_and_in_order() {
    let order = Cell::new(0);
    let step = |n: u32| assert_eq!(order.replace(n + 1), n);
    let (tx, rx) = chan::<u32>(1);
    let full = chan::<u32>(0);
    tx.send(1).unwrap();
    select! {
        recv({ step(0); &rx }) -> n => { step(4); n.unwrap(); }
        send({ step(1); &full.0 }, { step(2); 9 }) -> _ => panic!("nobody takes it"),
        after({ step(3); PATIENCE }) => panic!("so late?"),
    }
    assert_eq!(order.get(), 5);
}

#[test]
fn channels_may_be_used_in_the_bodies() {
    let (tx, mut rx) = chan::<u32>(1);
    tx.send(1).unwrap();
    select! {
        recv(rx) -> n => {
            let (new_tx, new_rx) = chan(1);
            new_tx.send(n.unwrap() + 1).unwrap();
            rx = new_rx;
        }
        send(tx, 5) -> _ => drop(tx),
    }
    assert_eq!(rx.try_recv().unwrap_or(2), 2);
}

#[test]
fn values_that_lose_are_dropped_once() {
    on_both(|| {
        let alive = Arc::default();
        let (tx, rx) = chan::<Counted>(1);
        for round in 0..100 {
            let (a_tx, a_rx) = chan::<Counted>(1);
            let (full, _keep) = chan::<Counted>(0);
            if round % 2 == 0 {
                a_tx.send(Counted::new(&alive)).unwrap();
            }
            select! {
                recv(a_rx) -> v => drop(v),
                send(full, Counted::new(&alive)) -> _ => unreachable!(),
                send(tx, Counted::new(&alive)) -> sent => {
                    sent.unwrap();
                    drop(rx.recv());
                }
            }
            drop((a_tx, a_rx));
            assert_eq!(alive.load(Ordering::SeqCst), 0, "round {round}");
        }
        drop(rx);
        let back = select! { send(tx, Counted::new(&alive)) -> sent => sent };
        assert_eq!(alive.load(Ordering::SeqCst), 1);
        drop(back);
        assert_eq!(alive.load(Ordering::SeqCst), 0);
        // A deadline.
        let (full, _keep) = chan::<Counted>(0);
        select! { send(full, Counted::new(&alive)) -> _ => unreachable!(), after(WHILE) => {} }
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn elements_of_all_sizes() {
    on_both(|| {
        let (unit, large) = (chan::<()>(0), chan::<[u64; 1000]>(0));
        let (unit_tx, large_tx) = (unit.0.clone(), large.0.clone());
        let partner = thread::spawn(move || {
            unit_tx.send(()).unwrap();
            large_tx.send([7; 1000]).unwrap();
        });
        let mut seen = (0, 0);
        for _ in 0..2 {
            select! {
                recv(unit.1) -> u => { u.unwrap(); seen.0 += 1; }
                recv(large.1) -> l => { assert_eq!(l.unwrap(), [7; 1000]); seen.1 += 1; }
            }
        }
        assert_eq!(seen, (1, 1));
        partner.join().unwrap();
    });
}

fn go_or_thread(f: impl FnOnce() + Send + 'static) {
    if gort::id().is_some() { drop(go(f)) } else { drop(thread::spawn(f)) }
}

#[test]
fn a_select_over_many_channels() {
    on_both(|| {
        let channels: Vec<_> = (0..100).map(|_| chan::<usize>(1)).collect();
        for n in (0..100).rev() {
            channels[n].0.send(n).unwrap();
            let mut select = Select::new();
            for (number, (_, rx)) in channels.iter().enumerate() {
                select = select.recv(rx, move |got| (number, got.unwrap()));
            }
            assert_eq!(select.len(), 100);
            assert_eq!(select.wait(), (n, n));
        }
        // Now it has to wait.
        let tx = channels[33].0.clone();
        go_or_thread(move || {
            sleep(WHILE);
            tx.send(3).unwrap();
        });
        let select = channels.iter().fold(Select::new(), |s, (_, rx)| s.recv(rx, |got| got));
        assert_eq!(select.wait(), Ok(3));
    });
}

#[test]
fn a_select_of_run_time_sends_and_times_out() {
    on_both(|| {
        let (tx, rx) = chan::<u32>(1);
        let select =
            || Select::new().send(&tx, 5, |sent| sent.map_or(0, |()| 1)).after(WHILE, || 2);
        assert_eq!(select().poll(), Some(1));
        assert_eq!(select().poll(), None);
        assert_eq!(select().wait(), 2);
        assert_eq!(rx.recv(), Ok(5));
        drop(rx);
        assert_eq!(select().wait(), 0);
        assert!(Select::<()>::default().is_empty());
        assert_eq!(format!("{:?}", select()), "Select { arms: 2 }");
    });
}

/// A select without anything that could end it is a goroutine that waits for ever.
#[test]
fn without_arms_it_waits_for_ever() {
    run(|| {
        let (tx, rx) = chan::<()>(0);
        let stuck = go(move || {
            let _tx = tx;
            select! {}
        });
        assert_eq!(rx.recv_timeout(WHILE), Err(gort::chan::RecvTimeoutError::Timeout));
        assert!(!stuck.is_finished());
    });
}

/// Twenty arms of different types.
#[test]
fn many_arms_of_different_types() {
    macro_rules! check {
        ($($type:ident $value:expr),+) => {
            on_both(|| {
                #[derive(Debug, PartialEq, Clone, Copy)]
                #[allow(non_camel_case_types)]
                enum Kind { $($type),+ }
                $(let $type = chan::<$type>(1);)+
                let mut expected = Vec::new();
                $($type.0.send($value).unwrap(); expected.push(Kind::$type);)+
                let mut seen = Vec::new();
                for _ in &expected {
                    seen.push(select! {
                        $(recv($type.1) -> v => { assert_eq!(v.unwrap(), $value); Kind::$type })+
                    });
                }
                seen.sort_by_key(|kind| expected.iter().position(|e| e == kind));
                assert_eq!(seen, expected);
            });
        };
    }
    check!(
        u8 1, u16 2, u32 3, u64 4, u128 5, i8 6, i16 7, i32 8, i64 9, i128 10, usize 11, isize 12,
        bool true, char 'x', f32 1.5, f64 2.5
    );
}

/// Goroutines and threads that select from and to shared channels: each value arrives once.
#[test]
fn nothing_is_lost_under_load() {
    const PARTIES: usize = 8;
    const VALUES: usize = 400;
    let alive: Arc<AtomicIsize> = Arc::default();
    let received = Arc::new(AtomicUsize::new(0));
    run(|| {
        let channels: Vec<_> = (0..3).map(chan::<Counted>).collect();
        let producers: Vec<_> = (0..PARTIES)
            .map(|n| {
                let txs: Vec<_> = channels.iter().map(|c| c.0.clone()).collect();
                let alive = Arc::clone(&alive);
                let produce = move || {
                    for value in 0..VALUES {
                        let new = || Counted::new(&alive);
                        if value % 7 == n % 7 {
                            gosched();
                        }
                        if value % 3 == 0 {
                            txs[value % 3].send(new()).unwrap();
                            continue;
                        }
                        select! {
                            send(txs[0], new()) -> s => s.unwrap(),
                            send(txs[1], new()) -> s => s.unwrap(),
                            send(txs[2], new()) -> s => s.unwrap(),
                        }
                    }
                };
                run_somewhere(n, produce)
            })
            .collect();
        let (stop_tx, stop) = chan::<()>(0);
        let consumers: Vec<_> = (0..PARTIES)
            .map(|n| {
                let rxs: Vec<_> = channels.iter().map(|c| c.1.clone()).collect();
                let (stop, received) = (stop.clone(), Arc::clone(&received));
                let consume = move || {
                    let mut round = n;
                    loop {
                        round += 1;
                        let got = select! {
                            recv(rxs[0]) -> v => v,
                            recv(rxs[1]) -> v => v,
                            recv(rxs[2]) -> v => v,
                            recv(stop) -> _ => break,
                            after(Duration::from_micros((round % 5) as u64 * 50)) => continue,
                        };
                        drop(got.unwrap());
                        received.fetch_add(1, Ordering::SeqCst);
                    }
                };
                run_somewhere(n + 1, consume)
            })
            .collect();
        producers.into_iter().for_each(|p| p.recv().unwrap());
        while received.load(Ordering::SeqCst) < PARTIES * VALUES {
            sleep(Duration::from_millis(1));
        }
        drop(stop_tx);
        consumers.into_iter().for_each(|c| c.recv().unwrap());
    });
    assert_eq!(received.load(Ordering::SeqCst), PARTIES * VALUES);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

/// On a goroutine, or every third on a thread.
fn run_somewhere(n: usize, f: impl FnOnce() + Send + 'static) -> Receiver<()> {
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

/// Many selects that share two channels in both orders cannot wait for each other.
#[test]
fn locks_are_taken_in_one_order() {
    run(|| {
        let (a, b) = (chan::<usize>(0), chan::<usize>(0));
        let parties: Vec<_> = (0..8)
            .map(|n| {
                let (a, b) =
                    if n % 2 == 0 { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) };
                go(move || {
                    let mut balance = 0_isize;
                    for _ in 0..2000 {
                        select! {
                            send(a.0, n) -> s => { s.unwrap(); balance += 1; }
                            recv(b.1) -> r => { r.unwrap(); balance -= 1; }
                            after(Duration::from_millis(1)) => {}
                        }
                    }
                    balance
                })
            })
            .collect();
        let balance: isize = parties.into_iter().map(|p| p.join().unwrap()).sum();
        assert_eq!(balance, 0);
    });
}

/// Values of the losers are dropped after the winner has its own: a destructor's panic takes
/// nothing along.
#[test]
fn a_loser_that_panics_when_dropped() {
    struct Fragile;
    impl Drop for Fragile {
        fn drop(&mut self) {
            panic!("the loser's");
        }
    }
    on_both(|| {
        let alive = Arc::default();
        let (tx, rx) = chan::<Counted>(1);
        let (full, _keep) = chan::<Fragile>(0);
        type Way = fn(&Receiver<Counted>, &Sender<Fragile>);
        let received: [Way; 3] = [
            |rx, full| select! { recv(rx) -> v => drop(v), send(full, Fragile) -> _ => {} },
            |rx, full| select! { send(full, Fragile) -> _ => {}, recv(rx) -> v => drop(v) },
            |rx, full| Select::new().recv(rx, drop).send(full, Fragile, drop).wait(),
        ];
        for (n, way) in received.into_iter().enumerate() {
            tx.send(Counted::new(&alive)).unwrap();
            assert!(catch_unwind(AssertUnwindSafe(|| way(&rx, &full))).is_err());
            assert_eq!(alive.load(Ordering::SeqCst), 0, "way {n}");
        }
        let sent = Select::new().send(&tx, Counted::new(&alive), drop).send(&full, Fragile, drop);
        assert!(catch_unwind(AssertUnwindSafe(|| sent.wait())).is_err());
        assert_eq!(alive.load(Ordering::SeqCst), 1);
        drop(rx.recv());
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    });
}

/// Fragments of another macro are arms like any others.
#[test]
fn a_select_in_a_macro() {
    macro_rules! either {
        ($rx:expr, $pattern:pat => $body:expr, else $default:block or $late:expr) => {
            (
                select! { recv($rx) -> $pattern => $body, default => $default },
                select! { recv($rx) -> $pattern => $default after(Duration::ZERO) => $late },
            )
        };
    }
    on_both(|| {
        let (tx, rx) = chan(1);
        tx.send(1).unwrap();
        assert_eq!(either!(rx, _ => 1 + 1, else { 3 } or 2 + 2), (2, 4));
        tx.send(1).unwrap();
        assert_eq!(either!(&rx, Ok(_) | Err(_) => 5, else { 3 } or 2 + 2), (5, 4));
        assert_eq!(either!(rx, _ => 5, else { 3 } or 2 + 2), (3, 4));
    });
}
