//! Waiting for several channels at once: [`select!`](crate::select!) and [`Select`].

mod arms;
mod cases;
mod dynamic;
mod ready;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use crate::chan::{Receiver, Sender};

pub use dynamic::Select;

/// What stands for a receiver in an arm of [`select!`](crate::select!): a receiver, a reference to
/// one, or an [`Option`] of these, where `None` switches the arm off.
pub trait AsReceiver {
    /// What it receives.
    type Item;
    /// The receiver; `None`: the arm is never chosen.
    fn as_receiver(&self) -> Option<&Receiver<Self::Item>>;
}

/// What stands for a sender in an arm of [`select!`](crate::select!): a sender, a reference to
/// one, or an [`Option`] of these, where `None` switches the arm off.
pub trait AsSender {
    /// What it sends.
    type Item;
    /// The sender; `None`: the arm is never chosen.
    fn as_sender(&self) -> Option<&Sender<Self::Item>>;
}

/// What stands for a time in an `after` arm of [`select!`](crate::select!): a [`Duration`], or an
/// [`Option`] of one, where `None` switches the arm off.
pub trait AsTimeout {
    /// The time; `None`: the arm is never chosen.
    fn as_timeout(&self) -> Option<Duration>;
}

impl<T> AsReceiver for Receiver<T> {
    type Item = T;

    fn as_receiver(&self) -> Option<&Receiver<T>> {
        Some(self)
    }
}

impl<T> AsSender for Sender<T> {
    type Item = T;

    fn as_sender(&self) -> Option<&Sender<T>> {
        Some(self)
    }
}

impl AsTimeout for Duration {
    fn as_timeout(&self) -> Option<Duration> {
        Some(*self)
    }
}

impl AsTimeout for Option<Duration> {
    fn as_timeout(&self) -> Option<Duration> {
        *self
    }
}

macro_rules! through {
    ($($trait:ident::$function:ident -> $end:ident: $($wrapper:ty => $get:expr),+;)+) => {$($(
        impl<E: $trait> $trait for $wrapper {
            type Item = E::Item;

            fn $function(&self) -> Option<&$end<E::Item>> {
                let get: fn(&Self) -> Option<&E> = $get;
                get(self).and_then(E::$function)
            }
        }
    )+)+};
}

through! {
    AsReceiver::as_receiver -> Receiver:
        &E => |this| Some(*this), Arc<E> => |this| Some(&**this), Option<E> => Option::as_ref;
    AsSender::as_sender -> Sender:
        &E => |this| Some(*this), Arc<E> => |this| Some(&**this), Option<E> => Option::as_ref;
}

/// What the macro expands to.
#[doc(hidden)]
pub mod internal {
    pub use super::arms::{AfterArm, Arms, Either, End, RecvArm, SendArm, poll, wait};
    use super::{AsReceiver, AsSender, AsTimeout};

    #[inline]
    pub fn recv<R: AsReceiver>(receiver: &R) -> RecvArm<'_, R::Item> {
        RecvArm::new(receiver.as_receiver())
    }

    #[inline]
    pub fn send<S: AsSender>(sender: &S, value: S::Item) -> SendArm<'_, S::Item> {
        SendArm::new(sender.as_sender(), value)
    }

    pub fn after(timeout: &impl AsTimeout) -> AfterArm {
        AfterArm(timeout.as_timeout())
    }
}

/// Waits until one of several channel operations can go on, does it, and runs its arm.
///
/// | arm | |
/// | --- | --- |
/// | `recv(rx) -> message => …` | receives; `message` is a `Result<T, RecvError>`, an error once the channel is closed and empty |
/// | `send(tx, value) -> sent => …` | sends; `sent` is a `Result<(), SendError<T>>`, an error if the channel is closed |
/// | `after(duration) => …` | after this time, if nothing else could go on until then |
/// | `default => …` | if nothing can go on now: the select does not wait |
///
/// `rx` and `tx` are receivers and senders, of any types, or references to them; where an
/// [`Option`] stands for one and is `None`, the arm is never chosen. All expressions are evaluated
/// once, in order, before anything else; so is a value to be sent, which is dropped if its arm is
/// not chosen. If several arms can go on, one of them is chosen at random, each with the same
/// probability. Exactly one operation is done.
///
/// An arm's body is an expression with a comma after it, or a block in braces without one.
///
/// The select's value is that of the arm that ran; in arms, `break`, `continue`, `return` and `?`
/// do what they do around the select. There may be some 30 arms, [`Select`](crate::select::Select)
/// takes any number. Up to 8 that send or receive need no memory of the heap. Without any arms, as
/// `select! {}`, it waits for ever.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let (numbers_tx, numbers) = gort::chan(0);
///         let (_words_tx, words) = gort::chan::<String>(0);
///         gort::go(move || numbers_tx.send(42));
///         let text = gort::select! {
///             recv(numbers) -> n => format!("the number {}", n.unwrap()),
///             recv(words) -> word => word.unwrap(),
///             after(Duration::from_secs(10)) => "nothing came".to_owned(),
///         };
///         assert_eq!(text, "the number 42");
///
///         let nothing = gort::select! {
///             recv(words) -> _ => false,
///             default => true,
///         };
///         assert!(nothing);
///     })
/// };
/// ```
///
/// # Go
/// The `select` statement; a disabled arm is one with a nil channel, `after` is a receive from
/// `time.After`, but makes no channel.
#[macro_export]
macro_rules! select {
    ($($arms:tt)*) => { $crate::__select!(@head [] [] $($arms)*) };
}

