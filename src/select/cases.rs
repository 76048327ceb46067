//! The cases of one select: its arms without their types, in a place of their own.

use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};

use crate::chan::core::Core;
use crate::chan::head::{Attempt, Head, Side};

/// So many cases need no memory but the stack's.
pub(super) const INLINE: usize = 8;

/// One arm that sends or receives.
pub(crate) struct Case {
    head: *const Head,
    core: *const (),
    attempt: unsafe fn(*const (), *mut u8) -> Attempt,
    /// Where the value is, or goes.
    pub(super) place: *mut u8,
    pub(super) side: Side,
    /// The arm's number.
    pub(super) arm: u32,
    /// The number of the case that is this one's turn to be queued.
    pub(super) queue_order: u32,
    /// The number of the case that is this one's turn to be locked.
    pub(super) lock_order: u32,
}

impl Case {
    /// A send of the value at `place`, or a receive to it.
    #[inline(always)]
    pub(super) fn new<T>(core: &Core<T>, side: Side, place: *mut T, arm: usize) -> Case {
        Case {
            head: &core.head,
            core: std::ptr::from_ref(core).cast(),
            attempt: match side {
                Side::Send => send::<T>,
                Side::Receive => receive::<T>,
            },
            place: place.cast(),
            side,
            arm: arm as u32,
            queue_order: 0,
            lock_order: 0,
        }
    }

    /// The channel.
    ///
    /// # Safety
    /// The channel that the case was made of lives as long as what this returns is used.
    #[inline]
    pub(super) unsafe fn head<'a>(&self) -> &'a Head {
        // SAFETY: by the caller's promise.
        unsafe { &*self.head }
    }

    /// Tries the case.
    ///
    /// # Safety
    /// The channel is locked, and the place as the case's side needs it.
    #[inline]
    pub(super) unsafe fn attempt(&self) -> Attempt {
        // SAFETY: by the caller's promise; the function is this channel's.
        unsafe { (self.attempt)(self.core, self.place) }
    }
}

/// # Safety
/// As for `Core::send_locked`, with a core of this type.
unsafe fn send<T>(core: *const (), place: *mut u8) -> Attempt {
    // SAFETY: by the caller's promise.
    unsafe { (*core.cast::<Core<T>>()).send_locked(place.cast()) }
}

/// # Safety
/// As for `Core::recv_locked`, with a core of this type.
unsafe fn receive<T>(core: *const (), place: *mut u8) -> Attempt {
    // SAFETY: by the caller's promise.
    unsafe { (*core.cast::<Core<T>>()).recv_locked(place.cast()) }
}

/// A list of cases that takes memory of the heap only if it is long.
pub(crate) struct Cases {
    inline: [MaybeUninit<Case>; INLINE],
    len: usize,
    spilled: Vec<Case>,
}

impl Cases {
    #[inline(always)]
    pub(super) fn new() -> Cases {
        Cases { inline: [const { MaybeUninit::uninit() }; INLINE], len: 0, spilled: Vec::new() }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, case: Case) {
        let number = self.len as u32;
        let case = Case { queue_order: number, lock_order: number, ..case };
        match self.inline.get_mut(self.len) {
            Some(place) => drop(place.write(case)),
            None => self.spill(case),
        }
        self.len += 1;
    }

    #[cold]
    #[inline(never)]
    fn spill(&mut self, case: Case) {
        if self.spilled.is_empty() {
            self.spilled.reserve(2 * INLINE);
            for inline in &self.inline {
                // SAFETY: all are there; a case has no destructor, so a copy does.
                self.spilled.push(unsafe { inline.assume_init_read() });
            }
        }
        self.spilled.push(case);
    }
}

const _: () = assert!(!std::mem::needs_drop::<Case>());

impl Deref for Cases {
    type Target = [Case];

    fn deref(&self) -> &[Case] {
        if self.len > INLINE {
            return &self.spilled;
        }
        // SAFETY: the first `len` are there, which are all.
        unsafe { std::slice::from_raw_parts(self.inline.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Cases {
    fn deref_mut(&mut self) -> &mut [Case] {
        if self.len > INLINE {
            return &mut self.spilled;
        }
        // SAFETY: the first `len` are there, which are all.
        unsafe { std::slice::from_raw_parts_mut(self.inline.as_mut_ptr().cast(), self.len) }
    }
}
