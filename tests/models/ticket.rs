//! A waiter with a deadline: `src/sched/ticket.rs`, used as `src/chan/core.rs` does.

#[path = "../../src/sched/ticket.rs"]
mod source;

use std::sync::atomic::{AtomicU32 as PlainU32, Ordering as PlainOrdering};

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::explore::{check, check_pair};
use crate::sys::sync::{AtomicU32, Ordering, wait_while, wake_all};
use source::Ticket;

const VALUE: u32 = 42;

/// A receiver in a channel's queue, and the timer of its deadline.
struct Receiver {
    /// The channel's lock, over "the receiver is in the queue".
    queued: Mutex<bool>,
    ticket: Ticket,
    /// Where the element goes: on the receiver's stack.
    element: UnsafeCell<u32>,
    woken: AtomicU32,
    wakes: PlainU32,
}

// SAFETY: that the winner alone touches the receiver's stack is what the models check.
unsafe impl Sync for Receiver {}

impl Receiver {
    fn new() -> Receiver {
        let (ticket, woken) = (Ticket::new(), AtomicU32::new(0));
        // The words' first use is before they are shared.
        assert!(!ticket.is_expired());
        woken.load(Ordering::Relaxed);
        Receiver {
            queued: Mutex::new(true),
            ticket,
            element: UnsafeCell::new(0),
            woken,
            wakes: PlainU32::new(0),
        }
    }

    fn wake(&self) {
        self.wakes.fetch_add(1, PlainOrdering::Relaxed);
        // ORDERING: Release, pairs with the Acquire in `park`, as in `sudog::Parker`.
        self.woken.store(1, Ordering::Release);
        wake_all(&self.woken);
    }

    fn park(&self) {
        // ORDERING: Acquire, pairs with the Release in `wake`.
        while self.woken.load(Ordering::Acquire) == 0 {
            wait_while(&self.woken, 0);
        }
    }

    fn assert_wakes(&self, count: u32) {
        assert_eq!(self.wakes.load(PlainOrdering::Relaxed), count);
    }

    /// `Core::send_locked` with `WaitQueue::pop`. Returns whether the value went.
    fn send(&self) -> bool {
        let mut queued = self.queued.lock().unwrap();
        if !std::mem::replace(&mut *queued, false) || !self.ticket.claim(Ticket::SERVED) {
            return false;
        }
        // SAFETY: as for the type.
        self.element.with_mut(|element| unsafe { *element = VALUE });
        drop(queued);
        self.wake();
        true
    }

    /// `Timers::expired`.
    fn fire(&self) {
        if self.ticket.claim(Ticket::EXPIRED) {
            self.wake();
        }
    }

    /// `Core::settle`, after which the receiver's stack is its own again.
    fn settle(&self, expired: bool) {
        if expired {
            *self.queued.lock().unwrap() = false;
        }
        let element = self.element.with_mut(|element| {
            // SAFETY: as for the type.
            unsafe { std::mem::replace(&mut *element, 0) }
        });
        assert_eq!(element, if expired { 0 } else { VALUE });
    }
}

#[test]
fn a_partner_or_the_clock_wakes_a_goroutine() {
    check(|| {
        let receiver = Arc::new(Receiver::new());
        let partner = thread::spawn({
            let receiver = receiver.clone();
            move || receiver.send()
        });
        let clock = thread::spawn({
            let receiver = receiver.clone();
            move || receiver.fire()
        });
        receiver.park();
        let expired = receiver.ticket.is_expired();
        receiver.settle(expired);
        clock.join().unwrap();
        assert_eq!(partner.join().unwrap(), !expired);
        receiver.assert_wakes(1);
    });
}

/// A thread that times out claims its own ticket; if it loses, its partner is about to wake it.
#[test]
fn a_thread_whose_sleep_ends_settles_with_its_partner() {
    let time_out = |receiver: &Receiver| {
        let expired = receiver.ticket.claim(Ticket::EXPIRED);
        if !expired {
            receiver.park();
        }
        receiver.settle(expired);
    };
    let send = |receiver: &Receiver| {
        let sent = receiver.send();
        receiver.assert_wakes(u32::from(sent));
    };
    check_pair(Receiver::new, time_out, send, |_| {});
}
