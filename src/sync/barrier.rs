//! [`Barrier`]: waits until so many are here.

use std::cell::UnsafeCell;
use std::fmt;

use super::queue::{Queue, Waiting};
use crate::sched::Inside;
use crate::sched::sudog::WakeList;
use crate::wire::reason::WaitReason;

/// Lets nobody go on until so many have come; then it begins anew.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use gort::sync::{Barrier, WaitGroup};
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let (barrier, all) = (Arc::new(Barrier::new(3)), WaitGroup::new());
///         for n in 0..3 {
///             let barrier = Arc::clone(&barrier);
///             all.go(move || {
///                 println!("{n} is here");
///                 barrier.wait();
///                 println!("{n} goes on");
///             });
///         }
///         all.wait();
///     })
/// };
/// ```
///
/// # Go
/// Has none; in Rust it is [`std::sync::Barrier`].
pub struct Barrier {
    size: usize,
    queue: Queue,
    /// How many are here. Under the queue's lock.
    here: UnsafeCell<usize>,
}

// SAFETY: the count is touched under the queue's lock.
unsafe impl Sync for Barrier {}

impl Barrier {
    /// A barrier for so many; 0 counts as 1.
    pub fn new(size: usize) -> Barrier {
        Barrier { size, queue: Queue::in_bubble(), here: UnsafeCell::new(0) }
    }

    /// Waits until all are here. True for the last one of them.
    pub fn wait(&self) -> bool {
        self.queue.check("a wait at a Barrier");
        let rt = Inside::enter_to_block();
        let mut queue = self.queue.lock(&rt);
        // SAFETY: the lock is ours.
        let here = unsafe { &mut *self.here.get() };
        *here += 1;
        if *here < self.size {
            drop(queue.wait(rt, Waiting::new(WaitReason::BarrierWait), |_| ()).0);
            return false;
        }
        *here = 0;
        let mut woken = WakeList::new();
        queue.pop_all_to(&mut woken);
        drop(queue);
        woken.wake(&rt);
        true
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Barrier({})", self.size)
    }
}
