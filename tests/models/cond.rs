//! A condition: `src/sync/cond_word.rs`, used as `src/sync/cond.rs` does.

#[path = "../../src/sync/cond_word.rs"]
mod source;

use std::collections::VecDeque;

use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::explore::{check_pair, check_up_to};
use crate::parker::Parker;
use source::CondWord;

struct Cond {
    waiting: CondWord,
    queue: Mutex<VecDeque<Arc<Parker>>>,
    /// What the mutex is for: how many may go on.
    tickets: Mutex<u32>,
}

impl Cond {
    fn new() -> Cond {
        let waiting = CondWord::new();
        // The word's first use is before it is shared.
        assert!(waiting.is_zero());
        Cond { waiting, queue: Mutex::default(), tickets: Mutex::new(0) }
    }

    /// `Cond::wait_while`.
    fn wait(&self) {
        let mut tickets = self.tickets.lock().unwrap();
        while *tickets == 0 {
            let mut queue = self.queue.lock().unwrap();
            self.waiting.one_more();
            let parker = Arc::new(Parker::new());
            queue.push_back(parker.clone());
            drop(tickets);
            drop(queue);
            assert!(parker.park());
            tickets = self.tickets.lock().unwrap();
        }
        *tickets -= 1;
    }

    fn give(&self, count: u32) {
        *self.tickets.lock().unwrap() += count;
    }

    fn signal(&self) {
        if self.waiting.is_zero() {
            return;
        }
        let mut queue = self.queue.lock().unwrap();
        let woken = queue.pop_front();
        self.waiting.less(u32::from(woken.is_some()));
        drop(queue);
        woken.iter().for_each(|parker| parker.wake(true));
    }

    fn broadcast(&self) {
        if self.waiting.is_zero() {
            return;
        }
        let mut queue = self.queue.lock().unwrap();
        let woken = std::mem::take(&mut *queue);
        self.waiting.less(woken.len() as u32);
        drop(queue);
        woken.iter().for_each(|parker| parker.wake(true));
    }

    fn assert_nobody_waits(&self) {
        assert!(self.waiting.is_zero());
        assert_eq!(*self.tickets.lock().unwrap(), 0);
    }
}

#[test]
fn a_signal_finds_who_waits() {
    let signal = |cond: &Cond| {
        cond.give(1);
        cond.signal();
    };
    check_pair(Cond::new, Cond::wait, signal, Cond::assert_nobody_waits);
}

fn two_wait(wake: fn(&Cond)) {
    check_up_to(2, move || {
        let cond = Arc::new(Cond::new());
        let waiters = [0, 1].map(|_| {
            let cond = cond.clone();
            thread::spawn(move || cond.wait())
        });
        wake(&cond);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        cond.assert_nobody_waits();
    });
}

#[test]
fn two_signals_wake_two() {
    two_wait(|cond| {
        for _ in 0..2 {
            cond.give(1);
            cond.signal();
        }
    });
}

#[test]
fn a_broadcast_wakes_two() {
    two_wait(|cond| {
        cond.give(2);
        cond.broadcast();
    });
}
