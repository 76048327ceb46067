//! A server's connections: how many there are, who waits for that to change, and how each is told
//! that the server ends.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;

use parking_lot::Mutex;

use crate::chan::{Receiver, Sender, chan};

/// How far a server has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(super) enum Stage {
    Open,
    /// No new connections; those that are idle end, the others when they have answered.
    Shutdown,
    /// Everything ends now.
    Closed,
}

/// What ends a listener's wait.
type Close = Arc<dyn Fn() + Send + Sync>;

/// The connections of a server.
#[derive(Default)]
pub(super) struct Open {
    /// A copy of the state's stage, for the connections.
    stage: AtomicU8,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stage: u8,
    count: usize,
    /// By place; `None`: free, or not yet waiting for anything.
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
    listeners: Vec<Close>,
    /// Channels to close when something changes.
    told: Vec<Sender<Infallible>>,
}

impl Open {
    pub(super) fn has_reached(&self, stage: Stage) -> bool {
        // What a connection does at a new stage needs nothing that was written before it.
        self.stage.load(Ordering::Relaxed) >= stage as u8
    }

    pub(super) fn count(&self) -> usize {
        self.state.lock().count
    }

    /// Adds a connection, unless the server ends.
    pub(super) fn admit(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.state.lock();
        if state.stage != Stage::Open as u8 {
            return None;
        }
        state.count += 1;
        let number = state.free.pop().unwrap_or_else(|| {
            state.wakers.push(None);
            state.wakers.len() - 1
        });
        drop(state);
        Some(Place { open: Arc::clone(self), number, has_waker: false })
    }

    /// Adds a listener, unless the server ends.
    pub(super) fn add_listener(&self, close: Close) -> bool {
        let mut state = self.state.lock();
        let is_open = state.stage == Stage::Open as u8;
        if is_open {
            state.listeners.push(close);
        }
        is_open
    }

    pub(super) fn remove_listener(&self, close: &Close) {
        let mut state = self.state.lock();
        let at = state.listeners.iter().position(|known| Arc::ptr_eq(known, close));
        let removed = at.map(|at| state.listeners.swap_remove(at));
        drop(state);
        drop(removed);
    }

    /// Waits until there are fewer connections than `limit`, or the server ends.
    pub(super) fn wait_for_room(&self, limit: usize) {
        self.wait(|state| state.count < limit || state.stage != Stage::Open as u8);
    }

    /// Waits until there are no connections.
    pub(super) fn wait_for_none(&self) {
        self.wait(|state| state.count == 0);
    }

    fn wait(&self, is_over: impl Fn(&State) -> bool) {
        while let Some(change) = self.next_change(&is_over) {
            // It is only ever closed.
            let _ = change.recv();
        }
    }

    /// A channel that closes with the next change; `None`: it is over.
    pub(super) fn until_none(&self) -> Option<Receiver<Infallible>> {
        self.next_change(&|state| state.count == 0)
    }

    fn next_change(&self, is_over: &impl Fn(&State) -> bool) -> Option<Receiver<Infallible>> {
        let (tx, rx) = chan(0);
        let mut state = self.state.lock();
        if is_over(&state) {
            return None;
        }
        state.told.push(tx);
        Some(rx)
    }

    /// Goes on to a later stage and tells everybody.
    pub(super) fn go_on_to(&self, stage: Stage) {
        let mut state = self.state.lock();
        state.stage = state.stage.max(stage as u8);
        self.stage.store(state.stage, Ordering::Relaxed);
        let listeners = std::mem::take(&mut state.listeners);
        let wakers: Vec<Waker> = state.wakers.iter().flatten().cloned().collect();
        let told = std::mem::take(&mut state.told);
        drop(state);
        listeners.iter().for_each(|close| close());
        wakers.into_iter().for_each(Waker::wake);
        drop(told);
    }
}

/// A connection among those of its server.
pub(super) struct Place {
    open: Arc<Open>,
    number: usize,
    has_waker: bool,
}

impl Place {
    pub(super) fn open(&self) -> &Open {
        &self.open
    }

    /// Has the connection woken when the server goes on to another stage. The first waker counts:
    /// a connection is polled with one only.
    pub(super) fn wake(&mut self, waker: &Waker) {
        if !self.has_waker {
            self.has_waker = true;
            let waker = waker.clone();
            self.open.state.lock().wakers[self.number] = Some(waker);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.open.state.lock();
        let waker = state.wakers[self.number].take();
        state.free.push(self.number);
        state.count -= 1;
        let told = std::mem::take(&mut state.told);
        drop(state);
        drop((waker, told));
    }
}
