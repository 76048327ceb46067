//! What a format has to be able to show.

use crate::reader::{Generation, StackId};

/// Where something is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A processor.
    Proc(i64),
    /// The garbage collector.
    Collector,
    /// What the network makes happen.
    Network,
    /// What the runtime does without a processor.
    Runtime,
    /// A task.
    Task(u64),
    /// The regions of a goroutine.
    Regions(i64),
}

/// A figure that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counter {
    Running,
    Runnable,
    Waiting,
    Syscall,
    /// Processors that threads have.
    Threads,
    HeapAllocated,
    HeapGoal,
    MaxProcs,
}

/// What is said of something besides its name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arg<'a> {
    Number(i64),
    Text(&'a str),
}

/// An end of an arrow from who wakes to who is woken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Arrow {
    #[default]
    None,
    From(u64),
    To(u64),
}

/// Something on a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark<'a> {
    pub(super) name: &'a str,
    pub(super) stack: StackId,
    pub(super) arrow: Arrow,
    pub(super) args: &'a [(&'static str, Arg<'a>)],
}

impl<'a> Mark<'a> {
    pub(super) fn new(name: &'a str, stack: StackId) -> Mark<'a> {
        Mark { name, stack, arrow: Arrow::None, args: &[] }
    }
}

/// When something is, and where it is written.
pub(super) struct At<'a> {
    /// The generation that stacks are of.
    pub(super) generation: &'a Generation,
    /// Nanoseconds since the first event.
    pub(super) now: i64,
    pub(super) out: &'a mut Vec<u8>,
}

/// A format, which is told what happens in its order. On a row what begins last ends first.
pub(super) trait Stage {
    /// Before everything.
    fn open(&mut self, out: &mut Vec<u8>);
    /// Another generation begins, with stacks of its own.
    fn begin_generation(&mut self);
    /// There is a row, of which nothing was shown yet.
    fn row(&mut self, row: Row, name: &str, out: &mut Vec<u8>);
    /// Something begins.
    fn begin(&mut self, at: &mut At<'_>, row: Row, mark: Mark<'_>);
    /// What began last on the row ends. The mark has no name.
    fn end(&mut self, at: &mut At<'_>, row: Row, mark: Mark<'_>);
    /// Something happens that takes no time.
    fn instant(&mut self, at: &mut At<'_>, row: Row, mark: Mark<'_>);
    /// A figure has another value.
    fn count(&mut self, at: &mut At<'_>, counter: Counter, value: i64);
    /// After everything.
    fn close(&mut self, out: &mut Vec<u8>);
}
