//! Selects that race with others: what a default may miss, both sides of one channel, channels that
//! occur twice, chance, and load on few processors and many.

#[path = "support/runtime.rs"]
mod runtime;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gort::chan::{Receiver, Sender};
use gort::sync::WaitGroup;
use gort::{chan, go, gosched, select, sleep};
use runtime::run;

/// Long enough for a goroutine to get into a queue.
const SOON: Duration = Duration::from_millis(2);

/// A value in the buffer stays receivable while the channel is being closed.
#[test]
fn a_close_hides_no_value() {
    run(|| {
        for _ in 0..2_000 {
            let (tx, rx) = chan(1);
            tx.send(1).unwrap();
            let receiver = rx.clone();
            let looked = go(move || select! { recv(receiver) -> _ => true, default => false });
            tx.close().unwrap();
            let _ = rx.recv();
            assert!(looked.join().unwrap(), "it was ready all the time");
        }
    });
}

/// At every moment one of two channels has something. A select sees both at one moment, so its
/// default is never taken.
#[test]
fn a_default_sees_all_channels_at_one_moment() {
    for closes in [false, true] {
        run(move || {
            for _ in 0..3_000 {
                let (c1_tx, c1) = chan(1);
                let (c2_tx, c2) = chan(if closes { 0 } else { 1 });
                c1_tx.send(1).unwrap();
                let (first, second) = (c1.clone(), c2.clone());
                let looks = go(move || {
                    select! {
                        recv(first) -> _ => true,
                        recv(second) -> _ => true,
                        default => false,
                    }
                });
                if closes {
                    c2_tx.close().unwrap();
                } else {
                    c2_tx.send(1).unwrap();
                }
                select! { recv(c1) -> _ => {}, default => {} }
                assert!(looks.join().unwrap(), "no channel was ready");
            }
        });
    }
}

/// Two goroutines, each of which both sends to and receives from one channel.
#[test]
fn both_sides_of_one_channel() {
    for capacity in [0, 10] {
        run(move || {
            const ROUNDS: usize = 1_000;
            let (tx, rx) = chan(capacity);
            let parties: Vec<_> = (0..2)
                .map(|me| {
                    let (tx, rx) = (tx.clone(), rx.clone());
                    go(move || {
                        for round in 0..ROUNDS {
                            if me == 0 || round % 2 == 0 {
                                select! {
                                    send(tx, me) -> sent => sent.unwrap(),
                                    recv(rx) -> who => check(who.unwrap(), me, capacity),
                                }
                            } else {
                                select! {
                                    recv(rx) -> who => check(who.unwrap(), me, capacity),
                                    send(tx, me) -> sent => sent.unwrap(),
                                }
                            }
                        }
                    })
                })
                .collect();
            // They meet an even number of times, or each other's values stay in the buffer.
            parties.into_iter().for_each(|party| party.join().unwrap());
        });
    }
    fn check(who: usize, me: usize, capacity: usize) {
        assert!(capacity > 0 || who != me, "it received what it sent itself");
    }
}

/// A select that leaves a queue in which it stands twice does not harm the others there.
#[test]
fn a_channel_may_occur_twice() {
    run(|| {
        let (c_tx, c) = chan(0);
        let (d_tx, d) = chan(0);
        let (e_tx, e) = chan(0);
        let first = c.clone();
        go(move || {
            select! {
                recv(first) -> _ => {},
                recv(first) -> _ => {},
                recv(d) -> _ => {},
            }
            e_tx.send(9).unwrap();
        });
        sleep(SOON);
        let second = go(move || c.recv());
        sleep(SOON);
        d_tx.send(7).unwrap();
        assert_eq!(e.recv(), Ok(9));
        c_tx.send(8).unwrap();
        assert_eq!(second.join().unwrap(), Ok(8));
    });
}

#[test]
fn sending_one_of_two_values_is_left_to_chance() {
    const VALUES: usize = 400;
    for capacity in [0, VALUES] {
        run(move || {
            let (tx, rx) = chan(capacity);
            let counts = go(move || {
                let mut counts = [0; 2];
                for _ in 0..VALUES {
                    gosched();
                    counts[rx.recv().unwrap()] += 1;
                }
                counts
            });
            for _ in 0..VALUES {
                select! { send(tx, 0) -> s => s.unwrap(), send(tx, 1) -> s => s.unwrap() }
            }
            let counts = counts.join().unwrap();
            assert!(counts.iter().all(|&n| n > VALUES / 4), "{counts:?}");
        });
    }
}

/// Two floods, each always ready: neither gets more than its share.
#[test]
fn a_choice_among_floods_is_fair() {
    run(|| {
        const TRIALS: usize = 10_000;
        let floods = [1, 2].map(|n| {
            let (tx, rx) = chan(TRIALS + 1);
            (0..=TRIALS).for_each(|_| tx.send(n).unwrap());
            rx
        });
        let (_tx3, idle3) = chan::<usize>(0);
        let (_tx4, idle4) = chan::<usize>(0);
        let (out_tx, out) = chan(0);
        let (done_tx, done) = chan::<()>(0);
        let chooser = go(move || {
            loop {
                let n = select! {
                    recv(idle3) -> n => n.unwrap(),
                    recv(idle4) -> n => n.unwrap(),
                    recv(floods[0]) -> n => n.unwrap(),
                    recv(floods[1]) -> n => n.unwrap(),
                };
                select! {
                    send(out_tx, n) -> sent => sent.unwrap(),
                    recv(done) -> _ => return,
                }
            }
        });
        let ones = (0..TRIALS).filter(|_| out.recv() == Ok(1)).count();
        // The standard deviation is 50.
        assert!(ones.abs_diff(TRIALS / 2) < 500, "{ones} of {TRIALS}");
        drop(done_tx);
        chooser.join().unwrap();
    });
}

