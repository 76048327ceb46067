//! What took the time between two points: the chain of who waited for whom that ends at the later one.

use std::io::{Read, Seek};

use serde::Serialize;

use super::path_end::{self, End};
use super::path_walk::Walk;
use super::regions::Place;
use crate::reader::{Error, GoID, TaskID};

/// Between which points a critical path is looked for.
///
/// Without a goroutine and a task it ends where the last goroutine ran that is not the runtime's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathQuery {
    /// It ends with this goroutine: where that ends, unless it is to be earlier.
    pub goroutine: Option<GoID>,
    /// It begins and ends with this task.
    pub task: Option<TaskID>,
    /// It begins then, in nanoseconds since the trace's first event.
    pub from_ns: Option<i64>,
    /// It ends then, or where the goroutine ran last before that.
    pub to_ns: Option<i64>,
    /// So many of its steps are kept, the longest ones.
    pub max_steps: usize,
}

impl Default for PathQuery {
    fn default() -> PathQuery {
        let (goroutine, task, from_ns, to_ns) = (None, None, None, None);
        PathQuery { goroutine, task, from_ns, to_ns, max_steps: 1000 }
    }
}

/// A critical path: it is followed backward, from a goroutine to who woke it, and so on.
///
/// At each moment one goroutine is on it, and the steps have together all the time. A goroutine that
/// waits is on the path only where nobody is known to have ended that: timers, the network, and other
/// programs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CriticalPath {
    /// Where it begins, which is later than was asked for where the first goroutine was made.
    pub from_ns: i64,
    /// Where it ends.
    pub to_ns: i64,
    /// The goroutine it ends with.
    pub goroutine: i64,
    /// All together.
    pub times: PathTimes,
    /// By the function the goroutines began in; those that took longest first.
    pub functions: Vec<PathFunction>,
    /// The longest steps, in the order of time.
    pub steps: Vec<PathStep>,
    /// How many steps are not among those.
    pub steps_left_out: u64,
}

/// How long goroutines on the path were in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PathTimes {
    /// All together.
    pub total_ns: i64,
    /// Running.
    pub running_ns: i64,
    /// Woken, but without a processor.
    pub runnable_ns: i64,
    /// In system calls.
    pub syscall_ns: i64,
    /// Waiting for what is not in the trace.
    pub waiting_ns: i64,
}

/// Goroutines that began in the same function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PathFunction {
    /// The function.
    pub function: String,
    /// Their times on the path.
    pub times: PathTimes,
}

/// A step of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PathStep {
    /// When it begins.
    pub begin_ns: i64,
    /// How long it takes.
    pub duration_ns: i64,
    /// Whose it is.
    pub goroutine: i64,
    /// The function that one began in.
    pub function: String,
    /// `Running`, `Runnable`, `Syscall` or `Waiting`.
    pub state: &'static str,
    /// What it waits for, or, where it is runnable, had waited for. Empty where it was made.
    pub reason: String,
    /// Where it is runnable: who woke it, or made it.
    pub woken_by: Option<i64>,
    /// Where it is runnable: how long it had waited, which is not on the path.
    pub waited_ns: i64,
    /// Where it runs: the stack on which it stopped or woke the next one. Where it waits or is in a
    /// system call: the stack of that. Where it is runnable: that of who woke it.
    pub stack: Vec<Place>,
}

/// Finds a critical path; and the damage that the trace breaks off at, if there is any.
///
/// The trace is read once to its end, and then once more from there backward, a generation at a time,
/// as far as the path goes. No path is `None`: there is no such goroutine or task.
///
/// Memory is taken by a generation, not by the trace: its bytes, and 32 more for each change of state.
///
/// # Errors
/// When the input cannot be read, or is no trace. Damage is none: the path is then of what comes before.
pub fn critical_path(
    mut input: impl Read + Seek + Send,
    query: &PathQuery,
) -> Result<(Option<CriticalPath>, Option<Error>), Error> {
    let (end, damage) = path_end::find(&mut input, query)?;
    let Some(end) = end else { return Ok((None, damage)) };
    let End { first, version, generations, goroutine, from, to } = end;
    let mut walk = Walk::new(goroutine, from, to, query.max_steps);
    for generation in generations.iter().rev() {
        if generation.begin <= to && !walk.generation(&mut input, version, generation, first)? {
            break;
        }
    }
    Ok((Some(walk.finish(goroutine)), damage))
}
