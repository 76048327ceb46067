//! An annotation on its way into the trace.

use std::fmt::{self, Write as _};

use crate::sched::{Inside, stand_in, tls};
use crate::tracer;
use crate::tracer::emit::Emitter;
use crate::wire::encode::{self, Keep, MAX_STRING_BYTES};

/// An annotation.
pub(super) enum Note<'a> {
    TaskBegin { task: u64, parent: u64, name: &'a str },
    TaskEnd { task: u64 },
    RegionBegin { task: u64, name: &'a str },
    RegionEnd { task: u64, name: &'a str },
    Log { task: u64, category: &'a str, message: &'a str },
}

impl Note<'_> {
    /// Writes the annotation in the name of the current goroutine, with its stack, or of the one
    /// that stands for the calling plain thread. Returns which trace it is in, if one is taken. Never
    /// waits for the scheduler.
    pub(super) fn write(self) -> Option<u32> {
        self.write_if(None)
    }

    /// As [`Note::write`], but only into this trace.
    pub(super) fn write_in(self, trace: u32) -> Option<u32> {
        self.write_if(Some(trace))
    }

    #[inline(never)]
    fn write_if(self, only: Option<u32>) -> Option<u32> {
        let rt = Inside::enter();
        if let Some(m) = rt.m().filter(|m| m.g().is_some()) {
            return m.emit(|emitter| self.emit(emitter, only, |e| m.stack_here(e))).flatten();
        }
        drop(rt);
        let mut written = None;
        if let Some(g) = tls::stand_in() {
            stand_in::annotate(g, |emitter, stack| {
                written = self.emit(emitter, only, |_| stack);
            });
        }
        written
    }

    /// The trace stands still.
    #[inline]
    fn emit(
        &self,
        e: &mut Emitter<'_>,
        only: Option<u32>,
        stack: impl FnOnce(&mut Emitter<'_>) -> u32,
    ) -> Option<u32> {
        let trace = tracer::trace_number();
        if only.is_some_and(|only| only != trace) {
            return None;
        }
        let stack = stack(e);
        match *self {
            Note::TaskBegin { task, parent, name } => {
                let name = e.string(name);
                e.user_task_begin(task, parent, name, stack);
            }
            Note::TaskEnd { task } => e.user_task_end(task, stack),
            Note::RegionBegin { task, name } => {
                let name = e.string(name);
                e.user_region_begin(task, name, stack);
            }
            Note::RegionEnd { task, name } => {
                let name = e.string(name);
                e.user_region_end(task, name, stack);
            }
            Note::Log { task, category, message } => {
                let (category, message) = (e.string(category), e.message(message));
                e.user_log(task, category, message, stack);
            }
        }
        Some(trace)
    }
}

/// As much of a text as the format has room for.
pub(super) fn cut(text: &str) -> &str {
    encode::cut(text, Keep::Head)
}

/// A message in the making, without a word from the allocator: what the format has no room for is
/// formatted, but not kept.
pub(super) struct Message {
    bytes: [u8; MAX_STRING_BYTES],
    len: usize,
    /// Something was not kept, so nothing that follows is.
    is_cut: bool,
}

impl Default for Message {
    fn default() -> Message {
        Message { bytes: [0; MAX_STRING_BYTES], len: 0, is_cut: false }
    }
}

impl Message {
    pub(super) fn of(arguments: fmt::Arguments<'_>) -> Message {
        let mut message = Message::default();
        message.put(arguments);
        message
    }

    /// Adds to it. A `Display` or `Debug` that fails leaves what it has written.
    pub(super) fn put(&mut self, arguments: fmt::Arguments<'_>) {
        let _ = self.write_fmt(arguments);
    }

    pub(super) fn text(&self) -> &str {
        str::from_utf8(&self.bytes[..self.len]).expect("it is made of whole characters")
    }
}

impl fmt::Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !self.is_cut {
            let kept = &text[..text.floor_char_boundary(MAX_STRING_BYTES - self.len)];
            self.bytes[self.len..][..kept.len()].copy_from_slice(kept.as_bytes());
            self.len += kept.len();
            self.is_cut = kept.len() < text.len();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_between_characters() {
        let long = "a".repeat(MAX_STRING_BYTES - 1);
        let message = Message::of(format_args!("{long}{}{}", 'é', 'b'));
        assert_eq!(message.text(), long);
        let message = Message::of(format_args!("{long}{}{}", 'b', 'c'));
        assert_eq!(message.text(), format!("{long}b"));
        assert_eq!(Message::of(format_args!("")).text(), "");
    }
}
