//! Parking: how a goroutine stops running, and how it is made to run again.
//!
//! Invariant 1: a goroutine becomes visible to wakers only after its switch is complete. So
//! whatever publishes it (the unlock of a channel, the start of a timer) is a function, the
//! *commit*, that the scheduler calls on the thread's own stack once the goroutine is off it.

use super::g::{FLAG_CLOCKED, FLAG_DURABLE, FLAG_EXITING, FLAG_LOCKED, FLAG_TIMED, G};
use super::m::M;
use super::sudog::{Parker, Waiter};
use super::timers::Timer;
use super::{Inside, SCHED, bubble, coarse, contention, find, metrics, tls};
use crate::sys::clock;
use crate::tracer::generation;
use crate::tracer::status::Status;
use crate::tracer::unwind;
use crate::wire::reason::WaitReason;

/// What a goroutine that suspends wants of the scheduler.
#[derive(Clone, Copy)]
pub(crate) enum Request {
    /// Nothing: it has not suspended.
    None,
    /// To wait; with the trace's number of its stack.
    Park(Wait, u32),
    /// To let others run.
    Yield(u32),
    /// To end.
    Exit,
}

/// A wait: why, and how it becomes visible to wakers.
#[derive(Clone, Copy)]
pub(crate) struct Wait {
    pub(crate) reason: WaitReason,
    /// Publishes the waiter. False: there is nothing to wait for any more, and nobody will wake it.
    pub(crate) commit: unsafe fn(*mut ()) -> bool,
    pub(crate) argument: *mut (),
}

/// What `goexit` unwinds with.
#[derive(Debug)]
pub struct Goexit;

impl Inside {
    /// Enters the runtime for a call that may park. If the goroutine is in the middle of
    /// `goexit` and user code stopped its unwinding, the unwinding goes on here.
    #[inline]
    pub(crate) fn enter_to_block() -> Inside {
        let rt = Inside::enter();
        if rt.g().is_some_and(|g| g.has_flag(FLAG_EXITING)) && !std::thread::panicking() {
            drop(rt);
            std::panic::resume_unwind(Box::new(Goexit));
        }
        rt
    }

    /// The caller as a waiter: its goroutine, or its thread by way of `parker`.
    #[inline]
    pub(crate) fn waiter(&self, parker: &Parker) -> Waiter {
        match self.g() {
            Some(g) => Waiter::Goroutine(g),
            None => Waiter::Thread(parker),
        }
    }

    /// Blocks the caller, who is `waiter`, until it is woken. False: a thread's deadline came
    /// first. (A goroutine's deadline is a timer that its commit starts.) Inlined: one frame less for
    /// the tracer to walk; it is [`Inside::park`] that must not be.
    ///
    /// # Safety
    /// `wait.argument` suits its commit, and both it and whatever the commit publishes stay valid
    /// until the caller is woken.
    #[inline(always)]
    pub(crate) unsafe fn block(
        self,
        waiter: Waiter,
        wait: Wait,
        deadline_ns: Option<u64>,
    ) -> (Inside, bool) {
        let timing = contention::begin(waiter, wait.reason);
        let (rt, woken) = match waiter {
            // SAFETY: by the caller's promise.
            Waiter::Goroutine(_) => (unsafe { self.park(wait) }, true),
            Waiter::Thread(parker) => {
                // SAFETY: by the caller's promise; a thread needs no switch to be visible.
                let waits = unsafe { (wait.commit)(wait.argument) };
                drop(self);
                // SAFETY: the parker is the caller's own.
                let woken = !waits || unsafe { (*parker).park(deadline_ns) };
                (Inside::enter(), woken)
            }
        };
        (timing.end(rt), woken)
    }

