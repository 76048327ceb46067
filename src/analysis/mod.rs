//! What a trace says: answers with types of their own, which [`render`](crate::render) shows.
//!
//! Each analysis is told the events of a trace in their order, and then has its answer; a pair of
//! them listens at once. As JSON an answer is what its fields are: names and meanings are those of the
//! types here, times are in nanoseconds, and moments count from the trace's first event.
//!
//! # Examples
//! ```no_run
//! use gort::analysis::{self, Summary, Tasks};
//! use gort::reader::Reader;
//!
//! let listeners = (Summary::listener(), Tasks::listener());
//! let ((summary, tasks), damage) = analysis::run(Reader::open("program.trace")?, listeners);
//! println!("{} events in {} ns", summary.events, summary.duration_ns);
//! println!("{} kinds of tasks", tasks.groups.len());
//! if let Some(damage) = damage {
//!     println!("and then: {damage}");
//! }
//! # Ok::<(), gort::reader::Error>(())
//! ```

#![forbid(unsafe_code)]

mod blocking;
mod buckets;
mod choice;
mod critical_path;
mod difference;
mod distribution;
mod filter;
mod goroutines;
mod hand_offs;
mod histogram;
mod latency;
mod leaks;
mod life;
mod listener;
mod lives;
pub(crate) mod moments;
mod mutator;
mod mutator_function;
mod path_end;
mod path_walk;
mod profile;
mod reasons;
mod regions;
mod sampled;
mod selection;
mod spent;
mod stacks;
mod stays;
mod summary;
mod task_lives;
mod tasks;
pub(crate) mod texts;
mod timeline_row;
mod timelines;
mod utilization;
mod wakeups;

pub use blocking::{BlockedFunction, BlockedReason, BlockedStack, Blocking};
pub use critical_path::{
    CriticalPath, PathFunction, PathQuery, PathStep, PathTimes, critical_path,
};
pub use difference::{Change, Difference, DurationChange, FunctionChange, LatencyChange, Traits};
pub use distribution::Distribution;
pub use filter::{Filter, Matcher};
pub use goroutines::{Goroutine, GoroutineGroup, Goroutines};
pub use hand_offs::{HandOff, HandOffStack, HandOffs};
pub use histogram::{Bucket, Delays};
pub use latency::{Latency, LatencyGroup, LatencyStack};
pub use leaks::{Leak, LeakGroup, Leaks};
pub use listener::{Listener, run};
pub use mutator::{MutatorOptions, MutatorUtilization, MutatorWindow};
pub use profile::{Profile, ProfileKind, ProfileSample};
pub use regions::{Place, Region, RegionGroup, Regions};
pub use sampled::{Sample, Sampled};
pub use selection::Selection;
pub use spent::Times;
pub use summary::{Count, Summary};
pub use tasks::{Log, Task, TaskGroup, TaskRegion, Tasks};
pub use timelines::{Timeline, TimelineGoroutine, TimelineStay, Timelines, TimelinesQuery};
pub use utilization::{ProcUtilization, Utilization, UtilizationStep};
pub use wakeups::{WakeupPair, WakeupStacks, WakeupTimes, Wakeups};
