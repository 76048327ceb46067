//! The streamed trace's own thread: looks up names and calls the user's writer, which may take as
//! long as it likes. The thread that cuts generations only puts them into the queue here.
//!
//! What waits in the queue is limited. Where more comes, the trace ends behind what is in the queue,
//! or, if it may go on in another file, leaves generations out until half of the queue is written.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex};

use super::Sampling;
use super::sealed::Sealed;
use super::session::{Failure, Report, Settings};
use super::writer::{GenerationWriter, Out};
use crate::sys::thread;

/// The thread that writes the trace of now, 0 for none.
static WRITING: AtomicU64 = AtomicU64::new(0);

/// Whether the caller writes the trace of now: the user's writer calls.
pub(super) fn is_here() -> bool {
    WRITING.load(Ordering::Relaxed) == thread::id()
}

/// What the writing thread is told.
enum Item {
    /// The trace has begun.
    Begin,
    Generation(Arc<Sealed>),
    /// Here generations were left out.
    Gap,
    /// Nothing more comes.
    End(Result<(), Failure>),
    /// The trace has not begun after all.
    Never,
}

struct Queue {
    items: Mutex<VecDeque<Item>>,
    more: Condvar,
    /// Bytes of the generations that wait here, or are being written.
    bytes: AtomicUsize,
    /// Nothing more can be written.
    is_broken: AtomicBool,
}

impl Queue {
    fn push(&self, item: Item) {
        self.items.lock().push_back(item);
        self.more.notify_one();
    }

    fn pop(&self) -> Item {
        let mut items = self.items.lock();
        loop {
            match items.pop_front() {
                Some(item) => return item,
                None => self.more.wait(&mut items),
            }
        }
    }
}

/// The end of the queue where generations go in.
pub(super) struct Outlet {
    queue: Arc<Queue>,
    /// The most bytes that may wait.
    limit: usize,
    /// The trace may go on in another file.
    rolls_over: bool,
    is_leaving_out: bool,
    is_overfull: bool,
    is_ended: bool,
    /// CPU samples are taken for it.
    sampling: Option<Sampling>,
}

/// Called on the writing thread, when it has nothing more to do with the user's writer.
pub(super) type Finished = Box<dyn FnOnce(Result<Report, Failure>) + Send>;

impl Outlet {
    /// Starts the thread, which waits for [`begin`](Self::begin). `broke` is called when writing
    /// has failed, `finished` at the end.
    pub(super) fn new(
        out: Out,
        settings: Settings,
        sampling: Option<Sampling>,
        broke: fn(),
        finished: Finished,
    ) -> io::Result<Outlet> {
        let Settings { version, limit_bytes, roll_over, .. } = settings;
        let rolls_over = roll_over.is_some();
        let queue = Arc::new(Queue {
            items: Mutex::new(VecDeque::new()),
            more: Condvar::new(),
            bytes: AtomicUsize::new(0),
            is_broken: AtomicBool::new(false),
        });
        let writer = GenerationWriter::new(out, version, roll_over);
        let end = Arc::clone(&queue);
        let run = move || Writing { queue: end, writer }.run(broke, finished);
        std::thread::Builder::new().name("gort-trace-out".into()).spawn(run)?;
        Ok(Outlet {
            queue,
            limit: limit_bytes,
            rolls_over,
            is_leaving_out: false,
            is_overfull: false,
            is_ended: false,
            sampling,
        })
    }

    pub(super) fn begin(&self) {
        self.queue.push(Item::Begin);
    }

    /// Whether any generation may be the first of a file, and must be able to.
    pub(super) fn rolls_over(&self) -> bool {
        self.rolls_over
    }

    /// The most bytes that the next generation may have.
    pub(super) fn room(&self) -> usize {
        self.limit.saturating_sub(self.queue.bytes.load(Ordering::Relaxed))
    }

    /// The most bytes that may wait.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether the trace ends, and not because somebody wants it to.
    pub(super) fn is_over(&self) -> bool {
        self.is_overfull || self.queue.is_broken.load(Ordering::Relaxed)
    }

    /// Takes the next generation; `None`: some of it was dropped.
    pub(super) fn put(&mut self, sealed: Option<&Arc<Sealed>>) {
        if self.is_over() {
            return;
        }
        let waiting = self.queue.bytes.load(Ordering::Relaxed);
        let limit = if self.is_leaving_out { self.limit / 2 } else { self.limit };
        match sealed {
            Some(sealed) if waiting + sealed.bytes() <= limit || waiting == 0 => {
                if std::mem::take(&mut self.is_leaving_out) {
                    self.queue.push(Item::Gap);
                }
                self.queue.bytes.fetch_add(sealed.bytes(), Ordering::Relaxed);
                self.queue.push(Item::Generation(Arc::clone(sealed)));
            }
            _ if self.rolls_over => self.is_leaving_out = true,
            _ => self.is_overfull = true,
        }
    }

    /// Nothing more comes.
    pub(super) fn end(mut self) {
        let result = if self.is_overfull { Err(Failure::Overflow) } else { Ok(()) };
        self.end_with(result);
    }

    /// Nothing more comes, as the thread that cuts has died.
    pub(super) fn end_by_death(mut self) {
        self.end_with(Err(Failure::Died));
    }

    /// The trace has not begun after all; the writer is dropped.
    pub(super) fn never(mut self) {
        self.is_ended = true;
        self.queue.push(Item::Never);
    }

    fn end_with(&mut self, result: Result<(), Failure>) {
        self.is_ended = true;
        self.sampling = None;
        if self.is_leaving_out {
            self.queue.push(Item::Gap);
        }
        self.queue.push(Item::End(result));
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        // Only when the thread that cuts unwinds.
        if !self.is_ended {
            self.end_with(Err(Failure::Died));
        }
    }
}

/// The thread's state.
struct Writing {
    queue: Arc<Queue>,
    writer: GenerationWriter,
}

impl Writing {
    fn run(mut self, broke: fn(), finished: Finished) {
        if matches!(self.queue.pop(), Item::Never) {
            drop(self.writer.finish());
            return;
        }
        WRITING.store(thread::id(), Ordering::Relaxed);
        let result = catch_unwind(AssertUnwindSafe(|| self.write()));
        let result = match result.unwrap_or(Err(Broken(Failure::Died))) {
            Ok(result) => result,
            Err(Broken(failure)) => {
                self.queue.is_broken.store(true, Ordering::Relaxed);
                broke();
                while !matches!(self.queue.pop(), Item::End(_)) {}
                Err(failure)
            }
        };
        let report = self.writer.finish();
        // The next trace begins when this one has finished.
        WRITING.store(0, Ordering::Relaxed);
        finished(result.map(|()| report));
    }

    /// Writes until the end comes, and returns how it came.
    fn write(&mut self) -> Result<Result<(), Failure>, Broken> {
        self.writer.header().map_err(Broken)?;
        loop {
            match self.queue.pop() {
                Item::Generation(sealed) => {
                    self.writer.write(&sealed).map_err(Broken)?;
                    self.queue.bytes.fetch_sub(sealed.bytes(), Ordering::Relaxed);
                }
                Item::Gap => self.writer.break_off(),
                Item::End(result) => return Ok(result),
                Item::Begin | Item::Never => unreachable!("it has begun"),
            }
        }
    }
}

/// Why nothing more can be written.
struct Broken(Failure);