/// Collects the arms as `{arm} {pattern} {body}` in the first list and the default's body in the
/// second one, then expands to the select.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    (@head [$($list:tt)*] $default:tt recv($receiver:expr $(,)?) -> $pattern:pat => $($rest:tt)+) => {
        $crate::__select!(@body [$($list)*] $default
            [{ $crate::select::internal::recv(&$receiver) } { $pattern }] $($rest)+)
    };
    (@head [$($list:tt)*] $default:tt send($sender:expr, $value:expr $(,)?) -> $pattern:pat => $($rest:tt)+) => {
        $crate::__select!(@body [$($list)*] $default
            [{ $crate::select::internal::send(&$sender, $value) } { $pattern }] $($rest)+)
    };
    (@head [$($list:tt)*] $default:tt after($timeout:expr $(,)?) => $($rest:tt)+) => {
        $crate::__select!(@body [$($list)*] $default
            [{ $crate::select::internal::after(&$timeout) } { () }] $($rest)+)
    };
    (@head [$($list:tt)*] [] default => $($rest:tt)+) => {
        $crate::__select!(@body [$($list)*] [] [default] $($rest)+)
    };
    (@head $list:tt [$($body:tt)+] default $($rest:tt)*) => {
        compile_error!("a select has one default at most")
    };
    (@head $list:tt []) => {
        {
            let chosen = $crate::select::internal::wait($crate::__select!(@arms $list));
            $crate::__select!(@match chosen $list)
        }
    };
    (@head [] [$default:expr]) => { $default };
    (@head $list:tt [$default:expr]) => {
        {
            let chosen = $crate::select::internal::poll($crate::__select!(@arms $list));
            match chosen {
                ::core::option::Option::Some(chosen) => $crate::__select!(@match chosen $list),
                ::core::option::Option::None => $default,
            }
        }
    };
    (@head $list:tt $default:tt $($other:tt)+) => {
        compile_error!(concat!(
            "an arm of a select is `recv(rx) -> pattern => ...`, `send(tx, value) -> pattern => ...`, ",
            "`after(duration) => ...` or `default => ...`, not: ", stringify!($($other)+)
        ))
    };

    (@body $list:tt $default:tt $arm:tt $body:expr, $($rest:tt)*) => {
        $crate::__select!(@add $list $default $arm { $body } $($rest)*)
    };
    (@body $list:tt $default:tt $arm:tt $body:expr) => {
        $crate::__select!(@add $list $default $arm { $body })
    };
    (@body $list:tt $default:tt $arm:tt $body:block $($rest:tt)*) => {
        $crate::__select!(@add $list $default $arm { $body } $($rest)*)
    };

    (@add $list:tt [] [default] { $body:expr } $($rest:tt)*) => {
        $crate::__select!(@head $list [$body] $($rest)*)
    };
    (@add [$($list:tt)*] $default:tt [$arm:tt $pattern:tt] $body:tt $($rest:tt)*) => {
        $crate::__select!(@head [$($list)* $arm $pattern $body] $default $($rest)*)
    };

    (@arms []) => { $crate::select::internal::End };
    (@arms [{ $arm:expr } $pattern:tt $body:tt $($list:tt)*]) => {
        $crate::select::internal::Arms { head: $arm, tail: $crate::__select!(@arms [$($list)*]) }
    };

    (@match $chosen:ident []) => { match $chosen {} };
    (@match $chosen:ident [$arm:tt { $pattern:pat } { $body:expr }]) => {
        match $chosen { $crate::select::internal::Either::This($pattern) => $body }
    };
    (@match $chosen:ident [$arm:tt { $pattern:pat } { $body:expr } $($list:tt)+]) => {
        match $chosen {
            $crate::select::internal::Either::This($pattern) => $body,
            $crate::select::internal::Either::Other(chosen) => {
                $crate::__select!(@match chosen [$($list)+])
            }
        }
    };
}
