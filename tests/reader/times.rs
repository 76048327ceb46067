//! Times in gort's own traces, byte for byte: what follows from another thread's event is later than it.
//!
//! Go's reader orders threads' events by sequence numbers, and moves a time that contradicts them; so
//! does ours. Here nothing is moved.

use std::collections::HashMap;
use std::fs;

use gort::reader::{RawEvent, RawReader};

use crate::programs;

/// A goroutine of a generation.
type Key = (u64, u64);

/// The events of goroutines: which of its numbered events it is or comes behind, whether it is that
/// one itself, and when.
#[derive(Default)]
struct Lives {
    events: HashMap<Key, Vec<(u64, bool, u64)>>,
    /// The goroutine that each thread runs, and its last number.
    running: HashMap<Key, (u64, u64)>,
}

impl Lives {
    /// The event at `time` on `thread`.
    fn add(&mut self, generation: u64, thread: u64, time: u64, event: &RawEvent) {
        let place = (generation, thread);
        let args = &event.args()[1..];
        match event.name() {
            "GoCreate" => self.note((generation, args[0]), (0, true, time)),
            "GoUnblock" => self.note((generation, args[0]), (args[1], true, time)),
            "GoStart" => {
                self.note((generation, args[0]), (args[1], true, time));
                self.running.insert(place, (args[0], args[1]));
            }
            "GoStatusStack" if args[2] == 2 => {
                self.running.insert(place, (args[0], 0));
            }
            "GoBlock" | "GoStop" | "GoSyscallBegin" | "GoSyscallEndBlocked" => {
                // One that has been away since before the generation has a status of no thread's.
                if let Some(&(goroutine, number)) = self.running.get(&place) {
                    self.note((generation, goroutine), (number, false, time));
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, key: Key, event: (u64, bool, u64)) {
        self.events.entry(key).or_default().push(event);
    }

    /// Checks the times of all; how many numbered events there were.
    fn check(mut self) -> usize {
        let mut numbered = 0;
        for ((generation, goroutine), events) in &mut self.events {
            events.sort_unstable_by_key(|&(number, is_itself, time)| (number, !is_itself, time));
            let mut latest = 0;
            for &(number, is_itself, time) in &*events {
                let after = if is_itself { latest + 1 } else { latest };
                assert!(
                    time >= after,
                    "generation {generation}, goroutine {goroutine}, event {number}: at {time}, \
                     after {latest}"
                );
                latest = time;
                numbered += usize::from(is_itself);
            }
        }
        numbered
    }
}

/// The lives in a trace, each thread's events in the file's order.
fn lives(trace: &[u8]) -> Lives {
    let mut lives = Lives::default();
    let (mut generation, mut thread, mut time) = (0, 0, 0);
    // Batches of tables have no events with a time.
    let timed = 9..=48;
    for event in RawReader::new(trace).unwrap() {
        let event = event.unwrap();
        match event.number() {
            1 => [generation, thread, time] = event.args()[..3].try_into().unwrap(),
            number if timed.contains(&number) => {
                time += event.args()[0];
                lives.add(generation, thread, time, &event);
            }
            _ => {}
        }
    }
    lives
}

#[test]
fn what_follows_is_later() {
    let folder = tempfile::tempdir().unwrap();
    let Some(paths) = programs::of_gort("times::what_follows_is_later", folder.path()) else {
        return;
    };
    for path in paths {
        let numbered = lives(&fs::read(path).unwrap()).check();
        assert!(numbered > 1000, "{numbered}");
    }
}
