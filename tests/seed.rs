//! `GORTDEBUG=seed=N`: the same seed gives the same run, and other seeds other ones.

#[path = "support/process.rs"]
mod process;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use gort::sync::WaitGroup;
use gort::{Builder, RunError, block_on, chan, go, gosched, scope};
use process::{assert_success, process};

/// What goroutines wrote, in the order in which they did.
#[derive(Clone, Default)]
struct Order(Arc<Mutex<String>>);

impl Order {
    fn note(&self, who: usize, what: usize) {
        write!(self.0.lock().unwrap(), "{who}.{what} ").unwrap();
    }
}

/// A program with all that makes goroutines take turns, and no outside input.
fn program() -> String {
    let order = Order::default();
    let all = WaitGroup::new();
    let (tx, rx) = chan(2);
    for n in 0..8 {
        let (order, tx) = (order.clone(), tx.clone());
        drop(all.go(move || {
            for step in 0..5 {
                order.note(n, step);
                match (n + step) % 3 {
                    0 => gosched(),
                    1 => tx.send(n).unwrap(),
                    _ => go(gosched).join().unwrap(),
                }
            }
        }));
    }
    drop(tx);
    let reader = order.clone();
    let sum = go(move || rx.iter().enumerate().map(|(step, n)| reader.note(100 + n, step)).count());
    block_on(sum).unwrap();
    all.wait();
    scope(|s| {
        for n in 0..4 {
            let order = &order;
            s.go(move || {
                (0..3).for_each(|step| {
                    order.note(200 + n, step);
                    gosched();
                })
            });
        }
    });
    order.0.lock().unwrap().clone()
}

/// A program that chooses among what is ready.
fn chooser() -> String {
    let order = Order::default();
    let (left, right) = (chan(20), chan(20));
    for step in 0..20 {
        left.0.send(step).unwrap();
        right.0.send(step).unwrap();
    }
    for _ in 0..40 {
        gort::select! {
            recv(left.1) -> step => order.note(300, step.unwrap()),
            recv(right.1) -> step => order.note(301, step.unwrap()),
        }
    }
    order.0.lock().unwrap().clone()
}

/// A program that sleeps, in a bubble, whose time depends on nothing outside.
fn sleepers() -> String {
    gort::test::bubble(|| {
        let order = Order::default();
        let all = WaitGroup::new();
        for n in 0..6 {
            let order = order.clone();
            drop(all.go(move || {
                for step in 0..5 {
                    // Many wake at the same moment.
                    gort::sleep(Duration::from_millis(10 * (1 + (n + step) as u64 % 2)));
                    order.note(n, step);
                    gosched();
                    order.note(10 + n, step);
                }
            }));
        }
        all.wait();
        order.0.lock().unwrap().clone()
    })
}

/// Runs [`program`], [`chooser`] and [`sleepers`] in a process of their own, with these settings:
/// what they wrote.
fn order_with(test: &str, environment: &[(&str, &str)]) -> Option<String> {
    let Some(output) = process(test, environment) else {
        // SAFETY: nothing here keeps a thread's own data over a blocking call.
        println!("order: {}", unsafe { gort::run(|| program() + &chooser() + &sleepers()) });
        return None;
    };
    assert_success(&output);
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, rest) = out.split_once("order: ").expect("the program wrote its order");
    Some(rest.lines().next().unwrap_or_default().to_owned())
}

#[test]
fn one_seed_gives_one_order() {
    let test = "one_seed_gives_one_order";
    for seed in ["seed=1", "seed=18446744073709551615"] {
        let environment = [("GORTDEBUG", seed), ("GOMAXPROCS", "1")];
        let Some(first) = order_with(test, &environment) else { return };
        assert!(first.len() > 200, "{first}");
        for _ in 1..20 {
            assert_eq!(order_with(test, &environment).as_deref(), Some(&*first));
        }
    }
}

#[test]
fn many_seeds_give_many_orders() {
    let mut orders = BTreeSet::new();
    for seed in 0..20 {
        let seed = format!("seed={seed}");
        let environment = [("GORTDEBUG", &*seed), ("GOMAXPROCS", "1")];
        let Some(order) = order_with("many_seeds_give_many_orders", &environment) else { return };
        orders.insert(order);
    }
    assert!(orders.len() >= 15, "{}", orders.len());
}

#[test]
fn a_seed_works_with_several_processors() {
    for procs in ["2", "8"] {
        let environment = [("GORTDEBUG", "seed=3,migrate=1"), ("GOMAXPROCS", procs)];
        if order_with("a_seed_works_with_several_processors", &environment).is_none() {
            return;
        }
    }
}

#[test]
fn the_builders_seed_goes_first_and_stays() {
    let environment = [("GORTDEBUG", "seed=5"), ("GOMAXPROCS", "1")];
    let Some(output) = process("the_builders_seed_goes_first_and_stays", &environment) else {
        let with = |seed| {
            // SAFETY: nothing here keeps a thread's own data over a blocking call.
            unsafe { Builder::new().seed(seed).run(|| 1) }
        };
        assert_eq!(with(4).unwrap(), 1);
        assert_eq!(with(4).unwrap(), 1);
        assert!(matches!(with(5), Err(RunError::AlreadyRunning)));
        return;
    };
    assert_success(&output);
}

#[test]
fn a_pair_that_plays_ping_pong_does_not_starve_a_third() {
    let environment = [("GORTDEBUG", "seed=9"), ("GOMAXPROCS", "1")];
    let test = "a_pair_that_plays_ping_pong_does_not_starve_a_third";
    let Some(output) = process(test, &environment) else {
        let main = || {
            let (ping, pinged) = chan(0);
            let (pong, ponged) = chan(0);
            go(move || pinged.iter().take_while(|&n| pong.send(n).is_ok()).count());
            let third = go(|| (0..50).for_each(|_| gosched()));
            let mut turns = 0u32;
            while !third.is_finished() {
                ping.send(turns).unwrap();
                assert_eq!(ponged.recv(), Ok(turns));
                turns += 1;
            }
            assert!((50..5_000).contains(&turns), "{turns}");
        };
        // SAFETY: nothing here keeps a thread's own data over a blocking call.
        return unsafe { gort::run(main) };
    };
    assert_success(&output);
}
