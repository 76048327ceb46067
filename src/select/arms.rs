//! The arms of a select with their types: what [`select!`](crate::select!) puts together.

use std::convert::Infallible;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::time::Duration;

use super::cases::{Case, Cases};
use super::wait::{Patience, select};
use crate::chan::head::Side;
use crate::chan::{Receiver, RecvError, SendError, Sender};
use crate::sched::clock::deadline_ns;
use crate::sched::sudog::Outcome;

/// One arm: it adds its case, and if that is chosen, gives what came of it.
pub trait Arm {
    /// What the arm's pattern is matched with.
    type Output;
    /// The arm's place stays where it is from here until `finish`.
    #[doc(hidden)]
    fn add(&mut self, arm: usize, plan: &mut Plan);
    #[doc(hidden)]
    fn finish(self, outcome: Chosen) -> Self::Output;
}

/// How a chosen arm ended. Only this crate makes one.
#[derive(Debug)]
pub struct Chosen(Outcome);

/// What the arms want.
#[doc(hidden)]
pub struct Plan {
    cases: Cases,
    /// The earliest deadline, and whose it is.
    deadline: Option<(u64, usize)>,
}

impl Plan {
    #[inline]
    fn new() -> Plan {
        Plan { cases: Cases::new(), deadline: None }
    }

    /// Chooses an arm. `None`: nothing can go on now, where it is not to wait.
    ///
    /// # Safety
    /// The arms that added cases stay where they are and are not used until this returns.
    #[inline]
    unsafe fn choose(&mut self, waits: bool) -> Option<(usize, Chosen)> {
        let patience = match waits {
            true => Patience::Until(self.deadline.map(|(when_ns, _)| when_ns)),
            false => Patience::None,
        };
        // SAFETY: by the caller's promise; the channels are borrowed by the arms.
        match unsafe { select(&mut self.cases, patience) } {
            Some((case, outcome)) => Some((self.cases[case].arm as usize, Chosen(outcome))),
            None if waits => {
                let (_, arm) = self.deadline.expect("a select ends by a channel or by the clock");
                Some((arm, Chosen(Outcome::Served)))
            }
            None => None,
        }
    }
}

/// A send.
#[derive(Debug)]
pub struct SendArm<'a, T> {
    sender: Option<&'a Sender<T>>,
    value: ManuallyDrop<T>,
    /// The value is in place.
    has_value: bool,
}

impl<'a, T> SendArm<'a, T> {
    #[inline]
    pub(super) fn new(sender: Option<&'a Sender<T>>, value: T) -> SendArm<'a, T> {
        SendArm { sender, value: ManuallyDrop::new(value), has_value: true }
    }
}

impl<T> Arm for SendArm<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline]
    fn add(&mut self, arm: usize, plan: &mut Plan) {
        if let Some(sender) = self.sender {
            let place = (&raw mut self.value).cast::<T>();
            plan.cases.push(Case::new(sender.core(), Side::Send, place, arm));
        }
    }

    #[inline]
    fn finish(mut self, Chosen(outcome): Chosen) -> Self::Output {
        self.has_value = false;
        match outcome {
            Outcome::Served => Ok(()),
            // SAFETY: the channel is closed and the value was not moved.
            _ => Err(SendError(unsafe { ManuallyDrop::take(&mut self.value) })),
        }
    }
}

impl<T> Drop for SendArm<'_, T> {
    fn drop(&mut self) {
        if self.has_value {
            // SAFETY: the arm was not chosen, so nobody moved the value.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}

/// A receive.
#[derive(Debug)]
pub struct RecvArm<'a, T> {
    receiver: Option<&'a Receiver<T>>,
    place: MaybeUninit<T>,
}

impl<'a, T> RecvArm<'a, T> {
    #[inline]
    pub(super) fn new(receiver: Option<&'a Receiver<T>>) -> RecvArm<'a, T> {
        RecvArm { receiver, place: MaybeUninit::uninit() }
    }
}

impl<T> Arm for RecvArm<'_, T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn add(&mut self, arm: usize, plan: &mut Plan) {
        if let Some(receiver) = self.receiver {
            let place = self.place.as_mut_ptr();
            plan.cases.push(Case::new(receiver.core(), Side::Receive, place, arm));
        }
    }

    #[inline]
    fn finish(self, Chosen(outcome): Chosen) -> Self::Output {
        match outcome {
            // SAFETY: a value was moved in.
            Outcome::Served => Ok(unsafe { self.place.assume_init() }),
            _ => Err(RecvError),
        }
    }
}

