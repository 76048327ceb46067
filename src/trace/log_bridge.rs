//! Records of the crate `log` in traces.

use std::fmt;

use log::kv::{self, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};

use super::is_enabled;
use super::note::{Message, Note, cut};
use crate::sched::annotations;

/// A logger that puts records into the trace, and passes them on to another logger.
///
/// A record is a log of the task that the current goroutine [works for](super::Task::enter). Its
/// category is the record's target, its message begins with the level and ends with the record's
/// keys and values, as in `INFO the guest is served order=7`. Nothing is formatted for the trace
/// while none is taken.
///
/// The levels of this logger are those of the trace alone; the other logger filters for itself. The
/// maximum of the crate `log` counts for both.
///
/// # Examples
/// ```
/// use gort::trace::LogBridge;
/// use log::LevelFilter;
/// # struct Stderr;
/// # impl log::Log for Stderr {
/// #     fn enabled(&self, _: &log::Metadata) -> bool { true }
/// #     fn log(&self, record: &log::Record) { eprintln!("{}", record.args()) }
/// #     fn flush(&self) {}
/// # }
///
/// let bridge = LogBridge::new().level(LevelFilter::Debug).pass_on(Stderr);
/// log::set_boxed_logger(Box::new(bridge)).unwrap();
/// log::set_max_level(LevelFilter::Debug);
/// ```
///
/// # Go
/// Go has none: packages `log` and `log/slog` know nothing of traces.
pub struct LogBridge {
    level: LevelFilter,
    next: Option<Box<dyn Log>>,
}

impl LogBridge {
    /// Of all levels, and with no other logger.
    pub fn new() -> LogBridge {
        LogBridge { level: LevelFilter::Trace, next: None }
    }

    /// Puts records of this level and more important ones into the trace.
    #[must_use]
    pub fn level(mut self, level: LevelFilter) -> LogBridge {
        self.level = level;
        self
    }

    /// Passes all records on to `next`, in the trace or not.
    #[must_use]
    pub fn pass_on(self, next: impl Log + 'static) -> LogBridge {
        self.pass_on_boxed(Box::new(next))
    }

    /// As [`LogBridge::pass_on`].
    #[must_use]
    pub fn pass_on_boxed(mut self, next: Box<dyn Log>) -> LogBridge {
        self.next = Some(next);
        self
    }

    fn is_traced(&self, level: Level) -> bool {
        is_enabled() && level <= self.level
    }
}

impl Default for LogBridge {
    fn default() -> LogBridge {
        LogBridge::new()
    }
}

impl Log for LogBridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.is_traced(metadata.level())
            || self.next.as_ref().is_some_and(|next| next.enabled(metadata))
    }

    fn log(&self, record: &Record<'_>) {
        if self.is_traced(record.level()) {
            write(record);
        }
        if let Some(next) = &self.next {
            next.log(record);
        }
    }

    fn flush(&self) {
        if let Some(next) = &self.next {
            next.flush();
        }
    }
}

impl fmt::Debug for LogBridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogBridge").field("level", &self.level).finish_non_exhaustive()
    }
}

/// The message is formatted before the runtime is entered: what it shows is the user's.
fn write(record: &Record<'_>) {
    let mut message = Message::of(format_args!("{} {}", record.level(), record.args()));
    // Neither a source nor this fails for reasons of its own.
    let _ = record.key_values().visit(&mut Values(&mut message));
    let (category, message) = (cut(record.target()), message.text());
    Note::Log { task: annotations::task(), category, message }.write();
}

/// Adds keys and values.
struct Values<'a>(&'a mut Message);

impl<'v> VisitSource<'v> for Values<'_> {
    fn visit_pair(&mut self, key: kv::Key<'v>, value: kv::Value<'v>) -> Result<(), kv::Error> {
        self.0.put(format_args!(" {key}={value}"));
        Ok(())
    }
}
