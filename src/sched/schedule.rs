//! The scheduler's loop: find a goroutine, run it, do what it asked for when it suspended.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::bubble::{self, Bubble};
use super::coro::Coro;
use super::g::{FLAG_BUBBLED, FLAG_DURABLE, FLAG_LOCKED, FLAG_PASSED_ON, FLAG_REFUSED, G};
use super::m::M;
use super::park::{self, Request};
use super::{Inside, MIGRATE, SCHED, SEEDED, find, seed, spawn, stack};
use crate::tracer::status::Status;
use crate::wire::reason::WaitReason;

/// How long a worker pauses when it has only a goroutine that must wait for a stack.
const STACK_RETRY: Duration = Duration::from_millis(1);

/// The life of a worker that has a processor.
pub(super) fn run(m: &'static M) -> ! {
    loop {
        let g = find::find_runnable(m);
        if m.owes_keeper.get() {
            m.emit(|e| e.time_passes());
            SCHED.idle.find_keeper(m);
        }
        if let Some(g) = before_run(m, g) {
            execute(m, g);
        }
    }
}

/// What some goroutines need before they can run here. `None`: it will run elsewhere.
#[inline]
fn before_run(m: &'static M, g: &'static G) -> Option<&'static G> {
    let shaken = SCHED.shaken.load(Ordering::Relaxed);
    if shaken & SEEDED != 0 && seed::puts_off(m, g) {
        return None;
    }
    let coro = g.coro.get();
    if coro.is_null() {
        return first_run(m, g).then_some(g);
    }
    if g.has_flag(FLAG_LOCKED) {
        // SAFETY: a goroutine that has run has its coroutine, which names its thread.
        let owner = unsafe { &*(*coro).m.get() };
        give_to_owner(m, owner);
        return None;
    }
    if shaken & MIGRATE != 0 && pass_on(m, g) {
        return None;
    }
    Some(g)
}

/// Gives a goroutine its stack. False: there is none now.
fn first_run(m: &'static M, g: &'static G) -> bool {
    if g.state.status() == Status::Created && m.emit(|e| e.go_create(g, 0)).is_none() {
        g.state.born(Status::Runnable, 0);
    }
    let p = m.p().expect("a scheduling worker has a processor");
    let coro = match g.extras().and_then(|e| e.coro.as_ref()) {
        Some(reserved) => Ok(reserved.0),
        None => p.take_coro(),
    };
    match coro {
        Ok(coro) => {
            g.coro.set(coro);
            true
        }
        Err(error) => no_stack(m, g, &error),
    }
}

/// There is no memory for a stack. The goroutine gets the emergency stack to drop its closure on
/// and to end with a panic that says why; if that is in use, it waits in the queue.
#[cold]
fn no_stack(m: &'static M, g: &'static G, error: &std::io::Error) -> bool {
    match stack::emergency::take(error) {
        Some(coro) => {
            g.set_flag(FLAG_REFUSED);
            g.coro.set(coro);
            true
        }
        None => {
            SCHED.injector.push_one(g);
            m.door.leave();
            std::thread::sleep(STACK_RETRY);
            m.enter_idle();
            false
        }
    }
}

/// A goroutine that must run on its own thread, which sleeps: passes the processor to it.
#[cold]
fn give_to_owner(m: &'static M, owner: &'static M) {
    if let Some(p) = m.part() {
        owner.give(p, false);
    }
}

/// `GORTDEBUG=migrate=1`: passes a goroutine on, once, if its last run was on this thread.
#[cold]
fn pass_on(m: &'static M, g: &'static G) -> bool {
    // SAFETY: a goroutine that has run has its coroutine.
    let last = unsafe { (*g.coro.get()).m.get() };
    if !std::ptr::eq(last, m) || g.has_flag(FLAG_PASSED_ON) || SCHED.procs() == 1 {
        g.clear_flag(FLAG_PASSED_ON);
        return false;
    }
    g.set_flag(FLAG_PASSED_ON);
    SCHED.injector.push_one(g);
    SCHED.wake_one();
    crate::sys::thread::yield_now();
    true
}

/// Runs a goroutine until it suspends, and again as long as its wait turns out to be over.
#[inline]
fn execute(m: &'static M, mut g: &'static G) {
    loop {
        let coro = g.coro.get();
        // SAFETY: the goroutine is ours, taken from a queue, and its coroutine is suspended.
        unsafe {
            (*coro).m.set(m);
            park::start_running(m, g);
            Coro::resume(coro);
        }
        match suspended(m) {
            Some(again) => g = again,
            None => return,
        }
    }
}

/// Does what the goroutine that just suspended asked for.
#[inline]
fn suspended(m: &'static M) -> Option<&'static G> {
    let g = m.g().expect("it was current until now");
    let p = m.p().expect("a scheduling worker has a processor");
    match m.request.replace(Request::None) {
        Request::Park(wait, stack) => {
            park::go_block(m, g, wait.reason, stack);
            m.set_g(None);
            let bubble = bubble::before_commit(g);
            // SAFETY: the switch is complete, the argument on the goroutine's stack.
            if unsafe { (wait.commit)(wait.argument) } {
                if bubble.is_some() {
                    parked_durably(m, bubble);
                }
                return None;
            }
            if bubble.is_some() {
                g.clear_flag(FLAG_DURABLE);
            }
            if m.emit(|e| e.go_unblock(g, 0)).is_none() {
                g.state.set(Status::Runnable);
            }
            Some(g)
        }
        Request::Yield(stack) => {
            g.keep_stack(stack);
            if m.emit(|e| e.go_stop(g, WaitReason::Gosched, stack)).is_none() {
                g.state.set(Status::Runnable);
            }
            m.set_g(None);
            p.begin_slice();
            p.shared.count_yield();
            p.queue.push(g, &SCHED.injector);
            None
        }
        Request::Exit => {
            let coro = g.coro.replace(std::ptr::null_mut());
            // A stack reserved for this goroutine goes back with its extras.
            let reserved = g.extras().is_some_and(|e| e.coro.is_some());
            let refused = g.has_flag(FLAG_REFUSED);
            end(m, g);
            if refused {
                stack::emergency::give(coro);
            } else if !reserved {
                p.keep_coro(coro);
            }
            None
        }
        Request::None => unreachable!("gort: a goroutine suspended without a request"),
    }
}

/// The goroutine is no more.
fn end(m: &'static M, g: &'static G) {
    m.set_g(Some(g));
    if m.emit(|e| e.go_destroy(g)).is_none() {
        g.state.set(Status::Dead);
    }
    m.set_g(None);
    let p = m.p().expect("a scheduling worker has a processor");
    p.shared.ended.store(p.shared.ended.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    let bubble = if g.has_flag(FLAG_BUBBLED) { bubble::ended(g) } else { None };
    let rt = Inside::already(m);
    spawn::release(&rt, g);
    std::mem::forget(rt);
    if bubble.is_some() {
        parked_durably(m, bubble);
    }
}

/// A goroutine of a bubble is blocked, or has ended: it does not count any more.
#[cold]
fn parked_durably(m: &'static M, bubble: Option<Arc<Bubble>>) {
    let rt = Inside::already(m);
    bubble::parked(&rt, bubble);
    std::mem::forget(rt);
}
