//! The tree of contexts that can end, from which an end goes to all that come from it.
//!
//! A parent knows its children weakly, and they leave it when they end: a parent of a million short
//! children stays small. An end is set, then told to the channel, then to the children; what is to
//! be called then is called last. Nothing of it happens under a lock.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::error::{Cause, ContextError};
use crate::chan::{Receiver, Sender, TryRecvError, chan};
use crate::time::Timer;

const OPEN: u8 = 0;
const CANCELED: u8 = 1;
const EXCEEDED: u8 = 2;

/// A context's end, which is yet to come or has come.
pub(super) struct Cancel {
    ended: AtomicU8,
    /// The channel is closed, too.
    told: AtomicBool,
    /// All that come from it have ended, too.
    over: AtomicBool,
    /// Functions that end it; the last one does so when it goes.
    pub(super) funcs: AtomicUsize,
    sender: Sender<Infallible>,
    done: Receiver<Infallible>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the end has come, of the children only, and until all that come from it have ended.
    hooks: BTreeMap<u64, Hook>,
    next_hook: u64,
    cause: Option<Cause>,
    /// Where this is a hook.
    parent: Option<Parent>,
    timer: Option<Timer>,
}

/// Of which end another one is a hook, and the hook's number.
type Parent = (Arc<Cancel>, u64);

/// What an end goes on to.
pub(super) enum Hook {
    /// A context that comes from this one.
    Child(Weak<Cancel>),
    /// Something that is waiting for it.
    Call(Call),
}

/// What is called when the end has come.
type Call = Box<dyn FnOnce() + Send>;

impl Hook {
    fn child(&self) -> Option<Arc<Cancel>> {
        match self {
            Hook::Child(child) => child.upgrade(),
            Hook::Call(_) => None,
        }
    }
}

/// An end.
pub(super) struct End {
    pub(super) error: ContextError,
    /// In the program's words; else it is the error.
    pub(super) cause: Option<Cause>,
}

impl Cancel {
    /// An end to come: with the parent's at the latest.
    pub(super) fn below(parent: Option<&Arc<Cancel>>) -> Arc<Cancel> {
        let (sender, done) = chan(0);
        let this = Arc::new(Cancel {
            ended: AtomicU8::new(OPEN),
            told: AtomicBool::new(false),
            over: AtomicBool::new(false),
            funcs: AtomicUsize::new(0),
            sender,
            done,
            state: Mutex::default(),
        });
        if let Some(parent) = parent {
            this.adopt(parent);
        }
        this
    }

    fn adopt(self: &Arc<Cancel>, parent: &Arc<Cancel>) {
        match parent.add_hook(Hook::Child(Arc::downgrade(self))) {
            Ok(number) => {
                let mut state = self.state.lock();
                if self.error().is_none() {
                    state.parent = Some((Arc::clone(parent), number));
                }
            }
            Err(_) => self.end(parent.end_of()),
        }
    }

    /// The channel that is closed by the end.
    pub(super) fn done(&self) -> &Receiver<Infallible> {
        &self.done
    }

    /// Whether and how it has ended. Sets no store by the channel.
    pub(super) fn error(&self) -> Option<ContextError> {
        // ORDERING: Acquire, pairs with the Release in `set`.
        match self.ended.load(Ordering::Acquire) {
            OPEN => None,
            CANCELED => Some(ContextError::Canceled),
            _ => Some(ContextError::DeadlineExceeded),
        }
    }

    /// As [`Cancel::error`]; when it says that there is one, the channel is closed as well.
    pub(super) fn error_when_told(&self) -> Option<ContextError> {
        let error = self.error()?;
        // ORDERING: Acquire, pairs with the Release in `set`.
        while !self.told.load(Ordering::Acquire)
            && self.done.try_recv() != Err(TryRecvError::Closed)
        {
            // Whoever ends it is just about to close the channel.
            std::thread::yield_now();
        }
        Some(error)
    }

    /// Why it has ended; `None` if it has not.
    pub(super) fn cause(&self) -> Option<Cause> {
        let error = self.error()?;
        let cause = self.state.lock().cause.clone();
        Some(cause.unwrap_or_else(|| Arc::new(error)))
    }

    fn end_of(&self) -> End {
        let error = self.error().unwrap_or(ContextError::Canceled);
        End { error, cause: self.state.lock().cause.clone() }
    }

    /// Has `hook` told of the end.
    ///
    /// # Errors
    /// The hook, if the end has come already.
    pub(super) fn add_hook(&self, hook: Hook) -> Result<u64, Hook> {
        let mut state = self.state.lock();
        if self.error().is_some() {
            return Err(hook);
        }
        let number = state.next_hook;
        state.next_hook += 1;
        state.hooks.insert(number, hook);
        Ok(number)
    }

    /// Takes a hook back. `None`: the end came first.
    pub(super) fn take_hook(&self, number: u64) -> Option<Hook> {
        let mut state = self.state.lock();
        // What is there then is there for those who end it.
        if self.error().is_some() { None } else { state.hooks.remove(&number) }
    }

