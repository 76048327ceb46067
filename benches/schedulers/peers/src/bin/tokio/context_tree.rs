//! Tokens below tokens, on tokio: the end of the first one is the end of all.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::join_sum;
use crate::load::Load;

/// How many tokens are made of each.
const CHILDREN: u64 = 10;

/// What the tasks of a tree have.
struct Tree {
    tokens: Vec<CancellationToken>,
    watchers: Vec<JoinHandle<u64>>,
    ready: mpsc::Sender<()>,
}

/// So many trees, one after the other. All are ready when the last clone of `ready` is gone.
pub(super) async fn run(load: Load) {
    let mut sum = 0;
    for _ in 0..load.share() {
        let (ready, mut all_ready) = mpsc::channel(1);
        let mut tree = Tree { tokens: Vec::new(), watchers: Vec::new(), ready };
        let root = CancellationToken::new();
        tree.grow(&root, load.width);
        drop(tree.ready);
        assert_eq!(all_ready.recv().await, None);
        root.cancel();
        sum += join_sum(tree.watchers).await;
    }
    assert_eq!(sum, load.n);
}

impl Tree {
    /// At each leaf a task waits.
    fn grow(&mut self, parent: &CancellationToken, leaves: u64) {
        if leaves == 1 {
            return self.watch(parent.clone());
        }
        for _ in 0..CHILDREN {
            let child = parent.child_token();
            self.grow(&child, leaves / CHILDREN);
            self.tokens.push(child);
        }
    }

    fn watch(&mut self, token: CancellationToken) {
        let ready = self.ready.clone();
        self.watchers.push(tokio::spawn(async move {
            drop(ready);
            token.cancelled().await;
            u64::from(token.is_cancelled())
        }));
    }
}
