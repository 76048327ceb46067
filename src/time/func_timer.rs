//! Timers that call a function on a goroutine of its own.

use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::moment_ns;
use crate::sched::clock::Clock;
use crate::sched::g::Extras;
use crate::sched::timer_state::Arming;
use crate::sched::timers::{Fire, Timer};
use crate::sched::{Inside, spawn};

/// A timer that calls `F`, named after the type `N`.
pub(super) struct FuncTimer<F, N> {
    timer: Timer,
    clock: Clock,
    location: &'static Location<'static>,
    state: Mutex<State<F>>,
    /// Takes the function out, or a copy of it.
    take: fn(&mut Option<F>) -> Option<F>,
    name: PhantomData<fn() -> N>,
}

/// Under the timer's lock, which is held inside only, for a few instructions.
struct State<F> {
    arming: Arming,
    func: Option<F>,
}

/// What one can do with a timer of whatever function.
pub(super) trait Handle: Send + Sync {
    /// Stops the timer. Returns whether that prevented a call.
    fn stop(&self) -> bool;
    /// Starts the timer anew. Returns what a stop would have.
    fn reset(self: Arc<Self>, duration: Duration) -> bool;
}

impl<F: FnOnce() + Send + 'static> FuncTimer<F, F> {
    /// A timer that calls `f` once.
    pub(super) fn once(
        duration: Duration,
        f: F,
        location: &'static Location<'static>,
    ) -> Arc<dyn Handle> {
        start::<F, F>(duration, f, location, Option::take)
    }
}

/// A timer that calls `f` each time it fires.
pub(super) fn again<F: Fn() + Send + Sync + 'static>(
    duration: Duration,
    f: F,
    location: &'static Location<'static>,
) -> Arc<dyn Handle> {
    let f = Arc::new(f);
    start::<_, F>(duration, move || f(), location, |func| func.clone())
}

fn start<F: FnOnce() + Send + 'static, N: 'static>(
    duration: Duration,
    f: F,
    location: &'static Location<'static>,
    take: fn(&mut Option<F>) -> Option<F>,
) -> Arc<dyn Handle> {
    let timer = Arc::new(FuncTimer::<F, N> {
        timer: Timer::call(),
        clock: Clock::current(),
        location,
        state: Mutex::new(State { arming: Arming::default(), func: Some(f) }),
        take,
        name: PhantomData,
    });
    timer.restart(duration);
    timer
}

impl<F: FnOnce() + Send + 'static, N: 'static> FuncTimer<F, N> {
    fn restart(self: &Arc<Self>, duration: Duration) -> bool {
        let rt = Inside::enter();
        let mut state = self.state.lock();
        let prevented = self.stop_locked(&mut state);
        if state.func.is_none() {
            return prevented; // it was called and cannot be again
        }
        let now_ns = self.clock.now_ns();
        let when_ns = moment_ns(now_ns, duration);
        let turn = state.arming.arm();
        if when_ns <= now_ns && self.clock.is_current() {
            let func = self.claim(&mut state, turn);
            drop(state);
            self.call(&rt, func);
        } else {
            let owner: Arc<Self> = Arc::clone(self);
            // SAFETY: the timer is its owner's and in no heap; the lock sees to one caller.
            unsafe { self.clock.keep(&rt, &self.timer, when_ns, owner, turn) };
        }
        prevented
    }

    /// Under the lock. The heap's share of the timer goes, but the caller has another.
    fn stop_locked(&self, state: &mut State<F>) -> bool {
        drop(self.timer.withdraw());
        state.arming.disarm()
    }

    /// Under the lock: the function to be called, if this turn is still wanted.
    fn claim(&self, state: &mut State<F>, turn: u64) -> Option<F> {
        if state.arming.claim(turn) { (self.take)(&mut state.func) } else { None }
    }

    /// Starts the goroutine that calls the function.
    fn call(&self, rt: &Inside, func: Option<F>) {
        let Some(func) = func else { return };
        let in_bubble = |bubble| Box::new(Extras { bubble: Some(bubble), ..Extras::default() });
        let extras = self.clock.bubble().map(in_bubble);
        // SAFETY: the function is 'static.
        unsafe { spawn::spawn_detached_with::<F, N>(rt, func, self.location, extras) };
    }
}

impl<F: FnOnce() + Send + 'static, N: 'static> Fire for FuncTimer<F, N> {
    fn fire(self: Arc<Self>, rt: &Inside, turn: u64) {
        let func = self.claim(&mut self.state.lock(), turn);
        self.call(rt, func);
        // A function that is left is user code, whose destructor must run outside.
        if let Some(func) = Arc::into_inner(self).and_then(|this| this.state.into_inner().func) {
            let location = Location::caller();
            // SAFETY: the function is 'static.
            unsafe { spawn::spawn_detached::<_, N>(rt, move || drop(func), location) };
        }
    }
}

impl<F: FnOnce() + Send + 'static, N: 'static> Handle for FuncTimer<F, N> {
    fn stop(&self) -> bool {
        self.clock.check("stop of a timer");
        let rt = Inside::enter();
        let prevented = self.stop_locked(&mut self.state.lock());
        drop(rt);
        prevented
    }

    fn reset(self: Arc<Self>, duration: Duration) -> bool {
        self.clock.check("reset of a timer");
        self.restart(duration)
    }
}
