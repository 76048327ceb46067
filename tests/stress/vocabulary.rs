//! The load's use of `select`, `sync`, `context` and futures.

use std::sync::Arc;
use std::time::Duration;

use gort::sync::{Barrier, Cond, ErrGroup, Mutex, Once, RwMutex, Semaphore};
use gort::{block_on, chan, context, go, gosched, select, sleep};

use crate::load::Random;

/// One random thing.
pub(crate) fn act(random: &mut Random) {
    match random.below(7) {
        0 => select_among(random),
        1 => share(random),
        2 => signal(random),
        3 => cancel(random),
        4 => fail_together(random),
        5 => await_each_other(random),
        _ => meet(random),
    }
}

/// Partners at several channels, some of which never come.
fn select_among(random: &mut Random) {
    let values = 1 + random.below(20);
    let (a, b) = (chan::<u64>(0), chan::<u64>(random.below(3) as usize));
    let (idle_tx, idle) = chan::<()>(0);
    let pause = Duration::from_micros(random.below(100));
    for tx in [a.0, b.0] {
        go(move || {
            for n in 0..values {
                select! {
                    send(tx, n) -> sent => sent.unwrap(),
                    after(Duration::from_secs(30)) => panic!("nobody receives"),
                }
            }
        });
    }
    let mut sum = 0;
    loop {
        let value = select! {
            recv(a.1) -> value => value,
            recv(b.1) -> value => value,
            recv(idle) -> _ => unreachable!(),
            after(pause) => { gosched(); continue }
        };
        match value {
            Ok(n) => sum += n,
            Err(_) => break,
        }
    }
    // One of them is at its end; what the other one has is left.
    sum += a.1.iter().sum::<u64>() + b.1.iter().sum::<u64>();
    assert_eq!(sum, values * (values - 1));
    drop(idle_tx);
}

/// Locks that are fought for.
fn share(random: &mut Random) {
    let (mutex, rw) = (Arc::new(Mutex::new(0)), Arc::new(RwMutex::new(0)));
    let semaphore = Semaphore::new(2);
    let once = Arc::new(Once::new());
    let members = 2 + random.below(8);
    let handles: Vec<_> = (0..members)
        .map(|n| {
            let (mutex, rw, once) = (Arc::clone(&mutex), Arc::clone(&rw), Arc::clone(&once));
            let semaphore = semaphore.clone();
            go(move || {
                once.call_once(gosched);
                let _permit = semaphore.acquire(1 + n as usize % 2);
                let mut guard = mutex.lock();
                gosched();
                *guard += 1;
                drop(guard);
                if n % 3 == 0 {
                    *rw.write() += 1;
                } else {
                    assert!(*rw.read() <= members);
                }
            })
        })
        .collect();
    handles.into_iter().for_each(|h| h.join().unwrap());
    assert_eq!((*mutex.lock(), *rw.read()), (members, members.div_ceil(3)));
}

/// A queue under a condition variable.
fn signal(random: &mut Random) {
    let shared = Arc::new((Mutex::new(Vec::new()), Cond::new()));
    let values = 1 + random.below(20);
    let producer = {
        let shared = Arc::clone(&shared);
        go(move || {
            for n in 0..values {
                shared.0.lock().push(n);
                if n % 2 == 0 {
                    shared.1.signal()
                } else {
                    shared.1.broadcast()
                }
                if n % 5 == 0 {
                    gosched();
                }
            }
        })
    };
    for _ in 0..values {
        let mut queue = shared.0.lock();
        while queue.is_empty() {
            shared.1.wait(&mut queue);
        }
        queue.pop();
    }
    producer.join().unwrap();
}

/// A tree of contexts, cut at the root, by hand or by the clock.
fn cancel(random: &mut Random) {
    let (root, cancel) = context::with_cancel(&context::background());
    let patience = Duration::from_micros(1 + random.below(500));
    let (timed, _cancel) = context::with_timeout(&root, patience);
    let waiters: Vec<_> = (0..4)
        .map(|n| {
            let ctx = context::with_value(if n % 2 == 0 { &root } else { &timed }, n);
            go(move || {
                let _ = ctx.done().recv();
                assert_eq!(ctx.value::<u64>(), Some(&n));
                assert!(ctx.err().is_some());
            })
        })
        .collect();
    if random.below(2) == 0 {
        sleep(2 * patience);
    }
    cancel.cancel();
    for waiter in waiters {
        waiter.join().unwrap();
    }
}

fn fail_together(random: &mut Random) {
    let (group, ctx) = ErrGroup::with_context(&context::background());
    group.set_limit(3);
    let bad = random.below(8);
    for n in 0..6 {
        let ctx = ctx.clone();
        group.go(move || {
            if n == bad {
                return Err(n);
            }
            select! {
                recv(ctx.done()) -> _ => {}
                after(Duration::from_micros(50)) => {}
            }
            Ok(())
        });
    }
    assert_eq!(group.wait(), if bad < 6 { Err(bad) } else { Ok(()) });
}

/// Futures on both ends of a channel.
fn await_each_other(random: &mut Random) {
    let (tx, rx) = chan(random.below(2) as usize);
    let values = 1 + random.below(10);
    let sender = go(move || {
        block_on(async {
            for n in 0..values {
                tx.send_async(n).await.unwrap();
            }
        });
    });
    let sum = block_on(async {
        let mut sum = 0;
        while let Ok(n) = rx.recv_async().await {
            sum += n;
        }
        sum
    });
    assert_eq!(sum, values * (values - 1) / 2);
    sender.join().unwrap();
}

fn meet(random: &mut Random) {
    let members = 2 + random.below(5) as usize;
    let barrier = Arc::new(Barrier::new(members));
    let handles: Vec<_> = (0..members)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            go(move || barrier.wait())
        })
        .collect();
    let leaders = handles.into_iter().map(|h| h.join().unwrap()).filter(|&leads| leads);
    assert_eq!(leaders.count(), 1);
}
