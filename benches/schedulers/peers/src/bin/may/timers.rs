//! Sleepers, on may.

use std::sync::Arc;
use std::time::Instant;

use may::{coroutine, go};

use crate::common::timers::Timers;
use crate::load::{Load, Outcome};

pub(super) fn run(load: Load) -> Outcome {
    let timers = Timers::begin(load);
    let sleep = |sleeper| {
        let timers = Arc::clone(&timers);
        go!(move || {
            let asleep = Instant::now();
            coroutine::sleep(timers.nap(sleeper));
            timers.wakes(sleeper, asleep);
        })
    };
    let sleepers: Vec<_> = (0..load.n).map(sleep).collect();
    sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
    timers.finish()
}
