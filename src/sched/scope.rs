//! A scope's count of goroutines that have not ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::Inside;
use super::bubble::{self, Bubble};
use super::waker::Signal;
use crate::wire::reason::WaitReason;

/// What a scope and its goroutines share. It has nothing of what they borrow.
pub(crate) struct ScopeState {
    running: AtomicUsize,
    panicked: AtomicBool,
    all_ended: Signal,
    /// The owner's bubble. Its goroutines belong to it whoever starts them, also a plain thread.
    pub(crate) bubble: Option<Arc<Bubble>>,
}

impl ScopeState {
    pub(crate) fn new() -> ScopeState {
        ScopeState {
            running: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            all_ended: Signal::new(),
            bubble: bubble::current_bubble().cloned(),
        }
    }

    /// A goroutine is about to be started, by the scope's owner or by one of its goroutines.
    pub(crate) fn add(&self) {
        let before = self.running.fetch_add(1, Ordering::Relaxed);
        // A process has no memory for so many, unless handles were forgotten that count for ever.
        assert!(before < usize::MAX / 2, "gort: too many goroutines in a scope");
    }

    /// A goroutine has ended, and nothing of it that may borrow is left.
    pub(super) fn leave(&self, rt: &Inside) {
        // ORDERING: AcqRel: Release pairs with the Acquire in `wait`, Acquire with the others'
        // Releases, so that the last one speaks for all.
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.all_ended.give(rt);
        }
    }

    /// Waits until all have ended. This must not fail, whatever state the caller is in.
    pub(crate) fn wait(&self) {
        // ORDERING: Acquire, pairs with the Release in `leave`.
        while self.running.load(Ordering::Acquire) != 0 {
            // The count may have been zero before: a signal can be an old one.
            let rt = Inside::enter();
            // Its goroutines belong to the caller's bubble, if to any.
            rt.durable();
            drop(self.all_ended.wait(rt, WaitReason::Join));
            self.all_ended.take();
        }
    }

    /// A goroutine panicked, and nobody joins it.
    pub(super) fn set_panicked(&self) {
        self.panicked.store(true, Ordering::Relaxed);
    }

    /// Whether one did. Once all have ended.
    pub(crate) fn panicked(&self) -> bool {
        self.panicked.load(Ordering::Relaxed)
    }
}
