//! What became of tasks.

use super::texts::TextId;
use crate::reader::hash::Map;
use crate::reader::{GoID, Task, TaskID};

/// All tasks that were mentioned.
#[derive(Debug, Default)]
pub(crate) struct TaskLives {
    pub(crate) all: Vec<TaskLife>,
    by_id: Map<TaskID, usize>,
}

/// A task.
#[derive(Debug)]
pub(crate) struct TaskLife {
    pub(crate) id: TaskID,
    /// Empty where it is not known.
    pub(crate) name: TextId,
    pub(crate) parent: Option<TaskID>,
    pub(crate) begin: Option<i64>,
    pub(crate) end: Option<i64>,
    /// Who began it.
    pub(crate) goroutine: Option<GoID>,
    pub(crate) logs: Vec<LogLife>,
    /// Places in the list of all regions.
    pub(crate) regions: Vec<usize>,
}

impl TaskLife {
    /// Of one that begins and ends in the trace.
    pub(crate) fn duration_ns(&self) -> Option<i64> {
        Some(self.end? - self.begin?)
    }
}

/// A message.
#[derive(Debug)]
pub(crate) struct LogLife {
    pub(crate) time: i64,
    pub(crate) goroutine: GoID,
    pub(crate) category: TextId,
    pub(crate) message: String,
}

impl TaskLives {
    fn task(&mut self, id: TaskID, empty: TextId) -> &mut TaskLife {
        let next = self.all.len();
        let at = *self.by_id.entry(id).or_insert(next);
        if at == next {
            self.all.push(TaskLife {
                id,
                name: empty,
                parent: None,
                begin: None,
                end: None,
                goroutine: None,
                logs: Vec::new(),
                regions: Vec::new(),
            });
        }
        &mut self.all[at]
    }

    pub(crate) fn begins(&mut self, task: Task, name: TextId, by: GoID, now: i64, empty: TextId) {
        let life = self.named(task, name, empty);
        life.begin = Some(now);
        life.goroutine = Some(by);
    }

    pub(crate) fn ends(&mut self, task: Task, name: TextId, now: i64, empty: TextId) {
        self.named(task, name, empty).end = Some(now);
    }

    /// The parent is a task that was mentioned, too.
    fn named(&mut self, task: Task, name: TextId, empty: TextId) -> &mut TaskLife {
        if task.parent != TaskID::NONE {
            self.task(task.parent, empty);
        }
        let life = self.task(task.id, empty);
        life.name = name;
        if life.parent.is_none() && task.parent != TaskID::NONE {
            life.parent = Some(task.parent);
        }
        life
    }

    pub(crate) fn region(&mut self, task: TaskID, at: usize, empty: TextId) {
        self.task(task, empty).regions.push(at);
    }

    pub(crate) fn log(&mut self, task: TaskID, log: LogLife, empty: TextId) {
        self.task(task, empty).logs.push(log);
    }
}
