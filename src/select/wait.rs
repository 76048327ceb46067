//! Waiting for several channels at once. The waiting is Go's algorithm (`runtime/select.go`).
//!
//! First a look without locks: of the channels that offer something one is chosen at random and
//! locked alone, and the case tried. That is no less than a look under all locks could find, since the
//! case is possible at the moment when it is done. If nothing comes of it, all channels are locked,
//! in the order of their addresses, so that selects that share channels cannot wait for each other,
//! and the same is done again: only now it is certain that at one moment no case was possible. Then a
//! sudog goes into each channel's queue, all of them with one ticket, and the locks are released by
//! the commit, after the switch. Whoever claims the ticket has the one winner; afterwards the other
//! sudogs leave their queues.

use std::mem::MaybeUninit;
use std::task::Waker;

use super::cases::{Case, INLINE};
use super::ready::{Ready, below};
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
    let possible = draw(&rt, cases, |case| {
        // SAFETY: locked and unlocked here; the channels outlive the select.
        unsafe {
            case.head().lock();
            let attempt = case.attempt();
            case.head().unlock();
            attempt
        }
    });
    match possible {
        Some((case, attempt)) => Some((case, end(rt, attempt))),
        // SAFETY: by the caller's promise.
        None => unsafe { select_locked(rt, cases, patience) },
    }
}

/// Chooses under the locks of all channels.
///
/// # Safety
/// As for [`select`].
#[inline(never)]
unsafe fn select_locked(rt: Inside, cases: &mut [Case], patience: Patience) -> Won {
    let is_twice = sort(cases);
    lock_all(cases);
    // SAFETY: all channels are locked.
    if let Some((case, attempt)) = draw(&rt, cases, |case| unsafe { case.attempt() }) {
        unlock_all(cases);
        return Some((case, end(rt, attempt)));
    }
    match patience {
        Patience::None => {
            unlock_all(cases);
            None
        }
        Patience::Until(deadline_ns) => {
            if is_twice {
                shuffle(&rt, cases);
            }
            // SAFETY: by the caller's promise; all is locked.
            unsafe { wait(rt, cases, deadline_ns) }
        }
    }
}

/// Tries the cases that seem to be possible, in a random order, until one is.
#[inline]
fn draw(
    rt: &Inside,
    cases: &[Case],
    attempt: impl Fn(&Case) -> Attempt,
) -> Option<(usize, Attempt)> {
    let mut ready = Ready::among(cases);
    while let Some(case) = ready.draw(rt) {
        match attempt(&cases[case]) {
            Attempt::Wait => {}
            attempt => return Some((case, attempt)),
        }
    }
    None
}

/// The end of a select that need not wait. The locks are free.
#[inline]
fn end(rt: Inside, attempt: Attempt) -> Outcome {
    match attempt {
        Attempt::Done(woken) => {
            // SAFETY: popped once, and the locks are free.
            unsafe { woken.wake_and_leave(rt) };
            Outcome::Served
        }
        _ => Outcome::Closed,
    }
}

/// The order of locking, by address, which is the cases' own order so far. Whether a channel occurs
/// twice.
fn sort(cases: &mut [Case]) -> bool {
    if cases.len() > 2 * INLINE {
        return sort_many(cases);
    }
    let mut is_twice = false;
    for n in 1..cases.len() {
        let (mut to, this) = (n, address(&cases[n]));
        while let Some(before) = to.checked_sub(1) {
            let other = cases[before].lock_order;
            let other_address = address(&cases[other as usize]);
            if other_address <= this {
                is_twice |= other_address == this;
                break;
            }
            cases[to].lock_order = other;
            to = before;
        }
        cases[to].lock_order = n as u32;
    }
    is_twice
}

#[cold]
fn sort_many(cases: &mut [Case]) -> bool {
    let mut order: Vec<u32> = (0..cases.len() as u32).collect();
    order.sort_unstable_by_key(|&n| address(&cases[n as usize]));
    for (case, n) in cases.iter_mut().zip(order) {
        case.lock_order = n;
    }
    heads(cases).count() < cases.len()
}

