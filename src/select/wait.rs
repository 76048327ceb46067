//! Waiting for several channels at once: Go's algorithm (`runtime/select.go`).
//!
//! All channels are locked, in the order of their addresses, so that selects that share channels
//! cannot wait for each other. The cases are tried in a random order; the first that can go on
//! does. If none can, a sudog goes into each channel's queue, all of them with one ticket, and the
//! locks are released by the commit, after the switch. Whoever claims the ticket has the one
//! winner; afterwards the other sudogs leave their queues.

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use super::cases::Case;
use crate::chan::head::{Attempt, Head, Side, block_and_tell};
use crate::sched::Inside;
use crate::sched::bubble;
use crate::sched::deadline::settle;
use crate::sched::park::{self, Wait};
use crate::sched::sudog::{Outcome, Parker, Sudog, Waiter};
use crate::sched::ticket::Ticket;
use crate::sched::timers::Timer;
use crate::wire::reason::WaitReason;

/// How long a select may take.
#[derive(Clone, Copy)]
pub(super) enum Patience {
    /// It tries once.
    None,
    /// It waits, until then on the monotonic clock if that is given.
    Until(Option<u64>),
}

/// The case that was chosen, by its number, and how it ended; `None`: the patience is over.
pub(super) type Won = Option<(usize, Outcome)>;

/// Chooses among the cases.
///
/// # Safety
/// The cases' channels live on and their places are valid until this returns.
pub(super) unsafe fn select(cases: &mut [Case], patience: Patience) -> Won {
    for case in cases.iter() {
        // SAFETY: the channels outlive the select.
        unsafe { case.head() }.check("select");
    }
    let rt = match patience {
        Patience::None => Inside::enter(),
        Patience::Until(_) => Inside::enter_to_block(),
    };
    shuffle(cases, &rt);
    sort(cases);
    lock_all(cases);
    if let Some((case, attempt)) = first_possible(cases) {
        unlock_all(cases);
        let outcome = match attempt {
            Attempt::Done(woken) => {
                // SAFETY: popped once, and the locks are free.
                unsafe { woken.wake_and_leave(rt) };
                Outcome::Served
            }
            _ => Outcome::Closed,
        };
        return Some((case, outcome));
    }
    match patience {
        Patience::None => {
            unlock_all(cases);
            None
        }
        // SAFETY: by the caller's promise; all is locked.
        Patience::Until(deadline_ns) => unsafe { wait(rt, cases, deadline_ns) },
    }
}

/// A random order of trying, by Fisher and Yates ("inside-out").
fn shuffle(cases: &mut [Case], rt: &Inside) {
    for n in 0..cases.len() {
        let other = random(rt) as usize % (n + 1);
        cases[n].poll_order = cases[other].poll_order;
        cases[other].poll_order = n as u32;
    }
}

/// A random number: the worker's, or on a plain thread one of a sequence that all of them share.
fn random(rt: &Inside) -> u64 {
    static SHARED: AtomicU64 = AtomicU64::new(0x9e37_79b9_7f4a_7c15);
    if let Some(m) = rt.m() {
        return m.random() >> 32;
    }
    // Marsaglia's xorshift64, as the workers'. Two threads may get the same number.
    let mut x = SHARED.load(Ordering::Relaxed);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    SHARED.store(x, Ordering::Relaxed);
    x >> 32
}

/// The order of locking: by address.
fn sort(cases: &mut [Case]) {
    const FEW: usize = 16;
    if cases.len() > FEW {
        let mut order: Vec<u32> = (0..cases.len() as u32).collect();
        order.sort_unstable_by_key(|&n| address(&cases[n as usize]));
        for (case, n) in cases.iter_mut().zip(order) {
            case.lock_order = n;
        }
        return;
    }
    for n in 0..cases.len() {
        let mut to = n;
        while to > 0 && address(&cases[cases[to - 1].lock_order as usize]) > address(&cases[n]) {
            cases[to].lock_order = cases[to - 1].lock_order;
            to -= 1;
        }
        cases[to].lock_order = n as u32;
    }
}

fn address(case: &Case) -> usize {
    // SAFETY: only the address is used.
    std::ptr::from_ref(unsafe { case.head() }).addr()
}

/// Each channel once, in the order of locking.
fn heads(cases: &[Case]) -> impl Iterator<Item = &Head> {
    let mut last: *const Head = std::ptr::null();
    cases.iter().filter_map(move |turn| {
        // SAFETY: the channels outlive the select.
        let head = unsafe { cases[turn.lock_order as usize].head() };
        (!std::ptr::eq(std::mem::replace(&mut last, head), head)).then_some(head)
    })
}

fn lock_all(cases: &[Case]) {
    heads(cases).for_each(Head::lock);
}

/// Unlocks all channels. With the last one the memory of the cases may be gone, if they are those
/// of a goroutine that has suspended.
fn unlock_all(cases: &[Case]) {
    let mut heads = heads(cases);
    let mut next = heads.next();
    while let Some(head) = next {
        next = heads.next();
        // SAFETY: locked by `lock_all`.
        unsafe { head.unlock() };
    }
}