    /// How many wait for the end.
    #[cfg(test)]
    pub(super) fn hooks(&self) -> usize {
        self.state.lock().hooks.len()
    }

    /// Gives it a deadline's timer, unless it has ended already.
    pub(super) fn set_timer(&self, timer: Timer) {
        let mut state = self.state.lock();
        if self.error().is_none() {
            state.timer = Some(timer);
            return;
        }
        drop(state);
        timer.stop();
    }

    /// Ends it, if it has not ended: tells the channel, all that come from it, and then calls what
    /// is to be called. Where somebody else is just doing so, it helps: to wait could be for ever, as
    /// the other may be further up on the caller's own stack, in a waker of the user's.
    pub(super) fn end(&self, end: End) {
        // Who unwinds because it could not tell a channel (a test bubble's) does not try again.
        if self.is_over() || self.error().is_some() && std::thread::panicking() {
            return;
        }
        let (mut calls, mut ended) = (Vec::new(), Vec::new());
        if let Some((parent, number)) = self.set(&end, &mut calls) {
            parent.take_hook(number);
        }
        if !self.is_over() {
            self.end_children(&mut ended, &mut calls);
            self.forget_children(&ended_below(ended, &mut calls));
        }
        calls.into_iter().for_each(|call| call());
    }

    /// Whether it and all that come from it have ended, and their channels are closed.
    fn is_over(&self) -> bool {
        // ORDERING: Acquire, pairs with the Releases in `set` and `be_over`.
        self.over.load(Ordering::Acquire)
    }

    /// Sets this one's end, if it has none, and closes its channel: where it is a hook, and what is to
    /// be called.
    fn set(&self, end: &End, calls: &mut Vec<Call>) -> Option<Parent> {
        let (parent, timer, is_alone) = self.set_locked(end, calls).unwrap_or_default();
        // ORDERING: Acquire, pairs with the Release below.
        if !self.told.load(Ordering::Acquire) {
            // It is closed already if another one is about to say that it has ended.
            let _ = self.sender.close();
            // ORDERING: Release, pairs with the Acquires above and in `error_when_told`.
            self.told.store(true, Ordering::Release);
        }
        if is_alone {
            // ORDERING: Release, pairs with the Acquire in `is_over`.
            self.over.store(true, Ordering::Release);
        }
        if let Some(timer) = timer {
            timer.stop();
        }
        parent
    }

    /// Sets the end. `None`: it has one. With its hooks' calls; and whether it has no hooks at all.
    fn set_locked(
        &self,
        end: &End,
        calls: &mut Vec<Call>,
    ) -> Option<(Option<Parent>, Option<Timer>, bool)> {
        if self.error().is_some() {
            return None;
        }
        let mut state = self.state.lock();
        if self.error().is_some() {
            return None;
        }
        state.cause.clone_from(&end.cause);
        let ended = match end.error {
            ContextError::Canceled => CANCELED,
            ContextError::DeadlineExceeded => EXCEEDED,
        };
        // ORDERING: Release, pairs with the Acquire in `error`.
        self.ended.store(ended, Ordering::Release);
        let is_alone = state.hooks.is_empty();
        for hook in state.hooks.values_mut() {
            if let Hook::Call(_) = hook
                && let Hook::Call(call) = std::mem::replace(hook, Hook::Child(Weak::new()))
            {
                calls.push(call);
            }
        }
        Some((state.parent.take(), state.timer.take(), is_alone))
    }

    /// Ends the children of this one, which has ended, as it has: those who may have children.
    fn end_children(&self, ended: &mut Vec<Arc<Cancel>>, calls: &mut Vec<Call>) {
        let end = self.end_of();
        let children: Vec<Arc<Cancel>> = {
            let state = self.state.lock();
            state.hooks.values().filter_map(Hook::child).collect()
        };
        for child in children {
            child.set(&end, calls);
            if !child.is_over() {
                ended.push(child);
            }
        }
    }

    /// All that come from it have ended, among them these.
    fn forget_children(&self, below: &[Arc<Cancel>]) {
        below.iter().rev().for_each(|cancel| cancel.be_over());
        self.be_over();
    }

    fn be_over(&self) {
        // ORDERING: Release, pairs with the Acquire in `is_over`.
        self.over.store(true, Ordering::Release);
        let hooks = std::mem::take(&mut self.state.lock().hooks);
        drop(hooks);
    }
}

/// Ends all that come from these, and returns who of them has any. No recursion: chains of contexts may
/// be longer than a goroutine's stack.
fn ended_below(mut ended: Vec<Arc<Cancel>>, calls: &mut Vec<Call>) -> Vec<Arc<Cancel>> {
    let mut next = 0;
    while let Some(cancel) = ended.get(next).cloned() {
        cancel.end_children(&mut ended, calls);
        next += 1;
    }
    ended
}

/// It has not ended if its making failed.
impl Drop for Cancel {
    fn drop(&mut self) {
        if let Some((parent, number)) = self.state.get_mut().parent.take() {
            parent.take_hook(number);
        }
    }
}
