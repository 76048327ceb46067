//! Files that grow while they are read.

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

/// Reads a file that grows: at its end it waits for more.
///
/// [`Reader::new`](super::Reader::new) then gives each generation's events as soon as all of it is
/// there: from version 1.26 on when its mark is, before that when the next one begins.
///
/// # Examples
/// ```no_run
/// use gort::reader::{Follow, Reader};
/// use std::time::Instant;
///
/// let file = std::fs::File::open("program.trace")?;
/// let begin = Instant::now();
/// let a_minute = move || begin.elapsed().as_secs() >= 60;
/// for event in Reader::new(Follow::new(file, a_minute))? {
///     println!("{}", event?.time());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Follow<R, F> {
    input: R,
    is_over: F,
}

/// As long it waits before it looks for more.
const PAUSE: Duration = Duration::from_millis(20);

impl<R: Read, F: FnMut() -> bool> Follow<R, F> {
    /// Follows `input` until `is_over` says that nothing will be added any more. What is there by then
    /// is read.
    pub fn new(input: R, is_over: F) -> Follow<R, F> {
        Follow { input, is_over }
    }
}

impl<R: Read, F: FnMut() -> bool> Read for Follow<R, F> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            // Asked first: what was added before the answer is read.
            let is_over = (self.is_over)();
            let bytes = self.input.read(to)?;
            if bytes > 0 || is_over || to.is_empty() {
                return Ok(bytes);
            }
            thread::sleep(PAUSE);
        }
    }
}
