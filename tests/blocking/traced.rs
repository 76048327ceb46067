//! Traces of goroutines that lose their processors and come back while all are busy.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gort::{blocking, go, gosched};

use super::on_processors;
use super::support::Go;

/// A trace in memory.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Nobody but the one thread writes events without a processor, and many times in a row.
#[test]
fn one_thread_comes_back_again_and_again_to_a_busy_processor() {
    let test = "traced::one_thread_comes_back_again_and_again_to_a_busy_processor";
    let Some(tools) = Go::find("a trace of calls that block") else { return };
    on_processors(test, &["1", "2"], || {
        let sink = Sink::default();
        gort::trace::start(sink.clone()).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..gort::gomaxprocs(0))
            .map(|_| {
                let stop = stop.clone();
                go(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let begin = Instant::now();
                        while begin.elapsed() < Duration::from_millis(2) {
                            std::hint::spin_loop();
                        }
                        gosched();
                    }
                })
            })
            .collect();
        let caller = go(|| {
            (0..20).for_each(|_| blocking(|| thread::sleep(Duration::from_micros(500))));
        });
        caller.join().unwrap();
        stop.store(true, Ordering::Relaxed);
        busy.into_iter().for_each(|busy| busy.join().unwrap());
        gort::trace::stop().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trace");
        std::fs::write(&file, &*sink.0.lock().unwrap()).unwrap();
        tools.check(&[file]).unwrap();
    });
}
