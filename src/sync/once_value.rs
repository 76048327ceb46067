//! [`OnceValue`]: a value that is made when it is first wanted.

use std::any::Any;
use std::cell::UnsafeCell;
use std::fmt;
use std::ops::Deref;
use std::panic::resume_unwind;

use super::once::Once;
use crate::go::Goexit;
use crate::sched::spawn::caught;

/// A value that the first [`OnceValue::get`] makes. Several values are a tuple.
///
/// If the function panics, every `get` panics, with the same message.
///
/// # Examples
/// ```
/// use gort::sync::OnceValue;
///
/// static WORDS: OnceValue<Vec<&str>> = OnceValue::new(|| "go run go".split(' ').collect());
/// assert_eq!(WORDS.get().len(), 3);
/// ```
///
/// # Go
/// `sync.OnceValue`; with a tuple `sync.OnceValues`, with `()` `sync.OnceFunc`.
pub struct OnceValue<T, F = fn() -> T> {
    once: Once,
    state: UnsafeCell<State<T, F>>,
}

enum State<T, F> {
    Function(F),
    Running,
    Value(T),
    /// What the function panicked with.
    Panic(String),
}

// SAFETY: the state is written by one, under the once, and read only after that.
unsafe impl<T: Send + Sync, F: Send> Sync for OnceValue<T, F> {}

impl<T, F: FnOnce() -> T> OnceValue<T, F> {
    /// A value that `f` will make.
    pub const fn new(f: F) -> OnceValue<T, F> {
        OnceValue { once: Once::new(), state: UnsafeCell::new(State::Function(f)) }
    }

    /// The value. The first caller makes it, others wait for that.
    ///
    /// # Panics
    /// If the function panics, now or before. If it gets its own value.
    #[inline]
    #[track_caller]
    pub fn get(&self) -> &T {
        if !self.once.is_completed() {
            self.make();
        }
        // SAFETY: the once is done, so nobody writes the state any more.
        match unsafe { &*self.state.get() } {
            State::Value(value) => value,
            other => failed(other),
        }
    }

    #[cold]
    fn make(&self) {
        self.once.call_once(|| {
            let state = self.state.get();
            // SAFETY: under the once the state is ours, and no reference to it lives on.
            let State::Function(f) = (unsafe { state.replace(State::Running) }) else { return };
            let made = caught(f);
            let new = match &made {
                Ok(_) => None,
                Err(payload) => Some(State::Panic(text_of(&**payload))),
            };
            let (new, panic) = match made {
                Ok(value) => (State::Value(value), None),
                Err(payload) => (new.unwrap_or(State::Running), Some(payload)),
            };
            // SAFETY: as above; what is overwritten has nothing to drop.
            unsafe { state.write(new) };
            if let Some(payload) = panic {
                resume_unwind(payload);
            }
        });
    }
}

#[cold]
#[track_caller]
fn failed<T, F>(state: &State<T, F>) -> ! {
    match state {
        State::Panic(text) => panic!("{text}"),
        _ => unreachable!("the once is done"),
    }
}

/// What a panic's payload says, for panicking with it again.
pub(super) fn text_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        return (*text).to_owned();
    }
    match payload.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None if payload.is::<Goexit>() => "gort: the function called goexit".to_owned(),
        None => "gort: the function panicked, with something that is no text".to_owned(),
    }
}

impl<T, F: FnOnce() -> T> Deref for OnceValue<T, F> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        self.get()
    }
}

impl<T: fmt::Debug, F> fmt::Debug for OnceValue<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("OnceValue");
        if self.once.is_completed() {
            // SAFETY: as in `get`.
            match unsafe { &*self.state.get() } {
                State::Value(value) => tuple.field(value),
                _ => tuple.field(&format_args!("<panicked>")),
            };
        } else {
            tuple.field(&format_args!("<not made>"));
        }
        tuple.finish()
    }
}
