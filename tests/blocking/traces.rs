//! What traces say of goroutines without a processor.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gort::{go, gosched};

use crate::on_processors;
use crate::support::Go;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thread says that its call is over where those say it who have no processor, and goes on in a
/// processor's buffer: for Go's reader in this order, also the next time.
#[test]
fn who_comes_back_finds_no_processor_again_and_again() {
    let Some(tools) = Go::find("traces of calls that block") else { return };
    let test = "traces::who_comes_back_finds_no_processor_again_and_again";
    on_processors(test, &["1", "2"], || {
        let stop = AtomicBool::new(false);
        let written = Memory::default();
        gort::scope(|scope| {
            for _ in 0..2 {
                scope.go(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let begin = Instant::now();
                        while begin.elapsed() < Duration::from_micros(300) {
                            std::hint::spin_loop();
                        }
                        gosched();
                    }
                });
            }
            gort::trace::start(written.clone()).unwrap();
            let blocking = go(|| {
                for _ in 0..50 {
                    gort::blocking(|| thread::sleep(Duration::from_micros(100)));
                    gosched();
                }
            });
            blocking.join().unwrap();
            gort::trace::stop().unwrap();
            stop.store(true, Ordering::Relaxed);
        });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trace");
        std::fs::write(&file, &*written.0.lock().unwrap()).unwrap();
        tools.check(&[file]).unwrap();
    });
}
