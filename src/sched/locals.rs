//! The goroutine-locals of one goroutine, or of one plain thread: values of any types, by number.
//!
//! Only their owner touches them, and no reference into the list is alive while user code runs.

use std::cell::UnsafeCell;
use std::ptr::NonNull;

use super::{current_g, tls};

/// What a number has.
#[derive(Clone, Copy)]
pub(crate) enum Local {
    /// No value yet.
    Missing,
    /// A value, which stays in place until it is destroyed, and what destroys it.
    Value(NonNull<u8>, unsafe fn(NonNull<u8>)),
    /// A value was here and is destroyed, or about to be.
    Gone,
}

/// See the module documentation.
#[derive(Default)]
pub(crate) struct Locals(UnsafeCell<List>);

#[derive(Default)]
struct List {
    slots: Vec<Local>,
    /// The numbers that have values, the oldest first.
    order: Vec<usize>,
}

impl Locals {
    fn get(&self, number: usize) -> Local {
        // SAFETY: the owner's list, borrowed for these lines only.
        let list = unsafe { &*self.0.get() };
        list.slots.get(number).copied().unwrap_or(Local::Missing)
    }

    fn put(&self, number: usize, value: NonNull<u8>, destroy: unsafe fn(NonNull<u8>)) {
        // SAFETY: the owner's list, borrowed for these lines only.
        let list = unsafe { &mut *self.0.get() };
        if list.slots.len() <= number {
            list.slots.resize(number + 1, Local::Missing);
        }
        list.slots[number] = Local::Value(value, destroy);
        list.order.push(number);
    }

    /// Takes the newest value out, to be destroyed: from here on it is gone.
    fn pop(&self) -> Local {
        // SAFETY: as in `put`.
        let list = unsafe { &mut *self.0.get() };
        match list.order.pop() {
            Some(number) => std::mem::replace(&mut list.slots[number], Local::Gone),
            None => Local::Missing,
        }
    }

    /// Destroys the newest value. False: there is none. A destructor's panic comes out.
    pub(super) fn destroy_newest(&self) -> bool {
        let Local::Value(value, destroy) = self.pop() else { return false };
        // SAFETY: `put` got the two together, and nobody finds the value any more.
        unsafe { destroy(value) };
        true
    }
}

/// The caller's value with this number.
#[inline]
pub(crate) fn find(number: usize) -> Local {
    match current_g() {
        Some(g) => g.extras().map_or(Local::Missing, |extras| extras.locals.get(number)),
        None => find_on_thread(number),
    }
}

#[inline(never)]
fn find_on_thread(number: usize) -> Local {
    match tls::locals() {
        tls::ThreadLocals::None => Local::Missing,
        // SAFETY: this thread's own, until its end.
        tls::ThreadLocals::Here(locals) => unsafe { (*locals).get(number) },
        tls::ThreadLocals::Ended => Local::Gone,
    }
}

/// Gives the caller a value with this number, which is missing.
///
/// # Safety
/// `destroy` may be called with the value, once, by the caller's goroutine or thread at its end.
pub(crate) unsafe fn put(number: usize, value: NonNull<u8>, destroy: unsafe fn(NonNull<u8>)) {
    match current_g() {
        Some(g) => g.extras_or_new().locals.put(number, value, destroy),
        // SAFETY: this thread's own, until its end.
        None => unsafe { (*tls::locals_or_new()).put(number, value, destroy) },
    }
}
