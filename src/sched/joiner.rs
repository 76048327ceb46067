//! Whoever waits for a goroutine's end, and how the end wakes it.
//!
//! The join slot's word says who that is, by an address with its kind in the low bits:
//!
//! - one who waits until it is woken, and meanwhile keeps a [`Waiter`] on its stack;
//! - one with a deadline, who may leave before the finisher has read what it left: that is in a
//!   share of its own, [`Timed`], which the word owns;
//! - a future, of which the word owns the waker, boxed.

use std::sync::Arc;
use std::task::Waker;

use super::g::G;
use super::lock::RawLock;
use super::park::{self, Wait};
use super::sudog::{Parker, Waiter};
use super::ticket::Ticket;
use super::timers::Timer;
use super::{Inside, bubble, current_g};
use crate::wire::reason::WaitReason;

const KIND: usize = 7;
const ON_STACK: usize = 0;
const TIMED: usize = 1;
const FUTURE: usize = 2;

/// Panics if the caller is `g`, whose end it is about to wait for.
pub(crate) fn refuse_oneself(g: &'static G) {
    let is_own = current_g().is_some_and(|me| std::ptr::eq(me, g));
    assert!(!is_own, "gort: a goroutine joined itself");
}

/// Waits for the end of `g`, of which the caller has the handle.
pub(crate) fn join(rt: Inside, g: &'static G) {
    if g.join.is_done() {
        return;
    }
    let parker = Parker::new();
    let joining = Joining { g, waiter: rt.waiter(&parker) };
    let argument = std::ptr::from_ref(&joining).cast_mut().cast();
    let wait = Wait { reason: WaitReason::Join, commit: Joining::commit, argument };
    durable(&rt, g);
    // SAFETY: `joining` lies on this stack until the caller is woken.
    drop(unsafe { rt.block(joining.waiter, wait, None) });
}

/// A goroutine of one's own test bubble ends by the bubble's doing only.
fn durable(rt: &Inside, g: &'static G) {
    rt.durable_in(bubble::of(g).map(|bubble| bubble.id()));
}

/// A joiner without a deadline, on its own stack.
struct Joining {
    g: &'static G,
    waiter: Waiter,
}

impl Joining {
    /// The commit: from here on the goroutine's end wakes the joiner.
    unsafe fn commit(argument: *mut ()) -> bool {
        // SAFETY: the argument of `join`.
        let this = unsafe { &*argument.cast::<Joining>() };
        this.g.join.wait(std::ptr::from_ref(&this.waiter) as usize | ON_STACK)
    }
}

/// Waits for the end of `g`, of which the caller has the handle, until `deadline_ns`. False: the
/// deadline came first.
pub(crate) fn join_until(rt: Inside, g: &'static G, deadline_ns: u64) -> bool {
    if g.join.is_done() {
        return true;
    }
    let timed = Arc::new(Timed::new(rt.g()));
    let timer = rt.g().map(|me| Timer::expire(deadline_ns, me, &timed.ticket));
    let commit = Commit { g, timed: Arc::as_ptr(&timed), timer: timer.as_ref() };
    let argument = std::ptr::from_ref(&commit).cast_mut().cast();
    let wait = Wait { reason: WaitReason::Join, commit: Commit::run, argument };
    timed.lock.lock();
    durable(&rt, g);
    // SAFETY: all of it stays until the wait is over: what the finisher reads is in a share.
    let (rt, _) = unsafe { rt.block(timed.waiter(), wait, Some(deadline_ns)) };
    // Whoever was first, the commit is complete once the lock is free.
    timed.lock.lock();
    // SAFETY: locked just now.
    unsafe { timed.lock.unlock() };
    // By reference: the heap knows where the timer lies.
    if let Some(timer) = &timer {
        timer.cancel();
    }
    drop(rt);
    let expired = g.join.withdraw(Arc::as_ptr(&timed) as usize | TIMED);
    if expired {
        // SAFETY: the word's share, which nobody else took.
        unsafe { Arc::decrement_strong_count(Arc::as_ptr(&timed)) };
    }
    !expired
}

