//! Endless loops beside a sleeper, on gort.

use std::sync::Arc;

use crate::common::hogs::{HEAD_START, Hogs, NAP};
use crate::load::{Load, Outcome};

pub(super) fn run(load: Load) -> Outcome {
    let hogs = Hogs::begin(load);
    let sleeper = {
        let hogs = Arc::clone(&hogs);
        gort::go(move || sleep(&hogs))
    };
    gort::sleep(HEAD_START);
    let hog = |_| {
        let hogs = Arc::clone(&hogs);
        gort::go(move || hogs.hog())
    };
    let loops: Vec<_> = (0..load.width).map(hog).collect();
    let outcome = sleeper.join().unwrap();
    loops.into_iter().for_each(|hog| hog.join().unwrap());
    outcome
}

fn sleep(hogs: &Hogs) -> Outcome {
    let mut sleeper = hogs.sleeper();
    while let Some(asleep) = sleeper.falls_asleep() {
        gort::sleep(NAP);
        sleeper.wakes(asleep);
    }
    sleeper.finish()
}
