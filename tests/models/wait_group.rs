//! A wait group: `src/sync/count.rs`, used as `src/sync/wait_group.rs` does.

#[path = "../../src/sync/count.rs"]
mod source;

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::explore::{check_pair, check_up_to};
use crate::parker::Parker;
use source::Count;

struct WaitGroup {
    count: Count,
    queue: Mutex<Vec<Arc<Parker>>>,
    /// What two members do.
    parts: [UnsafeCell<u32>; 2],
}

// SAFETY: that members and waiters do not meet is what the models check.
unsafe impl Sync for WaitGroup {}

impl WaitGroup {
    fn of(members: usize) -> WaitGroup {
        let count = Count::new();
        assert!(count.add(members) && count.get() == members);
        let parts = [UnsafeCell::new(0), UnsafeCell::new(0)];
        WaitGroup { count, queue: Mutex::default(), parts }
    }

    fn work(&self, part: usize) {
        // SAFETY: as for the type.
        self.parts[part].with_mut(|part| unsafe { *part += 1 });
        self.done();
    }

    fn done(&self) {
        if self.count.less() {
            return;
        }
        let mut queue = self.queue.lock().unwrap();
        let is_zero = self.count.last().expect("it is not negative");
        let woken = if is_zero { std::mem::take(&mut *queue) } else { Vec::new() };
        drop(queue);
        woken.iter().for_each(|parker| parker.wake(true));
    }

    fn wait(&self) {
        if self.count.is_zero() {
            return;
        }
        let mut queue = self.queue.lock().unwrap();
        if self.count.is_zero() {
            return;
        }
        let parker = Arc::new(Parker::new());
        queue.push(parker.clone());
        drop(queue);
        assert!(parker.park());
    }

    fn assert_parts(&self, expected: [u32; 2]) {
        // SAFETY: as for the type.
        let parts = [0, 1].map(|part| self.parts[part].with(|part| unsafe { *part }));
        assert_eq!(parts, expected);
    }
}

#[test]
fn who_waits_sees_what_was_done() {
    check_pair(
        || WaitGroup::of(1),
        |group| {
            group.wait();
            group.assert_parts([1, 0]);
        },
        |group| group.work(0),
        |group| assert!(group.count.is_zero()),
    );
}

#[test]
fn two_members_and_one_who_waits() {
    check_up_to(2, || {
        let group = Arc::new(WaitGroup::of(2));
        let members = [0, 1].map(|part| {
            let group = group.clone();
            thread::spawn(move || group.work(part))
        });
        group.wait();
        group.assert_parts([1, 1]);
        members.into_iter().for_each(|member| member.join().unwrap());
    });
}

/// Whoever waits may use the group for another round at once.
#[test]
fn a_second_round() {
    check_up_to(2, || {
        let group = Arc::new(WaitGroup::of(1));
        let member = thread::spawn({
            let group = group.clone();
            move || group.work(0)
        });
        group.wait();
        assert!(group.count.add(1));
        let second = thread::spawn({
            let group = group.clone();
            move || group.work(1)
        });
        group.wait();
        group.assert_parts([1, 1]);
        member.join().unwrap();
        second.join().unwrap();
    });
}
