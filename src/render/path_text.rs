//! A critical path as text.

use super::duration::{seconds, text as ns};
use super::report::{Detail, Report};
use super::table::{Style, Table};
use super::wakeups_text::place;
use crate::analysis::{CriticalPath, PathStep, PathTimes};

const TIMES: [&str; 5] = ["total", "running", "runnable", "syscall", "waiting"];

impl Report for CriticalPath {
    fn text(&self, _: &Detail, style: Style) -> String {
        let mut text = format!(
            "from {} to {}, ends with goroutine {}\n\n",
            seconds(self.from_ns),
            seconds(self.to_ns),
            self.goroutine
        );
        let mut functions = Table::new(&[&TIMES[..], &["function"]].concat());
        functions.row(times(&self.times).chain(["(all)".to_owned()]).collect());
        for function in &self.functions {
            functions.row(times(&function.times).chain([function.function.clone()]).collect());
        }
        text += &functions.text(style);
        text.push('\n');
        let mut steps = Table::new(&["from", "lasts", "goroutine", "state", "what"]);
        for step in &self.steps {
            let state = step.state.to_lowercase();
            let first = [seconds(step.begin_ns), ns(step.duration_ns), step.goroutine.to_string()];
            steps.row(first.into_iter().chain([state, what(step)]).collect());
        }
        text += &steps.text(style);
        if self.steps_left_out > 0 {
            text += &format!("and {} shorter steps\n", self.steps_left_out);
        }
        text
    }
}

fn times(times: &PathTimes) -> impl Iterator<Item = String> {
    let PathTimes { total_ns, running_ns, runnable_ns, syscall_ns, waiting_ns } = *times;
    [total_ns, running_ns, runnable_ns, syscall_ns, waiting_ns].into_iter().map(ns)
}

fn what(step: &PathStep) -> String {
    let mut what = format!("{}: {}", step.function, place(&step.stack));
    if let Some(waker) = step.woken_by {
        what += &format!(", woken by goroutine {waker}");
    }
    if step.waited_ns > 0 {
        what += &format!(" after {}", ns(step.waited_ns));
    }
    if !step.reason.is_empty() {
        what += &format!(" ({})", step.reason);
    }
    what
}
