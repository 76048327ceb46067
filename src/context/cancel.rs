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
    /// Functions that end it; the last one does so when it goes.
    pub(super) funcs: AtomicUsize,
    sender: Sender<Infallible>,
    done: Receiver<Infallible>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
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
    Call(Box<dyn FnOnce() + Send>),
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
        self.state.lock().hooks.remove(&number)
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
    /// is to be called.
    pub(super) fn end(&self, end: End) {
        let mut calls = Vec::new();
        let (mut hooks, parent) = self.set(&end);
        if let Some((parent, number)) = parent {
            parent.take_hook(number);
        }
        // No recursion: chains of contexts may be longer than a goroutine's stack.
        while let Some(hook) = hooks.pop() {
            match hook {
                Hook::Call(call) => calls.push(call),
                Hook::Child(child) => {
                    if let Some(child) = child.upgrade() {
                        // Its parent has no hooks any more.
                        hooks.extend(child.set(&end).0);
                    }
                }
            }
        }
        calls.into_iter().for_each(|call| call());
    }

    /// Sets this one's end and closes its channel: who is to be told of it, and where it is a hook.
    fn set(&self, end: &End) -> (Vec<Hook>, Option<Parent>) {
        if self.error().is_some() {
            return (Vec::new(), None);
        }
        let mut state = self.state.lock();
        if self.error().is_some() {
            return (Vec::new(), None);
        }
        state.cause.clone_from(&end.cause);
        let ended = match end.error {
            ContextError::Canceled => CANCELED,
            ContextError::DeadlineExceeded => EXCEEDED,
        };
        // ORDERING: Release, pairs with the Acquire in `error`.
        self.ended.store(ended, Ordering::Release);
        let hooks = std::mem::take(&mut state.hooks);
        let (parent, timer) = (state.parent.take(), state.timer.take());
        drop(state);
        // It can only be closed already if a value's destructor closed it; there are no values.
        let _ = self.sender.close();
        // ORDERING: Release, pairs with the Acquire in `error_when_told`.
        self.told.store(true, Ordering::Release);
        if let Some(timer) = timer {
            timer.stop();
        }
        (hooks.into_values().collect(), parent)
    }
}

/// It has not ended if its making failed.
impl Drop for Cancel {
    fn drop(&mut self) {
        if let Some((parent, number)) = self.state.get_mut().parent.take() {
            parent.take_hook(number);
        }
    }
}
