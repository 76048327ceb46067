//! Timers that are stopped while they fire: `src/sched/timer_state.rs`, used as
//! `src/sched/timers.rs` and `src/time/chan_timer.rs` do.

#[path = "../../src/sched/timer_state.rs"]
mod source;

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex, MutexGuard};
use loom::thread;

use crate::explore::check;
use source::{Arming, Home};

/// A heap with room for one timer.
struct Heap {
    has_timer: Mutex<bool>,
}

/// A timer on the stack of its goroutine.
struct Timer {
    home: Home<Heap>,
    /// The ticket and whatever else of the timer who fires it touches.
    memory: UnsafeCell<u32>,
}

struct World {
    heaps: [Heap; 2],
    timer: Timer,
}

// SAFETY: that nobody touches the timer's memory once its owner has it is what the models check.
unsafe impl Sync for World {}
// SAFETY: as above.
unsafe impl Send for World {}

impl World {
    /// The timer is in the first heap.
    fn new() -> Arc<World> {
        let heap = |has_timer| Heap { has_timer: Mutex::new(has_timer) };
        let timer = Timer { home: Home::none(), memory: UnsafeCell::new(0) };
        let world = Arc::new(World { heaps: [heap(true), heap(false)], timer });
        world.timer.home.enter(&world.heaps[0]);
        world
    }

    /// `Timers::expired`.
    fn expire(&self, heap: usize) {
        let mut has_timer = self.heaps[heap].has_timer.lock().unwrap();
        if std::mem::take(&mut *has_timer) {
            // SAFETY: it was in the heap, so its owner has not left.
            self.timer.memory.with_mut(|memory| unsafe { *memory += 1 });
            self.timer.home.leave();
        }
    }

    /// `Timers::move_all_to`.
    fn retire(&self) {
        let mut heap = self.heaps[0].has_timer.lock().unwrap();
        let mut others = self.heaps[1].has_timer.lock().unwrap();
        if std::mem::take(&mut *heap) {
            self.timer.home.enter(&self.heaps[1]);
            *others = true;
        }
    }

    /// `Timer::withdraw`, after which the owner frees the memory.
    fn cancel_and_free(&self) {
        self.cancel();
        // SAFETY: nobody else touches it from here on.
        let fired = self.timer.memory.with_mut(|memory| unsafe {
            std::mem::replace(&mut *memory, 100) // what is not the timer's any more
        });
        assert!(fired <= 1);
    }

    fn cancel(&self) {
        loop {
            let home = self.timer.home.find();
            // SAFETY: null or one of the heaps.
            let Some(heap) = (unsafe { home.as_ref() }) else { return };
            let mut has_timer = heap.has_timer.lock().unwrap();
            if !self.timer.home.is_in(home) {
                continue;
            }
            assert!(std::mem::take(&mut *has_timer), "the timer is not in its heap");
            self.timer.home.leave();
            return;
        }
    }
}

#[test]
fn a_timer_is_cancelled_while_it_fires() {
    check(|| {
        let world = World::new();
        let clock = thread::spawn({
            let world = world.clone();
            move || world.expire(0)
        });
        world.cancel_and_free();
        clock.join().unwrap();
    });
}

#[test]
fn a_timer_is_cancelled_while_its_heap_retires() {
    check(|| {
        let world = World::new();
        let others = [0, 1].map(|other| {
            let world = world.clone();
            thread::spawn(move || if other == 0 { world.retire() } else { world.expire(1) })
        });
        world.cancel_and_free();
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// A timer with a channel: who fires it has taken it out of the heap already.
struct ChanTimer {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    arming: Arming,
    /// What was sent and nobody has received.
    sent: Option<u64>,
    /// The turn that the heap has.
    in_heap: Option<u64>,
}

impl ChanTimer {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// `Timers::expired`, and later `Fire::fire`.
    fn fire(&self) {
        let due = self.lock().in_heap.take();
        thread::yield_now();
        if let Some(turn) = due {
            let mut state = self.lock();
            if state.arming.claim(turn) {
                assert_eq!(state.in_heap, None, "it fires before its time");
                state.sent = Some(turn);
            }
        }
    }

    /// `ChanTimer::stop`, or a reset.
    fn stop(state: &mut State) -> bool {
        let prevented = state.arming.disarm();
        state.in_heap = None;
        state.sent.take().is_some() || prevented
    }

    fn start(state: &mut State) -> u64 {
        let turn = state.arming.arm();
        state.in_heap = Some(turn);
        turn
    }
}

#[test]
fn nothing_is_received_after_a_stop() {
    check(|| {
        let timer = Arc::new(ChanTimer { state: Mutex::default() });
        ChanTimer::start(&mut timer.lock());
        let clock = thread::spawn({
            let timer = timer.clone();
            move || timer.fire()
        });
        let received = timer.lock().sent.take().is_some();
        let stopped = ChanTimer::stop(&mut timer.lock());
        // It says truthfully whether something came of the timer.
        assert_eq!(stopped, !received);
        clock.join().unwrap();
        assert_eq!(timer.lock().sent, None);
    });
}

#[test]
fn nothing_of_before_is_received_after_a_reset() {
    check(|| {
        let timer = Arc::new(ChanTimer { state: Mutex::default() });
        ChanTimer::start(&mut timer.lock());
        let clock = thread::spawn({
            let timer = timer.clone();
            move || timer.fire()
        });
        let turn = {
            let mut state = timer.lock();
            ChanTimer::stop(&mut state);
            ChanTimer::start(&mut state)
        };
        clock.join().unwrap();
        timer.fire();
        assert_eq!(timer.lock().sent.take(), Some(turn));
        timer.fire();
        assert_eq!(timer.lock().sent, None);
    });
}
