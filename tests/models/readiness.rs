//! Whether a socket is ready: `src/sched/netpoll/readiness.rs`, used as `src/net/polled.rs` and
//! `src/sched/netpoll/wait.rs` do.

#[path = "../../src/sched/netpoll/readiness.rs"]
mod source;

use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::explore::{check_pair, check_up_to};
use crate::sys::sync::{AtomicU32, Ordering, wait_while, wake_all};
use source::Readiness;

/// A socket, and who waits for it.
struct Socket {
    /// What has come in, as the kernel has it. Whoever is told of it learns so by the edge alone.
    data: AtomicU32,
    readiness: Readiness,
    waiters: Mutex<Vec<Arc<AtomicU32>>>,
}

impl Socket {
    fn new() -> Socket {
        let data = AtomicU32::new(0);
        data.load(Ordering::Relaxed); // its first use
        Socket { data, readiness: Readiness::new(), waiters: Mutex::new(Vec::new()) }
    }

    /// Data comes in, and the poller delivers its edge: `Descriptor::event`.
    fn send(&self, amount: u32) {
        self.data.fetch_add(amount, Ordering::Relaxed);
        let mut waiters = self.waiters.lock().unwrap();
        self.readiness.edge();
        let first = if waiters.is_empty() { None } else { Some(waiters.remove(0)) };
        drop(waiters);
        first.iter().for_each(|waiter| wake(waiter));
    }

    /// The system call: takes one piece, if any is there.
    fn recv(&self) -> bool {
        let mut data = self.data.load(Ordering::Relaxed);
        while data != 0 {
            let less =
                self.data.compare_exchange(data, data - 1, Ordering::Relaxed, Ordering::Relaxed);
            match less {
                Ok(_) => return true,
                Err(newer) => data = newer,
            }
        }
        false
    }

    /// `Polled::call`.
    fn read(&self) {
        let mut has_waited = false;
        loop {
            let look = self.readiness.look();
            if self.readiness.is_ready(look) {
                if self.recv() {
                    break;
                }
                self.readiness.found_nothing(look);
            }
            self.wait();
            has_waited = true;
        }
        if has_waited {
            self.pass_on();
        }
    }

    /// `Registration::wait`. The scheduler unlocks once the waiter is off its stack.
    fn wait(&self) {
        let waiter = Arc::new(AtomicU32::new(0));
        waiter.load(Ordering::Relaxed); // its first use
        let mut waiters = self.waiters.lock().unwrap();
        if self.readiness.is_ready(self.readiness.look()) {
            return;
        }
        waiters.push(Arc::clone(&waiter));
        drop(waiters);
        // ORDERING: Acquire, pairs with the Release in `wake`, as in `sudog::Parker`.
        while waiter.load(Ordering::Acquire) == 0 {
            wait_while(&waiter, 0);
        }
    }

    /// `Descriptor::pass_on`.
    fn pass_on(&self) {
        let mut waiters = self.waiters.lock().unwrap();
        let is_ready = self.readiness.is_ready(self.readiness.look());
        let next = if is_ready && !waiters.is_empty() { Some(waiters.remove(0)) } else { None };
        drop(waiters);
        next.iter().for_each(|waiter| wake(waiter));
    }
}

fn wake(waiter: &AtomicU32) {
    // ORDERING: Release, pairs with the Acquire in `Socket::wait`.
    waiter.store(1, Ordering::Release);
    wake_all(waiter);
}

/// What comes in before, during and after the call and the wait is found.
#[test]
fn no_edge_is_lost() {
    check_pair(Socket::new, Socket::read, |socket| socket.send(1), |_| ());
}

/// Twice, so that there is an edge after one that was seen.
#[test]
fn an_edge_follows_another() {
    let read_twice = |socket: &Socket| (0..2).for_each(|_| socket.read());
    let send_twice = |socket: &Socket| (0..2).for_each(|_| socket.send(1));
    check_pair(Socket::new, read_twice, send_twice, |_| ());
}

/// One edge for two: who is woken by it passes on what is left.
#[test]
fn what_is_left_is_passed_on() {
    check_up_to(2, || {
        let socket = Arc::new(Socket::new());
        let reader = thread::spawn({
            let socket = Arc::clone(&socket);
            move || socket.read()
        });
        let sender = thread::spawn({
            let socket = Arc::clone(&socket);
            move || socket.send(2)
        });
        socket.read();
        reader.join().unwrap();
        sender.join().unwrap();
    });
}
