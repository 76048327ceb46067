//! Profiles: opened by the real `go tool pprof`, with the weights that the programs have.

#[path = "../support/process.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod cpu;
mod goroutines;
mod handler;
mod tool;
mod waits;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use gort::Builder;
use support::runtime::eventually;

/// Whether stacks are whole in this build.
const WHOLE: bool =
    (cfg!(gort_frame_pointers) || cfg!(feature = "unwind")) && cfg!(feature = "symbolize");

fn run<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { Builder::new().procs(4).run(f) }.unwrap()
}

/// A writer that others can read.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that fails.
struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is full"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
