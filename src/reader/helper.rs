//! A thread that decodes events before they are needed.
//!
//! Each stream has a slot. Whoever needs its events takes the slot's block and asks for the next one;
//! what the thread has not begun with yet, one decodes oneself, so that nobody waits for it long.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::clock::Unit;
use super::cursor::{Block, Decoder};
use super::error::Error;
use super::streams::Streams;

/// The thread, which ends with this.
pub(crate) struct Helper(Arc<Shared>);

/// What it shares with those whom it helps.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Something was asked for, or nothing will be any more.
    asked: Condvar,
    /// Something was done.
    done: Condvar,
}

#[derive(Default)]
struct State {
    streams: Arc<Streams>,
    unit: Unit,
    /// As many events are decoded at a time.
    most: usize,
    slots: Vec<Slot>,
    /// The slots of what was asked for, the next one first.
    queue: VecDeque<usize>,
    is_idle: bool,
    is_over: bool,
}

/// What there is of a stream.
#[derive(Default)]
enum Slot {
    #[default]
    Nothing,
    Asked(Decoder, Block),
    /// The thread is at it.
    Begun,
    Done(Decoder, Block, Result<bool, Error>),
}

impl Helper {
    /// Starts the thread, if there can be one more.
    pub(crate) fn start() -> Option<Helper> {
        let shared = Arc::new(Shared::default());
        let helper = Helper(shared.clone());
        let thread = thread::Builder::new().name("gort-decoder".into());
        thread.spawn(move || shared.work()).ok()?;
        Some(helper)
    }

    /// Goes to another generation, whose streams are asked for from their begin.
    pub(crate) fn begin(&self, streams: Arc<Streams>, unit: Unit, most: usize) {
        let mut state = self.0.lock();
        let slots = (0..streams.threads().len()).map(|_| Slot::Nothing).collect();
        let (is_idle, is_over) = (state.is_idle, state.is_over);
        *state = State { streams, unit, most, slots, queue: VecDeque::new(), is_idle, is_over };
    }

    /// Asks for the next events of a stream, for which there is this block.
    pub(crate) fn ask(&self, stream: usize, decoder: Decoder, block: Block) {
        let mut state = self.0.lock();
        state.slots[stream] = Slot::Asked(decoder, block);
        state.queue.push_back(stream);
        if state.is_idle {
            self.0.asked.notify_one();
        }
    }

    /// What was asked for.
    pub(crate) fn take(&self, stream: usize) -> (Decoder, Block, Result<bool, Error>) {
        let mut state = self.0.lock();
        loop {
            match std::mem::take(&mut state.slots[stream]) {
                Slot::Done(decoder, block, done) => return (decoder, block, done),
                Slot::Asked(mut decoder, mut block) => {
                    let (streams, unit, most) = (state.streams.clone(), state.unit, state.most);
                    drop(state);
                    let done = decoder.block(&mut block, most, &streams, unit);
                    return (decoder, block, done);
                }
                Slot::Begun => state.slots[stream] = Slot::Begun,
                Slot::Nothing => unreachable!("a stream was taken that was not asked for"),
            }
            assert!(!state.is_over, "the thread that decodes ahead panicked");
            state = self.0.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.asked.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let _end = End(self);
        let mut state = self.lock();
        while !state.is_over {
            let Some(stream) = state.queue.pop_front() else {
                state.is_idle = true;
                state = self.asked.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.is_idle = false;
                continue;
            };
            // It may have been taken back, or be of a generation that is over.
            let slot = state.slots.get_mut(stream).filter(|slot| matches!(slot, Slot::Asked(..)));
            let Some(slot) = slot else { continue };
            if let Slot::Asked(decoder, block) = std::mem::replace(slot, Slot::Begun) {
                state = self.decode(state, stream, decoder, block);
            }
        }
    }

    fn decode<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        stream: usize,
        mut decoder: Decoder,
        mut block: Block,
    ) -> MutexGuard<'a, State> {
        let (streams, unit, most) = (state.streams.clone(), state.unit, state.most);
        drop(state);
        let done = decoder.block(&mut block, most, &streams, unit);
        let mut state = self.lock();
        if Arc::ptr_eq(&streams, &state.streams) {
            state.slots[stream] = Slot::Done(decoder, block, done);
        }
        self.done.notify_one();
        state
    }
}

/// Whoever waits for the thread learns that it is gone.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.done.notify_one();
    }
}