/// A random order of queueing, by Fisher and Yates ("inside-out"): of the cases of one channel the
/// first one in its queue is the one that is served.
#[cold]
fn shuffle(rt: &Inside, cases: &mut [Case]) {
    for n in 0..cases.len() {
        let other = below(rt, n + 1);
        cases[n].queue_order = cases[other].queue_order;
        cases[other].queue_order = n as u32;
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

/// Waits in all queues. Comes with the locks, returns without.
///
/// # Safety
/// As for [`select`], and all channels are locked.
#[inline(never)]
unsafe fn wait(rt: Inside, cases: &[Case], deadline_ns: Option<u64>) -> Won {
    let mut few = [const { MaybeUninit::uninit() }; INLINE];
    let mut many = Vec::new();
    let sudogs = places(&mut few, &mut many, cases.len());
    let parker = Parker::new();
    let waiter = rt.waiter(&parker);
    let ticket = Ticket::new();
    let timer = match (deadline_ns, waiter) {
        (Some(when), Waiter::Goroutine(g)) => Some(Timer::expire(when, g, &ticket)),
        _ => None,
    };
    // SAFETY: the locks are ours, and the sudogs leave their queues below.
    let told = unsafe { line_up(cases, sudogs, waiter, &ticket) };
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
    let won = winner(sudogs, cases.len());
    for (n, case) in cases.iter().enumerate() {
        if won.is_none_or(|(winner, _)| winner != n) {
            // SAFETY: pushed to this case's queue by `line_up`.
            unsafe { leave(case, sudogs.add(n)) };
        }
    }
    drop(rt);
    won
}

/// Room for so many sudogs, which others come to by this pointer only.
#[inline]
fn places(
    few: &mut [MaybeUninit<Sudog>; INLINE],
    many: &mut Vec<MaybeUninit<Sudog>>,
    count: usize,
) -> *mut Sudog {
    if count <= INLINE {
        return few.as_mut_ptr().cast();
    }
    many.resize_with(count, MaybeUninit::uninit);
    many.as_mut_ptr().cast()
}

/// Puts a sudog into every queue. Returns futures to be told that there is something to receive.
///
/// # Safety
/// All channels are locked; there is room for a sudog for each case, and they stay where they are
/// until they have left.
unsafe fn line_up(
    cases: &[Case],
    sudogs: *mut Sudog,
    waiter: Waiter,
    ticket: &Ticket,
) -> Vec<Waker> {
    let mut told = Vec::new();
    for turn in cases {
        let number = turn.queue_order as usize;
        let case = &cases[number];
        // SAFETY: by the caller's promise; the sudog is in no queue yet.
        unsafe {
            let sudog = sudogs.add(number);
            sudog.write(Sudog::new(waiter, case.place, ticket));
            let (head, queues) = (case.head(), case.head().queues());
            head.push(queues, case.side, sudog);
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
fn winner(sudogs: *mut Sudog, count: usize) -> Won {
    let outcomes = (0..count).map(|n| {
        // SAFETY: made by `line_up`. Volatile: it was written while we were parked, by whoever
        // claimed the ticket, before we were woken; nobody writes one now.
        (n, unsafe { (&raw const (*sudogs.add(n)).outcome).read_volatile() })
    });
    outcomes.into_iter().find(|(_, outcome)| *outcome != Outcome::Waiting)
}

/// Takes a sudog that did not win out of its queue. The lock also sees to it that the commit is
/// done with the cases, should it still be unlocking.
///
/// # Safety
/// The sudog was pushed to this case's queue.
unsafe fn leave(case: &Case, sudog: *mut Sudog) {
    // SAFETY: the channel outlives the select; locked here; the rest by the caller's promise.
    unsafe {
        let head = case.head();
        head.lock();
        head.remove(head.queues(), case.side, sudog);
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
