//! Logs: messages at one moment.

use std::fmt;

use super::is_enabled;
use super::note::{Message, Note, cut};
use crate::Context;
use crate::sched::annotations;

/// Puts a message into the trace. The category groups messages; it may be empty. Texts longer
/// than 1024 bytes are cut. [`logf!`](super::logf) formats one.
///
/// # Go
/// `trace.Log`.
#[inline]
pub fn log(ctx: &Context, category: &str, message: &str) {
    if is_enabled() {
        write(ctx.task(), category, message);
    }
}

/// Puts a message into the trace, as [`log()`], of the task that the current goroutine works for: see
/// [`Task::enter`](super::Task::enter). [`eventf!`](super::eventf) formats one.
///
/// # Go
/// Go has tasks in contexts only: `trace.Log`.
#[inline]
pub fn event(category: &str, message: &str) {
    if is_enabled() {
        write(annotations::task(), category, message);
    }
}

#[inline(never)]
fn write(task: u64, category: &str, message: &str) {
    Note::Log { task, category: cut(category), message: cut(message) }.write();
}

/// What [`logf!`](super::logf) calls.
#[doc(hidden)]
#[inline(never)]
pub fn log_arguments(ctx: &Context, category: &str, message: fmt::Arguments<'_>) {
    write(ctx.task(), category, Message::of(message).text());
}

/// What [`eventf!`](super::eventf) calls.
#[doc(hidden)]
#[inline(never)]
pub fn event_arguments(category: &str, message: fmt::Arguments<'_>) {
    write(annotations::task(), category, Message::of(message).text());
}

#[doc(hidden)]
#[macro_export]
macro_rules! __trace_logf {
    ($ctx:expr, $category:expr, $($message:tt)+) => {
        if $crate::trace::is_enabled() {
            $crate::trace::log_arguments($ctx, $category, ::core::format_args!($($message)+));
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __trace_eventf {
    ($category:expr, $($message:tt)+) => {
        if $crate::trace::is_enabled() {
            $crate::trace::event_arguments($category, ::core::format_args!($($message)+));
        }
    };
}
