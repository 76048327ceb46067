//! Tasks by name, with how long they took and what they said.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Listener;
use super::distribution::Distribution;
use super::listener::Then;
use super::lives::Lives;
use super::task_lives::{LogLife, TaskLife};

/// All tasks of a trace, in groups, by name.
///
/// Regions and messages outside of tasks are those of task 0, whose name is empty, as is that of tasks
/// that began before the trace.
///
/// # Go
/// The pages `/usertasks` and `/usertask` of `go tool trace`, with the same figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tasks {
    /// The groups.
    pub groups: Vec<TaskGroup>,
}

/// Tasks with the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TaskGroup {
    /// The name.
    pub name: String,
    /// How many there are.
    pub count: u64,
    /// How long those took that begin and end in the trace.
    pub durations: Distribution,
    /// Each of them, in the order in which they were first mentioned.
    pub tasks: Vec<Task>,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Its number.
    pub id: u64,
    /// The task it is a part of; 0 is none. Missing where that is not known.
    pub parent: Option<u64>,
    /// The goroutine that began it.
    pub goroutine: Option<i64>,
    /// When it began. Missing where that was before the trace.
    pub begin_ns: Option<i64>,
    /// When it ended. Missing where that was after the trace.
    pub end_ns: Option<i64>,
    /// What was logged for it.
    pub logs: Vec<Log>,
    /// Its regions, in the order in which they began.
    pub regions: Vec<TaskRegion>,
}

/// A region of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TaskRegion {
    /// Its name.
    pub name: String,
    /// The goroutine it was in.
    pub goroutine: i64,
    /// When it began. Missing where that was before the trace.
    pub begin_ns: Option<i64>,
    /// When it ended. Missing where that was after the trace.
    pub end_ns: Option<i64>,
}

/// A message of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Log {
    /// When it was logged.
    pub time_ns: i64,
    /// The goroutine that logged it.
    pub goroutine: i64,
    /// Its category, which may be empty.
    pub category: String,
    /// Its text.
    pub message: String,
}

impl Tasks {
    /// What to give to [`run`](super::run).
    pub fn listener() -> impl Listener<Answer = Tasks> {
        Then(Lives::new(), |lives| Tasks::new(&lives))
    }

    fn new(lives: &Lives) -> Tasks {
        let mut groups = BTreeMap::<&str, Vec<&TaskLife>>::new();
        for life in &lives.tasks.all {
            groups.entry(lives.texts.text(life.name)).or_default().push(life);
        }
        let group = |(name, all): (&str, Vec<&TaskLife>)| TaskGroup::new(lives, name, &all);
        Tasks { groups: groups.into_iter().map(group).collect() }
    }
}

impl TaskGroup {
    fn new(lives: &Lives, name: &str, all: &[&TaskLife]) -> TaskGroup {
        let durations = all.iter().filter_map(|task| task.duration_ns()).collect();
        TaskGroup {
            name: name.to_owned(),
            count: all.len() as u64,
            durations: Distribution::new(durations),
            tasks: all.iter().map(|life| Task::new(lives, life)).collect(),
        }
    }
}

impl Task {
    fn new(lives: &Lives, life: &TaskLife) -> Task {
        Task {
            id: life.id.0,
            parent: life.parent.map(|parent| parent.0),
            goroutine: life.goroutine.map(|goroutine| goroutine.0),
            begin_ns: life.begin,
            end_ns: life.end,
            logs: life.logs.iter().map(|log| Log::new(lives, log)).collect(),
            regions: life.regions.iter().map(|&at| TaskRegion::new(lives, at)).collect(),
        }
    }
}

impl TaskRegion {
    fn new(lives: &Lives, at: usize) -> TaskRegion {
        let life = &lives.regions[at];
        TaskRegion {
            name: lives.texts.text(life.name).to_owned(),
            goroutine: life.goroutine.0,
            begin_ns: life.begin,
            end_ns: life.end,
        }
    }
}

impl Log {
    fn new(lives: &Lives, life: &LogLife) -> Log {
        Log {
            time_ns: life.time,
            goroutine: life.goroutine.0,
            category: lives.texts.text(life.category).to_owned(),
            message: life.message.clone(),
        }
    }
}