/// Many take from one queue and give to another, in whatever order.
#[test]
fn many_consumers_pass_all_on() {
    const WORKERS: usize = 23;
    const VALUES: usize = 30_000;
    const PRIMES: [usize; 10] = [2, 3, 7, 11, 13, 17, 19, 23, 27, 31];
    run(|| {
        let (q_tx, q) = chan(WORKERS * 3);
        let (r_tx, r) = chan(WORKERS * 3);
        for worker in 0..WORKERS {
            let (q, r_tx) = (q.clone(), r_tx.clone());
            go(move || {
                for value in q {
                    if PRIMES[worker % PRIMES.len()] == value {
                        gosched();
                    }
                    r_tx.send(value).unwrap();
                }
            });
        }
        drop((q, r_tx));
        let fed = go(move || {
            (0..VALUES).map(|n| PRIMES[n % PRIMES.len()]).inspect(|&v| q_tx.send(v).unwrap()).sum()
        });
        let (mut count, mut sum) = (0, 0_usize);
        for value in r {
            count += 1;
            sum += value;
        }
        assert_eq!((count, sum), (VALUES, fed.join().unwrap()));
    });
}

/// Four channels; on each one goroutine sends and one receives; beside them one sends to all four
/// in a single select and one receives from all four.
#[test]
fn selects_and_plain_operations_share_channels() {
    const VALUES: usize = 3_000;
    run(|| {
        let before = gort::gomaxprocs(8);
        let channels: Vec<_> = [0, 0, 2, 3].into_iter().map(chan::<usize>).collect();
        let all = WaitGroup::new();
        for (tx, rx) in channels.clone() {
            all.go(move || (0..VALUES).for_each(|n| tx.send(n).unwrap()));
            all.go(move || (0..VALUES).for_each(|_| drop(rx.recv().unwrap().to_string())));
        }
        let (txs, rxs): (Vec<_>, Vec<_>) = channels.into_iter().unzip();
        all.go(move || send_to_all(txs.into_iter().map(Some).collect(), VALUES));
        all.go(move || receive_from_all(rxs.into_iter().map(Some).collect(), VALUES));
        all.wait();
        gort::gomaxprocs(before);
    });
}

/// A channel that has had its share is switched off.
fn send_to_all(mut txs: Vec<Option<Sender<usize>>>, values: usize) {
    let mut counts = [0; 4];
    for n in 0..4 * values {
        let which = select! {
            send(txs[3], n) -> s => { s.unwrap(); 3 }
            send(txs[2], n) -> s => { s.unwrap(); 2 }
            send(txs[0], n) -> s => { s.unwrap(); 0 }
            send(txs[1], n) -> s => { s.unwrap(); 1 }
        };
        counts[which] += 1;
        if counts[which] == values {
            txs[which] = None;
        }
    }
}

fn receive_from_all(mut rxs: Vec<Option<Receiver<usize>>>, values: usize) {
    let mut counts = [0; 4];
    for _ in 0..4 * values {
        let which = select! {
            recv(rxs[0]) -> v => { v.unwrap(); 0 }
            recv(rxs[1]) -> v => { v.unwrap(); 1 }
            recv(rxs[2]) -> v => { v.unwrap(); 2 }
            recv(rxs[3]) -> v => { v.unwrap(); 3 }
        };
        counts[which] += 1;
        if counts[which] == values {
            rxs[which] = None;
        }
    }
}

/// Selects that wait while their channels are closed, again and again.
#[test]
fn a_close_ends_every_select_once() {
    run(|| {
        for round in 0..300 {
            let (a_tx, a) = chan::<usize>(0);
            let (b_tx, b) = chan::<usize>(0);
            let ended = Arc::new(AtomicUsize::new(0));
            let sent = Arc::new(AtomicBool::new(false));
            let selects: Vec<_> = (0..6)
                .map(|n| {
                    let (a, b, ended) = (a.clone(), b.clone(), Arc::clone(&ended));
                    go(move || {
                        if n % 2 == round % 2 {
                            gosched();
                        }
                        let got = select! { recv(a) -> v => v, recv(b) -> v => v };
                        ended.fetch_add(1, Ordering::SeqCst);
                        got.is_ok()
                    })
                })
                .collect();
            let (sender, flag) = (b_tx.clone(), Arc::clone(&sent));
            let sender = go(move || flag.store(sender.send(1).is_ok(), Ordering::SeqCst));
            a_tx.close().unwrap();
            let received = selects.into_iter().map(|s| s.join().unwrap());
            let received = received.filter(|&ok| ok).count();
            b_tx.close().unwrap();
            sender.join().unwrap();
            assert_eq!(received, usize::from(sent.load(Ordering::SeqCst)));
            assert_eq!(ended.load(Ordering::SeqCst), 6);
        }
    });
}
