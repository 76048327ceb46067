//! Locks that many tasks share, on tokio: those that are held over an `await`.

use std::sync::Arc;

use tokio::sync::{Mutex, RwLock};

use crate::common::guarded::{self, Guarded};
use crate::load::Load;

pub(super) async fn mutex(load: Load) {
    let count = Arc::new(Mutex::new(0));
    let adds = |_| {
        let count = Arc::clone(&count);
        tokio::spawn(async move {
            for _ in 0..load.share() {
                *count.lock().await += 1;
            }
        })
    };
    let handles: Vec<_> = (0..load.width).map(adds).collect();
    for handle in handles {
        handle.await.unwrap();
    }
    assert_eq!(*count.lock().await, load.n);
}

pub(super) async fn rwmutex(load: Load) {
    let guarded = Arc::new(RwLock::new(Guarded::default()));
    let takes_turns = |_| {
        let guarded = Arc::clone(&guarded);
        tokio::spawn(async move {
            for turn in 0..load.share() {
                take_turn(&guarded, turn).await;
            }
        })
    };
    let handles: Vec<_> = (0..load.width).map(takes_turns).collect();
    for handle in handles {
        handle.await.unwrap();
    }
    guarded.read().await.check(load.width, load.share());
}

async fn take_turn(guarded: &RwLock<Guarded>, turn: u64) {
    match guarded::writes(turn) {
        true => guarded.write().await.write(),
        false => guarded.read().await.read(),
    }
}
