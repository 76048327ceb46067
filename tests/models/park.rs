//! Parking: whoever waits is visible to wakers only after its switch is complete.
//!
//! `src/sched/park.rs` and `src/sched/schedule.rs` cannot run here, since they switch stacks; the
//! steps below are theirs, in their order. The state word and the join slot are the crate's own.

#[path = "../../src/sched/join.rs"]
#[allow(dead_code, clippy::duplicate_mod, reason = "`join.rs` has the rest; mutants stand alone")]
mod join_source;
#[path = "../../src/tracer/status.rs"]
#[allow(dead_code, clippy::duplicate_mod, reason = "as above, in `state_word.rs`")]
mod status_source;

use loom::cell::UnsafeCell;
use loom::sync::Mutex;

use crate::explore::check_pair;
use join_source::{Finished, JoinSlot};
use status_source::{StateWord, Status};

/// A goroutine: its state and its stack.
#[repr(align(8))]
struct G {
    state: StateWord,
    stack: UnsafeCell<u32>,
}

// SAFETY: that one thread at a time is on the stack is what the models check.
unsafe impl Sync for G {}

impl G {
    fn running() -> G {
        let g = G { state: StateWord::new(), stack: UnsafeCell::new(0) };
        g.state.born(Status::Running, 0);
        g
    }

    /// Runs on its stack for a while; `depth` is where it stands.
    fn run(&self, depth: u32) {
        self.stack.with_mut(|stack| {
            // SAFETY: as for the type.
            let stack = unsafe { &mut *stack };
            assert_eq!(*stack, depth);
            *stack += 1;
        });
    }

    /// `park` and `suspended`: suspends, and publishes itself by `commit` if it is to wait.
    fn park(&self, commit: impl FnOnce() -> bool) {
        self.run(0); // the switch writes its registers to the stack
        self.state.set(Status::Waiting);
        if !commit() {
            self.state.set(Status::Runnable);
            self.resume();
        }
    }

    /// `ready`, and the run on the waker's thread that follows.
    fn ready(&self) {
        assert_eq!(self.state.status(), Status::Waiting);
        self.state.set(Status::Runnable);
        self.resume();
    }

    fn resume(&self) {
        assert_eq!(self.state.status(), Status::Runnable);
        self.state.set(Status::Running);
        self.run(1);
    }

    fn assert_resumed_once(&self) {
        assert_eq!(self.state.status(), Status::Running);
        // SAFETY: nobody runs it any more.
        assert_eq!(self.stack.with(|stack| unsafe { *stack }), 2);
    }
}

/// A channel, and a goroutine that receives from it.
struct Channel {
    state: Mutex<ChannelState>,
    receiver: G,
}

/// What the channel's lock guards.
struct ChannelState {
    waiting: bool,
    values: u32,
}

impl Channel {
    fn new() -> Channel {
        let state = Mutex::new(ChannelState { waiting: false, values: 0 });
        Channel { state, receiver: G::running() }
    }

    /// Whoever waits locks the channel, and the scheduler unlocks it once the switch is complete.
    fn receive(&self) {
        let mut locked = self.state.lock().unwrap();
        if locked.values != 0 {
            self.receiver.run(0);
            self.receiver.run(1);
            return;
        }
        locked.waiting = true;
        self.receiver.park(move || {
            drop(locked);
            true
        });
    }

    fn send(&self) {
        let mut locked = self.state.lock().unwrap();
        let waiting = std::mem::replace(&mut locked.waiting, false);
        locked.values += u32::from(!waiting);
        drop(locked);
        if waiting {
            self.receiver.ready();
        }
    }
}

#[test]
fn the_lock_is_held_over_the_switch() {
    let finish = |channel: &Channel| channel.receiver.assert_resumed_once();
    check_pair(Channel::new, Channel::receive, Channel::send, finish);
}

/// A joiner is published by the join slot's word, without a lock; it may turn out that there is
/// nothing to wait for any more.
#[test]
fn a_word_publishes_a_joiner() {
    struct Joining {
        slot: JoinSlot,
        joiner: G,
    }
    let make = || Joining { slot: JoinSlot::new(), joiner: G::running() };
    let join = |this: &Joining| {
        this.joiner.park(|| this.slot.wait(std::ptr::from_ref(&this.joiner) as usize));
    };
    let end = |this: &Joining| {
        if let Finished::Awaited(waiter) = this.slot.finish() {
            // SAFETY: the joiner waits, and `this` keeps it in memory.
            unsafe { (*(waiter as *const G)).ready() };
        }
    };
    check_pair(make, join, end, |this| {
        this.joiner.assert_resumed_once();
        assert!(this.slot.is_done());
    });
}
