//! Sleepers, on tokio.

use std::sync::Arc;
use std::time::Instant;

use crate::common::timers::Timers;
use crate::load::{Load, Outcome};

pub(super) async fn run(load: Load) -> Outcome {
    let timers = Timers::begin(load);
    let sleepers: Vec<_> =
        (0..load.n).map(|sleeper| tokio::spawn(sleep(Arc::clone(&timers), sleeper))).collect();
    for sleeper in sleepers {
        sleeper.await.unwrap();
    }
    timers.finish()
}

async fn sleep(timers: Arc<Timers>, sleeper: u64) {
    let asleep = Instant::now();
    tokio::time::sleep(timers.nap(sleeper)).await;
    timers.wakes(sleeper, asleep);
}