    /// Parks the current goroutine until somebody readies it, perhaps on another thread.
    ///
    /// # Safety
    /// As for [`Inside::block`].
    #[inline(never)]
    pub(crate) unsafe fn park(self, wait: Wait) -> Inside {
        let (m, g) = self.current();
        let stack = m.emit(|e| m.stack_above(e)).unwrap_or(0);
        if must_stay(g) {
            return self.park_in_place(m, g, wait, stack);
        }
        m.request.set(Request::Park(wait, stack));
        self.switch(g)
    }

    /// Lets other goroutines run.
    #[inline(never)]
    pub(crate) fn yield_now(self) -> Inside {
        let (m, g) = self.current();
        if find::is_nobody_waiting(m) {
            return self;
        }
        let stack = m.emit(|e| m.stack_above(e)).unwrap_or(0);
        if must_stay(g) {
            // Nothing to wait for, but the processor serves others first.
            let (commit, argument) = ((|_| false) as _, std::ptr::null_mut());
            let wait = Wait { reason: WaitReason::Gosched, commit, argument };
            return self.park_in_place(m, g, wait, stack);
        }
        m.request.set(Request::Yield(stack));
        self.switch(g)
    }

    #[inline(always)]
    fn current(&self) -> (&'static M, &'static G) {
        let m = self.m().expect("a goroutine runs on a worker");
        (m, m.g().expect("the caller is a goroutine"))
    }

    /// Off the stack, and on again when somebody resumes the goroutine.
    #[inline(always)]
    fn switch(self, g: &'static G) -> Inside {
        // The door stays inside; the thread that resumes the goroutine is inside as well.
        std::mem::forget(self);
        // SAFETY: a running goroutine has its coroutine, whose stack this is.
        unsafe {
            let (coro, here) = (&*g.coro.get(), unwind::registers());
            coro.note_parked(&here);
            coro.suspend();
        }
        Inside::already(tls::current_m())
    }

    /// Parks without leaving the thread, which blocks; its processor goes to another.
    #[cold]
    fn park_in_place(self, m: &'static M, g: &'static G, wait: Wait, stack: u32) -> Inside {
        let was_locked = g.has_flag(FLAG_LOCKED);
        g.set_flag(FLAG_LOCKED);
        let here = unwind::registers();
        // SAFETY: a running goroutine has its coroutine, whose stack this is.
        unsafe { (*g.coro.get()).note_parked(&here) };
        go_block(m, g, wait.reason, stack);
        m.set_g(None);
        if let Some(p) = m.part() {
            SCHED.idle.hand_off(p);
        }
        let bubble = bubble::before_commit(g);
        // SAFETY: by `park`'s caller. The goroutine is on its thread still, but only this thread
        // may run it (FLAG_LOCKED), so its wakers cannot resume it too early.
        if unsafe { (wait.commit)(wait.argument) } {
            bubble::parked(&self, bubble);
        } else {
            g.clear_flag(FLAG_DURABLE);
            generation::go_unblock_outside(g, || SCHED.injector.push_one(g));
            SCHED.wake_one();
        }
        wait_in_place(m, g);
        if !was_locked {
            g.clear_flag(FLAG_LOCKED);
        }
        self
    }

    /// Makes a waiting goroutine runnable.
    #[inline(never)]
    pub(crate) fn ready(&self, g: &'static G) {
        if g.has_flag(FLAG_DURABLE | FLAG_CLOCKED) {
            ready_marked(g);
        }
        let Some((m, p)) = self.m().and_then(|m| Some((m, m.p()?))) else {
            return ready_outside(g);
        };
        let traced = m.emit(|e| {
            // Else it may wake a thread, which takes its time.
            if m.g().is_none() && SCHED.spinners.idle() == 0 {
                return e.go_unblock_by_worker(g);
            }
            let stack = m.stack_above(e);
            e.go_unblock(g, stack);
        });
        if traced.is_none() {
            g.state.set(Status::Runnable);
        }
        SCHED.run_woken(p, g);
    }
}

