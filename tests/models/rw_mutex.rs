//! A read-write lock: `src/sync/rw_word.rs`, used as `src/sync/rw_mutex.rs` does.

#[path = "../../src/sync/rw_word.rs"]
mod source;

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::explore::{check_pair, check_up_to};
use crate::parker::Parker;
use source::RwWord;

struct RwMutex {
    word: RwWord,
    writers: Mutex<()>,
    readers: Mutex<Vec<Arc<Parker>>>,
    writer: Mutex<Option<Arc<Parker>>>,
    data: UnsafeCell<u32>,
}

// SAFETY: that writers are alone is what the models check.
unsafe impl Sync for RwMutex {}

impl RwMutex {
    fn new() -> RwMutex {
        let word = RwWord::new();
        // The word's first use is before it is shared.
        assert!(word.try_write() && word.end_write(0));
        RwMutex {
            word,
            writers: Mutex::default(),
            readers: Mutex::default(),
            writer: Mutex::default(),
            data: UnsafeCell::new(0),
        }
    }

    fn lock_to_read(&self) {
        if self.word.read_once().is_ok() || !self.word.is_written() && self.word.read() {
            return;
        }
        let mut readers = self.readers.lock().unwrap();
        while !self.word.read() {
            if self.word.announce_reader() {
                let parker = Arc::new(Parker::new());
                readers.push(parker.clone());
                drop(readers);
                assert!(parker.park());
                return;
            }
        }
    }

    fn read(&self) -> u32 {
        self.lock_to_read();
        // SAFETY: as for the type.
        let seen = self.data.with(|data| unsafe { *data });
        self.end_read();
        seen
    }

    fn end_read(&self) {
        if self.word.end_read() {
            let mut writer = self.writer.lock().unwrap();
            let woken = if self.word.is_read() { None } else { writer.take() };
            drop(writer);
            woken.iter().for_each(|parker| parker.wake(true));
        }
    }

    fn write(&self, then_reads: u32) {
        let writers = self.writers.lock().unwrap();
        // It looks once more before it waits in the queue.
        if !self.word.write() && self.word.is_read() {
            let mut writer = self.writer.lock().unwrap();
            if self.word.is_read() {
                let parker = Arc::new(Parker::new());
                *writer = Some(parker.clone());
                drop(writer);
                assert!(parker.park());
            }
        }
        // SAFETY: as for the type.
        self.data.with_mut(|data| unsafe { *data += 1 });
        if !self.word.end_write(then_reads) {
            let mut readers = self.readers.lock().unwrap();
            let woken = std::mem::take(&mut *readers);
            self.word.end_write_with(then_reads + woken.len() as u32);
            drop(readers);
            woken.iter().for_each(|parker| parker.wake(true));
        }
        drop(writers);
    }

    fn assert_sum(&self, sum: u32) {
        assert!(self.word.try_write(), "it is free");
        // SAFETY: as for the type.
        assert_eq!(self.data.with(|data| unsafe { *data }), sum);
    }
}

#[test]
fn a_reader_and_a_writer() {
    check_pair(
        RwMutex::new,
        |lock| assert!(lock.read() <= lock.read()),
        |lock| {
            lock.write(0);
            lock.write(0);
        },
        |lock| lock.assert_sum(2),
    );
}

#[test]
fn two_readers_and_a_writer() {
    check_up_to(2, || {
        let lock = Arc::new(RwMutex::new());
        let readers = [0, 1].map(|_| {
            let lock = lock.clone();
            thread::spawn(move || assert!(lock.read() <= 1))
        });
        lock.write(0);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        lock.assert_sum(1);
    });
}

/// A writer that goes on as a reader, while another reads and then writes.
#[test]
fn a_writer_reads_on() {
    check_pair(
        RwMutex::new,
        |lock| {
            lock.write(1);
            lock.data.with(|_| ());
            lock.end_read();
        },
        |lock| {
            assert!(lock.read() <= 1);
            lock.write(0);
        },
        |lock| lock.assert_sum(2),
    );
}
