//! Endless loops beside a sleeper, on may.

use std::sync::Arc;

use may::{coroutine, go};

use crate::common::hogs::{HEAD_START, Hogs, NAP};
use crate::load::{Load, Outcome};

pub(super) fn run(load: Load) -> Outcome {
    let hogs = Hogs::begin(load);
    let sleeper = {
        let hogs = Arc::clone(&hogs);
        go!(move || sleep(&hogs))
    };
    coroutine::sleep(HEAD_START);
    let hog = |_| {
        let hogs = Arc::clone(&hogs);
        go!(move || hogs.hog())
    };
    let loops: Vec<_> = (0..load.width).map(hog).collect();
    let outcome = sleeper.join().unwrap();
    loops.into_iter().for_each(|hog| hog.join().unwrap());
    outcome
}

fn sleep(hogs: &Hogs) -> Outcome {
    let mut sleeper = hogs.sleeper();
    while let Some(asleep) = sleeper.falls_asleep() {
        coroutine::sleep(NAP);
        sleeper.wakes(asleep);
    }
    sleeper.finish()
}