/// What readying some goroutines takes.
#[cold]
fn ready_marked(g: &'static G) {
    if g.has_flag(FLAG_CLOCKED) {
        contention::readied(g);
    }
    if g.has_flag(FLAG_DURABLE) {
        bubble::unblock(g);
    }
}

/// Blocks the thread, which has no processor, until somebody gives it one to run `g` with: a
/// goroutine that may run here only, and that whoever picks it from a queue finds so.
pub(super) fn wait_in_place(m: &'static M, g: &'static G) {
    m.door.leave();
    let p = loop {
        if let Some(p) = m.sleep(None) {
            break p;
        }
    };
    m.enter_idle();
    m.acquire(p);
    start_running(m, g);
}

/// Readies a goroutine from a thread without a processor.
#[cold]
fn ready_outside(g: &'static G) {
    generation::go_unblock_outside(g, || SCHED.injector.push_one(g));
    SCHED.wake_one();
}

/// Whether the current goroutine must go on where it is: it is locked to its thread, or it unwinds
/// (std counts panics by thread).
#[inline(always)]
fn must_stay(g: &G) -> bool {
    g.has_flag(FLAG_LOCKED) || std::thread::panicking()
}

/// The goroutine `g`, current on `m`, is waiting from here on.
#[inline]
pub(super) fn go_block(m: &M, g: &'static G, reason: WaitReason, stack: u32) {
    g.keep_stack(stack);
    g.note_wait(reason, coarse::now());
    if m.emit(|e| e.go_block(g, reason, stack)).is_none() {
        g.state.set(Status::Waiting);
    }
}

/// The goroutine `g` runs on `m` from here on.
#[inline]
pub(super) fn start_running(m: &'static M, g: &'static G) {
    m.set_g(Some(g));
    if g.has_flag(FLAG_TIMED) {
        metrics::end(g);
    }
    let traced = m.emit(|e| {
        e.go_start(g);
        generation::after_start(e, || SCHED.procs());
        if g.extras().is_some() {
            e.label(g);
        }
    });
    if traced.is_none() {
        g.state.set(Status::Running);
    }
}

/// Puts the current goroutine, or thread, to sleep until `when_ns`.
pub(crate) fn sleep_until(when_ns: u64) {
    let rt = Inside::enter_to_block();
    let Some(g) = rt.g() else {
        drop(rt);
        let left = when_ns.saturating_sub(clock::monotonic_ns());
        return std::thread::sleep(std::time::Duration::from_nanos(left));
    };
    let timer = Timer::sleep(when_ns, g);
    let argument = std::ptr::from_ref(&timer).cast_mut().cast();
    let wait = Wait { reason: WaitReason::Sleep, commit: commit_timer, argument };
    rt.durable();
    // SAFETY: the timer lies on this stack until it has fired.
    drop(unsafe { rt.park(wait) });
}

/// The commit of a sleep.
///
/// # Safety
/// The argument is a timer that stays in place until it has fired.
unsafe fn commit_timer(argument: *mut ()) -> bool {
    // SAFETY: by the caller's promise.
    unsafe { start_timer(&*argument.cast::<Timer>()) };
    true
}

/// Starts a timer of a goroutine that parks: on the processor of the calling worker, or in the
/// goroutine's bubble.
///
/// # Safety
/// As for `Timers::add`; the caller is a worker inside the runtime.
pub(crate) unsafe fn start_timer(timer: &Timer) {
    let rt = Inside::already(tls::current_m());
    match timer.goroutine().and_then(bubble::of) {
        // SAFETY: by the caller's promise.
        Some(bubble) => unsafe { bubble.add_timer(&rt, timer) },
        None => {
            // Once added it may fire at once, and its memory be gone.
            let when_ns = timer.when_ns();
            // SAFETY: by the caller's promise.
            unsafe { super::clock::home(&rt).add(timer) };
            SCHED.idle.timer_added_in_park(&rt, when_ns);
        }
    }
    std::mem::forget(rt);
}
