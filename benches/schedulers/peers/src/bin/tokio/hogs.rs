//! Endless loops beside a sleeper, on tokio.

use std::sync::Arc;

use crate::common::hogs::{HEAD_START, Hogs, NAP};
use crate::load::{Load, Outcome};

pub(super) async fn run(load: Load) -> Outcome {
    let hogs = Hogs::begin(load);
    let sleeper = tokio::spawn(sleep(Arc::clone(&hogs)));
    tokio::time::sleep(HEAD_START).await;
    let hog = |_| {
        let hogs = Arc::clone(&hogs);
        tokio::spawn(async move { hogs.hog() })
    };
    let loops: Vec<_> = (0..load.width).map(hog).collect();
    let outcome = sleeper.await.unwrap();
    for hog in loops {
        hog.await.unwrap();
    }
    outcome
}

async fn sleep(hogs: Arc<Hogs>) -> Outcome {
    let mut sleeper = hogs.sleeper();
    while let Some(asleep) = sleeper.falls_asleep() {
        tokio::time::sleep(NAP).await;
        sleeper.wakes(asleep);
    }
    sleeper.finish()
}
