//! [`Select`]: a select whose arms are known at run time only.

use std::fmt;
use std::time::Duration;

use super::arms::{AfterArm, Handled, RecvArm, SendArm, choose_handled};
use crate::chan::{Receiver, RecvError, SendError, Sender};

/// A select over any number of channels. Each arm has a function for its result; that of the
/// chosen arm is called, and what it returns is the select's value.
///
/// Where the arms are known when the program is written, [`select!`](crate::select!) is shorter
/// and takes no memory of the heap.
///
/// # Examples
/// ```
/// use gort::select::Select;
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         let (txs, rxs): (Vec<_>, Vec<_>) = (0..20).map(|_| gort::chan(1)).unzip();
///         txs[7].send("seven").unwrap();
///         let mut select = Select::new();
///         for (n, rx) in rxs.iter().enumerate() {
///             select = select.recv(rx, move |message| (n, message));
///         }
///         assert_eq!(select.wait(), (7, Ok("seven")));
///     })
/// };
/// ```
///
/// # Go
/// `reflect.Select`.
pub struct Select<'a, R> {
    arms: Vec<Box<dyn Handled<R> + 'a>>,
}

impl<'a, R: 'a> Select<'a, R> {
    /// Without arms.
    pub fn new() -> Select<'a, R> {
        Select { arms: Vec::new() }
    }

    /// Adds a receive.
    #[must_use]
    pub fn recv<T, F>(mut self, receiver: &'a Receiver<T>, handler: F) -> Select<'a, R>
    where
        F: FnOnce(Result<T, RecvError>) -> R + 'a,
    {
        self.arms.push(Box::new((RecvArm::new(Some(receiver)), handler)));
        self
    }

    /// Adds a send. If another arm is chosen, the value is dropped.
    #[must_use]
    pub fn send<T, F>(mut self, sender: &'a Sender<T>, value: T, handler: F) -> Select<'a, R>
    where
        T: 'a,
        F: FnOnce(Result<(), SendError<T>>) -> R + 'a,
    {
        self.arms.push(Box::new((SendArm::new(Some(sender), value), handler)));
        self
    }

    /// Adds the end of a time, counted from the call of [`Select::wait`].
    #[must_use]
    pub fn after<F>(mut self, timeout: Duration, handler: F) -> Select<'a, R>
    where
        F: FnOnce() -> R + 'a,
    {
        self.arms.push(Box::new((AfterArm(Some(timeout)), move |()| handler())));
        self
    }

    /// The number of arms.
    pub fn len(&self) -> usize {
        self.arms.len()
    }

    /// Whether there are no arms.
    pub fn is_empty(&self) -> bool {
        self.arms.is_empty()
    }

    /// Waits until one of the arms can go on, and returns what its function returns. Without arms
    /// it waits for ever. If several can go on, one of them is chosen at random.
    pub fn wait(self) -> R {
        choose_handled(self.arms, true).expect("a select that waits ends with an arm")
    }

    /// As [`Select::wait`] if an arm can go on now, `None` otherwise.
    ///
    /// # Go
    /// A select with a `default`.
    pub fn poll(self) -> Option<R> {
        choose_handled(self.arms, false)
    }
}

impl<'a, R: 'a> Default for Select<'a, R> {
    fn default() -> Select<'a, R> {
        Select::new()
    }
}

impl<R> fmt::Debug for Select<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select").field("arms", &self.arms.len()).finish()
    }
}