/// Tries the cases in their random order.
fn first_possible(cases: &[Case]) -> Option<(usize, Attempt)> {
    cases.iter().find_map(|turn| {
        let case = turn.poll_order as usize;
        // SAFETY: all channels are locked.
        match unsafe { cases[case].attempt() } {
            Attempt::Wait => None,
            attempt => Some((case, attempt)),
        }
    })
}

/// Waits in all queues. Comes with the locks, returns without.
///
/// # Safety
/// As for [`select`], and all channels are locked.
#[inline(never)]
unsafe fn wait(rt: Inside, cases: &[Case], deadline_ns: Option<u64>) -> Won {
    let parker = Parker::new();
    let waiter = rt.waiter(&parker);
    let ticket = Ticket::new();
    let timer = match (deadline_ns, waiter) {
        (Some(when), Waiter::Goroutine(g)) => Some(Timer::expire(when, g, &ticket)),
        _ => None,
    };
    // SAFETY: the locks are ours, and the sudogs leave their queues below.
    let told = unsafe { line_up(cases, waiter, &ticket) };
    let commit = Commit { cases, timer: timer.as_ref() };
    let argument = std::ptr::from_ref(&commit).cast_mut().cast();
    let wait = Wait { reason: reason(cases, deadline_ns), commit: Commit::run, argument };
    if let Some(bubble) = bubble::current()
        && heads(cases).all(|head| head.is_of(bubble))
    {
        rt.durable();
    }
    // SAFETY: all of it lies on this stack until the wait is over.
    let (rt, woken) = unsafe {
        match told.is_empty() {
            true => rt.block(waiter, wait, deadline_ns),
            false => block_and_tell(rt, waiter, wait, deadline_ns, told),
        }
    };
    if deadline_ns.is_some() {
        settle(&ticket, timer.as_ref(), woken, &parker);
    }
    let won = winner(cases);
    for (n, case) in cases.iter().enumerate() {
        if won.is_none_or(|(winner, _)| winner != n) {
            leave(case);
        }
    }
    drop(rt);
    won
}

/// Puts a sudog into every queue, in the random order, since a channel may occur twice. Returns
/// futures to be told that there is something to receive.
///
/// # Safety
/// All channels are locked, and the cases stay where they are until the sudogs have left.
unsafe fn line_up(cases: &[Case], waiter: Waiter, ticket: &Ticket) -> Vec<Waker> {
    let mut told = Vec::new();
    for turn in cases {
        let case = &cases[turn.poll_order as usize];
        let sudog = case.sudog();
        // SAFETY: the sudog is in no queue yet; locked, by the caller's promise.
        unsafe {
            sudog.write(Sudog::new(waiter, case.place, ticket));
            let queues = case.head().queues();
            queues.of(case.side).push(sudog);
            if case.side == Side::Send {
                told.extend(queues.tell_task());
            }
        }
    }
    told
}

fn reason(cases: &[Case], deadline_ns: Option<u64>) -> WaitReason {
    match (cases.is_empty(), deadline_ns) {
        (false, _) => WaitReason::Select,
        (true, Some(_)) => WaitReason::Sleep,
        (true, None) => WaitReason::SelectNoCases,
    }
}

/// The case whose sudog somebody else took out of its queue, to serve it.
fn winner(cases: &[Case]) -> Won {
    let outcomes = cases.iter().map(|case| {
        // SAFETY: made by `line_up`. Volatile: it was written while we were parked, by whoever
        // claimed the ticket, before we were woken; nobody writes one now.
        unsafe { (&raw const (*case.sudog()).outcome).read_volatile() }
    });
    outcomes.enumerate().find(|(_, outcome)| *outcome != Outcome::Waiting)
}

/// Takes a sudog that did not win out of its queue. The lock also sees to it that the commit is
/// done with the cases, should it still be unlocking.
fn leave(case: &Case) {
    // SAFETY: the channel outlives the select; locked here; it was pushed to this queue.
    unsafe {
        let head = case.head();
        head.lock();
        head.queues().of(case.side).remove(case.sudog());
        head.unlock();
    }
}

/// The commit of a wait: what makes the waiter visible.
#[derive(Clone, Copy)]
struct Commit<'a> {
    cases: &'a [Case],
    timer: Option<&'a Timer>,
}

impl Commit<'_> {
    unsafe fn run(argument: *mut ()) -> bool {
        // SAFETY: the argument of `wait`. It is copied first: with the timer started the waiter may
        // be readied, though it cannot leave before it gets the locks, or, without any cases,
        // before the timer is done with its memory.
        let Commit { cases, timer } = unsafe { *argument.cast::<Commit<'_>>() };
        if let Some(timer) = timer {
            // SAFETY: the waiter cancels the timer before it leaves.
            unsafe { park::start_timer(timer) };
        }
        unlock_all(cases);
        true
    }
}