/// A joiner with a deadline: what the finisher and the clock need of it.
struct Timed {
    ticket: Ticket,
    /// `None`: a plain thread.
    goroutine: Option<&'static G>,
    parker: Parker,
    /// Held until the commit is complete, since the clock may be faster.
    lock: RawLock,
}

impl Timed {
    fn new(goroutine: Option<&'static G>) -> Timed {
        let (ticket, parker, lock) = (Ticket::new(), Parker::new(), RawLock::new());
        Timed { ticket, goroutine, parker, lock }
    }

    fn waiter(&self) -> Waiter {
        match self.goroutine {
            Some(g) => Waiter::Goroutine(g),
            None => Waiter::Thread(&self.parker),
        }
    }
}

/// The commit of a wait with a deadline.
#[derive(Clone, Copy)]
struct Commit<'a> {
    g: &'static G,
    timed: *const Timed,
    timer: Option<&'a Timer>,
}

impl Commit<'_> {
    unsafe fn run(argument: *mut ()) -> bool {
        // SAFETY: the argument of `join_until`. It is copied first: with the timer started the
        // joiner may be readied, though it cannot leave before it gets the lock.
        let Commit { g, timed, timer } = unsafe { *argument.cast::<Commit<'_>>() };
        if let Some(timer) = timer {
            // SAFETY: the joiner cancels the timer before it leaves.
            unsafe { park::start_timer(timer) };
        }
        // SAFETY: the joiner's own share is there until it gets the lock, and it locked it.
        unsafe {
            Arc::increment_strong_count(timed);
            let mut waits = g.join.wait(timed as usize | TIMED);
            if !waits {
                Arc::decrement_strong_count(timed);
                // Done already. But the clock may have readied the joiner.
                waits = !(*timed).ticket.claim(Ticket::SERVED);
            }
            (*timed).lock.unlock();
            waits
        }
    }
}

/// A future's place in the word.
pub(crate) struct Registered(usize);

/// Leaves a waker to be called at the end of `g`, of which the caller has the handle. `Err`: it has
/// ended already.
pub(crate) fn register(g: &'static G, waker: Box<Waker>) -> Result<Registered, Box<Waker>> {
    let waker = Box::into_raw(waker);
    let waiter = waker as usize | FUTURE;
    if g.join.wait(waiter) {
        Ok(Registered(waiter))
    } else {
        // SAFETY: made above, and not given to the word.
        Err(unsafe { Box::from_raw(waker) })
    }
}

impl Registered {
    /// Takes the waker back. `None`: the goroutine has ended, and calls it.
    pub(crate) fn withdraw(self, g: &'static G) -> Option<Box<Waker>> {
        // SAFETY: the word's box, which the finisher did not take.
        g.join.withdraw(self.0).then(|| unsafe { Box::from_raw(waker_of(self.0)) })
    }
}

fn waker_of(waiter: usize) -> *mut Waker {
    (waiter & !KIND) as *mut Waker
}

/// The finisher wakes whom it found in the word. A waker it calls once it is outside.
///
/// # Safety
/// `waiter` comes from `JoinSlot::finish`, once.
pub(super) unsafe fn wake(rt: &Inside, waiter: usize) -> Option<Box<Waker>> {
    let address = waiter & !KIND;
    match waiter & KIND {
        FUTURE => {
            // SAFETY: the word's box is ours now.
            return Some(unsafe { Box::from_raw(waker_of(waiter)) });
        }
        TIMED => {
            // SAFETY: the word's share is ours now.
            let timed = unsafe { Arc::from_raw(address as *const Timed) };
            if timed.ticket.claim(Ticket::SERVED) {
                // SAFETY: the ticket says that this is the only call, and the lock and the switch
                // before it that the joiner's park is complete.
                unsafe { timed.waiter().wake(rt) };
            }
        }
        // SAFETY: a joiner's waiter, in place until it is woken, whose park is complete.
        _ => unsafe { (*(address as *const Waiter)).wake(rt) },
    }
    None
}
