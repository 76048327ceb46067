//! A select that waits in two channels: `src/sched/wait_queue.rs` and `ticket.rs`, used as
//! `src/select/wait.rs` and `src/chan/` do. Of a sender, a closer and the clock one wins.

#[allow(clippy::duplicate_mod, reason = "`ticket.rs` here has the same")]
#[path = "../../src/sched/ticket.rs"]
mod ticket;
#[allow(dead_code, reason = "the model uses a part")]
#[path = "../../src/sched/wait_queue.rs"]
mod wait_queue;

use std::sync::atomic::{AtomicU32 as PlainU32, Ordering as PlainOrdering};

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::explore::check_up_to;
use crate::sys::sync::{AtomicU32, Ordering, wait_while, wake_all};
use ticket::Ticket;
use wait_queue::{Outcome, Sudog, WaitQueue};

const VALUE: u32 = 42;

/// The goroutine that selects.
struct Goroutine {
    ticket: Ticket,
    woken: AtomicU32,
    wakes: PlainU32,
    /// The cases' sudogs and the places of their elements, on its stack: both channels' partners
    /// touch the one of their own channel only, until it has left.
    places: [UnsafeCell<u32>; 2],
}

/// A channel without a buffer, and whether it is closed.
struct Channel(Mutex<(WaitQueue<usize>, bool)>);

struct World {
    goroutine: Goroutine,
    channels: [Channel; 2],
}

// SAFETY: that the queues' locks and the ticket guard the rest is what the models check.
unsafe impl Send for World {}
// SAFETY: as above.
unsafe impl Sync for World {}

impl World {
    fn new() -> World {
        let (ticket, woken) = (Ticket::new(), AtomicU32::new(0));
        // The words' first use is before they are shared.
        assert!(!ticket.is_expired());
        woken.load(Ordering::Relaxed);
        let channel = || Channel(Mutex::new((WaitQueue::new(), false)));
        World {
            goroutine: Goroutine {
                ticket,
                woken,
                wakes: PlainU32::new(0),
                places: [UnsafeCell::new(0), UnsafeCell::new(0)],
            },
            channels: [channel(), channel()],
        }
    }

    fn wake(&self) {
        self.goroutine.wakes.fetch_add(1, PlainOrdering::Relaxed);
        // ORDERING: Release, pairs with the Acquire in `park`, as in `sudog::Parker`.
        self.goroutine.woken.store(1, Ordering::Release);
        wake_all(&self.goroutine.woken);
    }

    fn park(&self) {
        // ORDERING: Acquire, pairs with the Release in `wake`.
        while self.goroutine.woken.load(Ordering::Acquire) == 0 {
            wait_while(&self.goroutine.woken, 0);
        }
    }

    /// `Core::send_locked` with what follows. Whether the value went.
    fn send(&self, channel: usize) -> bool {
        let mut state = self.channels[channel].0.lock().unwrap();
        let Some(receiver) = state.0.pop() else { return false };
        // SAFETY: popped, so it waits for us.
        unsafe {
            (*receiver).outcome = Outcome::Served;
            self.goroutine.places[channel].with_mut(|place| *place = VALUE);
        }
        drop(state);
        self.wake();
        true
    }

    /// `Head::close`.
    fn close(&self, channel: usize) {
        let mut state = self.channels[channel].0.lock().unwrap();
        state.1 = true;
        let mut woken = 0;
        while let Some(waiter) = state.0.pop() {
            // SAFETY: as in `send`.
            unsafe { (*waiter).outcome = Outcome::Closed };
            woken += 1;
        }
        drop(state);
        (0..woken).for_each(|_| self.wake());
    }

    /// `Timers::expired`.
    fn fire(&self) {
        if self.goroutine.ticket.claim(Ticket::EXPIRED) {
            self.wake();
        }
    }

    /// The select: how each case ended.
    fn select(&self) -> [Outcome; 2] {
        let mut states: Vec<_> = self.channels.iter().map(|c| c.0.lock().unwrap()).collect();
        if let Some(closed) = states.iter().position(|state| state.1) {
            return [0, 1].map(|n| if n == closed { Outcome::Closed } else { Outcome::Waiting });
        }
        let mut sudogs =
            [0, 1].map(|n| Sudog::new(n, std::ptr::null_mut(), &self.goroutine.ticket));
        let sudogs: [*mut Sudog<usize>; 2] = sudogs.each_mut().map(std::ptr::from_mut);
        for (state, sudog) in states.iter_mut().zip(sudogs) {
            // SAFETY: locked; the sudogs leave below.
            unsafe { state.0.push(sudog) };
        }
        // The commit, in the order of locking.
        states.into_iter().for_each(drop);
        self.park();
        // SAFETY: whoever claimed the ticket has written it before waking us.
        let outcomes = sudogs.map(|sudog| unsafe { (*sudog).outcome });
        for (n, sudog) in sudogs.into_iter().enumerate() {
            if outcomes[n] == Outcome::Waiting {
                // SAFETY: it was pushed to this queue.
                unsafe { self.channels[n].0.lock().unwrap().0.remove(sudog) };
            }
        }
        outcomes
    }

    /// After a select: one winner, who woke once; the places are the goroutine's own again.
    fn check(&self, outcomes: [Outcome; 2], sent: [bool; 2]) {
        let won = outcomes.iter().filter(|outcome| **outcome != Outcome::Waiting).count();
        let expired = self.goroutine.ticket.is_expired();
        assert_eq!(won, usize::from(!expired), "{outcomes:?}");
        assert!(self.goroutine.wakes.load(PlainOrdering::Relaxed) <= 1);
        for n in 0..2 {
            assert_eq!(outcomes[n] == Outcome::Served, sent[n]);
            // SAFETY: as for the type.
            let value = self.goroutine.places[n].with_mut(|place| unsafe { *place });
            assert_eq!(value == VALUE, sent[n]);
            assert!(self.channels[n].0.lock().unwrap().0.is_empty());
        }
    }
}

#[test]
fn a_sender_or_a_closer_wins() {
    check_up_to(2, || {
        let world = Arc::new(World::new());
        let sender = thread::spawn({
            let world = world.clone();
            move || world.send(0)
        });
        let closer = thread::spawn({
            let world = world.clone();
            move || world.close(1)
        });
        let outcomes = world.select();
        closer.join().unwrap();
        let sent = sender.join().unwrap();
        world.check(outcomes, [sent, false]);
    });
}

#[test]
fn one_of_two_senders_wins() {
    check_up_to(2, || {
        let world = Arc::new(World::new());
        let others = [0, 1].map(|channel| {
            let world = world.clone();
            thread::spawn(move || world.send(channel))
        });
        // A later close, so that the select ends in any case.
        let selects = thread::spawn({
            let world = world.clone();
            move || world.select()
        });
        let sent = others.map(|other| other.join().unwrap());
        world.close(0);
        world.check(selects.join().unwrap(), sent);
    });
}

#[test]
fn a_sender_or_the_clock_wins() {
    check_up_to(2, || {
        let world = Arc::new(World::new());
        let sender = thread::spawn({
            let world = world.clone();
            move || world.send(1)
        });
        let clock = thread::spawn({
            let world = world.clone();
            move || world.fire()
        });
        let outcomes = world.select();
        clock.join().unwrap();
        let sent = sender.join().unwrap();
        world.check(outcomes, [false, sent]);
    });
}
