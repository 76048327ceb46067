//! Sleepers, on go-lib.

use std::sync::Arc;
use std::time::Instant;

use go_lib::go;
use go_lib::sync::WaitGroup;

use crate::common::timers::Timers;
use crate::load::{Load, Outcome};

pub(super) fn run(load: Load) -> Outcome {
    let timers = Timers::begin(load);
    let all = Arc::new(WaitGroup::new());
    for sleeper in 0..load.n {
        all.add(1);
        let (timers, all) = (Arc::clone(&timers), Arc::clone(&all));
        go!(move || {
            let asleep = Instant::now();
            go_lib::sleep(timers.nap(sleeper));
            timers.wakes(sleeper, asleep);
            all.done();
        });
    }
    all.wait();
    timers.finish()
}
