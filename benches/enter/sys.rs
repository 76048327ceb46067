//! Where the door looks for `src/sys`: the very same files.

#[path = "../../src/sys/barrier.rs"]
pub(crate) mod barrier;
#[path = "../../src/sys/futex.rs"]
pub(crate) mod futex;
#[allow(unused_imports, reason = "the door needs a part of it")]
#[path = "../../src/sys/sync.rs"]
pub(crate) mod sync;
#[path = "../../src/sys/thread.rs"]
pub(crate) mod thread;
