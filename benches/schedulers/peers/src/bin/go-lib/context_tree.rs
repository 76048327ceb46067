//! Contexts below contexts, on go-lib: the end of the first one is the end of all.

use std::sync::Arc;

use go_lib::context::{self, CancelFn, Context};
use go_lib::go;

use crate::Tally;
use crate::load::Load;

/// How many contexts are made of each.
const CHILDREN: u64 = 10;

/// So many trees, one after the other.
pub(super) fn run(load: Load) {
    let tally = Tally::new();
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
fn grow(parent: &Context, leaves: u64, tally: &Arc<Tally>, cancels: &mut Vec<CancelFn>) {
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
    go!(move || {
        tally.ready.done();
        assert_eq!(context.done().recv(), None);
        tally.count(u64::from(context.is_done()));
    });
}
