//! Contexts below contexts, on gort: the end of the first one is the end of all.

use std::sync::Arc;

use gort::Context;
use gort::context::{self, CancelFunc, ContextError};

use super::Tally;
use crate::load::Load;

/// How many contexts are made of each.
const CHILDREN: u64 = 10;

/// So many trees, one after the other.
pub(super) fn run(load: Load) {
    let tally = Arc::new(Tally::default());
    for _ in 0..load.share() {
        let mut cancels = Vec::new();
        let (root, cancel) = context::with_cancel(&context::background());
        grow(&root, load.width, &tally, &mut cancels);
        tally.ready.wait();
        cancel.cancel();
        tally.all.wait();
    }
    assert_eq!(tally.sum(), load.n);
}

/// At each leaf a goroutine waits.
fn grow(parent: &Context, leaves: u64, tally: &Arc<Tally>, cancels: &mut Vec<CancelFunc>) {
    if leaves == 1 {
        return watch(parent.clone(), Arc::clone(tally));
    }
    for _ in 0..CHILDREN {
        let (child, cancel) = context::with_cancel(parent);
        cancels.push(cancel);
        grow(&child, leaves / CHILDREN, tally, cancels);
    }
}

fn watch(context: Context, tally: Arc<Tally>) {
    tally.ready.add(1);
    tally.all.add(1);
    gort::go(move || {
        tally.ready.done();
        context.done().recv().unwrap_err();
        tally.count(u64::from(context.err() == Some(ContextError::Canceled)));
    });
}
