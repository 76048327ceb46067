//! Locks that many goroutines share, on go-lib: those of the standard library, with its word to the
//! scheduler around what may block.

use std::sync::Arc;

use go_lib::sync::{Mutex, RwLock, WaitGroup};
use go_lib::{go, with_syscall};

use crate::common::guarded::{self, Guarded};
use crate::load::Load;

pub(super) fn mutex(load: Load) {
    let count = Arc::new(Mutex::new(0));
    let add = {
        let count = Arc::clone(&count);
        move |_| {
            let locked = count.try_lock();
            *locked.unwrap_or_else(|_| with_syscall(|| count.lock().unwrap())) += 1;
        }
    };
    take_turns(load, add);
    assert_eq!(*count.lock().unwrap(), load.n);
}

pub(super) fn rwmutex(load: Load) {
    let guarded = Arc::new(RwLock::new(Guarded::default()));
    let take_turn = {
        let guarded = Arc::clone(&guarded);
        move |turn| match guarded::writes(turn) {
            true => {
                let locked = guarded.try_write();
                locked.unwrap_or_else(|_| with_syscall(|| guarded.write().unwrap())).write();
            }
            false => {
                let locked = guarded.try_read();
                locked.unwrap_or_else(|_| with_syscall(|| guarded.read().unwrap())).read();
            }
        }
    };
    take_turns(load, take_turn);
    guarded.read().unwrap().check(load.width, load.share());
}

fn take_turns(load: Load, take_turn: impl Fn(u64) + Clone + Send + 'static) {
    let all = Arc::new(WaitGroup::new());
    for _ in 0..load.width {
        all.add(1);
        let (all, take_turn) = (Arc::clone(&all), take_turn.clone());
        go!(move || {
            (0..load.share()).for_each(take_turn);
            all.done();
        });
    }
    all.wait();
}
