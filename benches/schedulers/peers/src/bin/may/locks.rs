//! Locks that many coroutines share, on may.

use std::sync::Arc;

use may::go;
use may::sync::{Mutex, RwLock};

use crate::common::guarded::{self, Guarded};
use crate::load::Load;

pub(super) fn mutex(load: Load) {
    let count = Arc::new(Mutex::new(0));
    let adds = |_| {
        let count = Arc::clone(&count);
        go!(move || (0..load.share()).for_each(|_| *count.lock().unwrap() += 1))
    };
    let handles: Vec<_> = (0..load.width).map(adds).collect();
    handles.into_iter().for_each(|handle| handle.join().unwrap());
    assert_eq!(*count.lock().unwrap(), load.n);
}

pub(super) fn rwmutex(load: Load) {
    let guarded = Arc::new(RwLock::new(Guarded::default()));
    let takes_turns = |_| {
        let guarded = Arc::clone(&guarded);
        go!(move || (0..load.share()).for_each(|turn| take_turn(&guarded, turn)))
    };
    let handles: Vec<_> = (0..load.width).map(takes_turns).collect();
    handles.into_iter().for_each(|handle| handle.join().unwrap());
    guarded.read().unwrap().check(load.width, load.share());
}

fn take_turn(guarded: &RwLock<Guarded>, turn: u64) {
    match guarded::writes(turn) {
        true => guarded.write().unwrap().write(),
        false => guarded.read().unwrap().read(),
    }
}