/// The end of a time.
#[derive(Debug)]
pub struct AfterArm(pub(super) Option<Duration>);

impl Arm for AfterArm {
    type Output = ();

    #[inline]
    fn add(&mut self, arm: usize, plan: &mut Plan) {
        let Some(when_ns) = self.0.and_then(deadline_ns) else { return };
        if plan.deadline.is_none_or(|(earliest, _)| when_ns < earliest) {
            plan.deadline = Some((when_ns, arm));
        }
    }

    #[inline]
    fn finish(self, _: Chosen) {}
}

/// A list of arms: the first one and the others.
#[derive(Debug)]
pub struct Arms<H, T> {
    /// The first one.
    pub head: H,
    /// The others.
    pub tail: T,
}

/// The end of a list of arms.
#[derive(Debug)]
pub struct End;

/// Which arm of a list was chosen, with what came of it.
#[derive(Debug)]
pub enum Either<H, T> {
    /// The first one.
    This(H),
    /// One of the others.
    Other(T),
}

/// A list of arms.
pub trait ArmList {
    /// What came of the arm that was chosen.
    type Output;
    #[doc(hidden)]
    fn add(&mut self, arm: usize, plan: &mut Plan);
    #[doc(hidden)]
    fn finish(self, arm: usize, outcome: Chosen) -> Self::Output;
}

impl<H: Arm, T: ArmList> ArmList for Arms<H, T> {
    type Output = Either<H::Output, T::Output>;

    #[inline]
    fn add(&mut self, arm: usize, plan: &mut Plan) {
        self.head.add(arm, plan);
        self.tail.add(arm + 1, plan);
    }

    #[inline]
    fn finish(self, arm: usize, outcome: Chosen) -> Self::Output {
        // The others are dropped here and not on the way out: should the destructor of a value
        // that was not sent panic, what was received is dropped.
        match arm.checked_sub(1) {
            None => {
                let output = self.head.finish(outcome);
                drop(self.tail);
                Either::This(output)
            }
            Some(arm) => {
                let output = self.tail.finish(arm, outcome);
                drop(self.head);
                Either::Other(output)
            }
        }
    }
}

impl ArmList for End {
    type Output = Infallible;

    #[inline]
    fn add(&mut self, _: usize, _: &mut Plan) {}

    fn finish(self, arm: usize, _: Chosen) -> Infallible {
        unreachable!("gort: a select chose an arm that it does not have, {arm} past its last")
    }
}

/// Waits until one of the arms can go on.
#[inline]
pub fn wait<L: ArmList>(arms: L) -> L::Output {
    choose(arms, true).expect("a select that waits ends with an arm")
}

/// Chooses an arm that can go on now.
#[inline]
pub fn poll<L: ArmList>(arms: L) -> Option<L::Output> {
    choose(arms, false)
}

#[inline]
fn choose<L: ArmList>(mut arms: L, waits: bool) -> Option<L::Output> {
    let mut plan = Plan::new();
    arms.add(0, &mut plan);
    // SAFETY: `arms` is neither moved nor used before `finish`.
    let (arm, outcome) = unsafe { plan.choose(waits) }?;
    Some(arms.finish(arm, outcome))
}

/// An arm whose result goes to a function; for [`Select`](super::Select).
pub(super) trait Handled<R> {
    fn add(&mut self, arm: usize, plan: &mut Plan);
    /// Drops the others before it calls the function.
    fn finish(self: Box<Self>, outcome: Chosen, others: Vec<Box<dyn Handled<R> + '_>>) -> R;
}

impl<A: Arm, F: FnOnce(A::Output) -> R, R> Handled<R> for (A, F) {
    #[inline]
    fn add(&mut self, arm: usize, plan: &mut Plan) {
        self.0.add(arm, plan);
    }

    fn finish(self: Box<Self>, outcome: Chosen, others: Vec<Box<dyn Handled<R> + '_>>) -> R {
        let (arm, handler) = *self;
        let output = arm.finish(outcome);
        drop(others);
        handler(output)
    }
}

/// As [`choose`], of a list whose length is known at run time only.
pub(super) fn choose_handled<R>(mut arms: Vec<Box<dyn Handled<R> + '_>>, waits: bool) -> Option<R> {
    let mut plan = Plan::new();
    for (number, arm) in arms.iter_mut().enumerate() {
        arm.add(number, &mut plan);
    }
    // SAFETY: the arms lie in boxes of their own and are not used before `finish`.
    let (arm, outcome) = unsafe { plan.choose(waits) }?;
    Some(arms.swap_remove(arm).finish(outcome, arms))
}
