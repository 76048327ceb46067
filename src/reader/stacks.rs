//! The table of stacks of a generation.

use super::bytes::Cursor;
use super::error::{Error, ErrorKind};
use super::hash::Map;
use super::ids::{StackId, StringId};
use super::strings::Strings;
use super::table::Ids;
use crate::wire::encode::MAX_STACK_FRAMES;
use crate::wire::event::EventType;

/// A frame of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The program counter, or what stands for it: in a generation, equal ones are equal frames.
    pub pc: u64,
    /// The function.
    pub function: StringId,
    /// Its file.
    pub file: StringId,
    /// The line.
    pub line: u64,
}

/// The stacks of a generation.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    ids: Ids,
    /// All frames there are.
    frames: Vec<Frame>,
    /// The frames of all stacks, one after the other.
    members: Vec<u32>,
    /// Where each stack ends: the first is the empty one.
    ends: Vec<u32>,
}

/// Stacks while their batches are read.
#[derive(Debug, Default)]
pub(crate) struct StacksBuilder {
    ids: Vec<u64>,
    /// The frames as they are in the file: program counter, function, file, line.
    frames: Vec<[u64; 4]>,
    /// The place in `frames`, by program counter.
    by_pc: Map<u64, u32>,
    members: Vec<u32>,
    ends: Vec<u32>,
}

impl StacksBuilder {
    /// Adds the stacks of a batch. Errors have the place in `data`.
    pub(crate) fn add(&mut self, data: &[u8]) -> Result<(), Error> {
        let mut cursor = Cursor::new(data, 1);
        while !cursor.is_at_end() {
            let at = cursor.at() as u64;
            self.add_stack(&mut cursor).map_err(|error| error.at(at))?;
        }
        Ok(())
    }

    fn add_stack(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        let marker = cursor.byte().unwrap_or_default();
        if marker != EventType::Stack as u8 {
            return Err(wrong(format!("expected a stack, found a byte {marker}")));
        }
        let mut number = |what| cursor.number().map_err(|why| why.error(ErrorKind::Table, what));
        let id = number("a stack's id")?;
        let frames = number("a stack's number of frames")?;
        if frames > MAX_STACK_FRAMES as u64 {
            let what =
                format!("expected a stack of at most {MAX_STACK_FRAMES} frames, found {frames}");
            return Err(wrong(what));
        }
        for _ in 0..frames {
            let mut frame = [0; 4];
            for (field, name) in frame.iter_mut().zip(["pc", "function", "file", "line"]) {
                *field = number(name)?;
            }
            self.add_frame(frame)?;
        }
        self.ends.push(place(self.members.len())?);
        self.ids.push(id);
        Ok(())
    }

    /// Of a program counter the first frame counts.
    fn add_frame(&mut self, frame: [u64; 4]) -> Result<(), Error> {
        let next = place(self.frames.len())?;
        let member = *self.by_pc.entry(frame[0]).or_insert(next);
        if member == next {
            self.frames.push(frame);
        }
        self.members.push(member);
        Ok(())
    }

    /// The table, whose strings must all be there.
    pub(crate) fn finish(self, strings: &Strings) -> Result<Stacks, Error> {
        let ids = Ids::new(&self.ids);
        let ids = ids.map_err(|id| wrong(format!("expected a stack {id} once, found it twice")))?;
        let string = |id, what| {
            let missing =
                || wrong(format!("expected string {id} (a frame's {what}), but there is none"));
            strings.find(id).ok_or_else(missing)
        };
        let frame = |&[pc, function, file, line]: &[u64; 4]| {
            let (function, file) = (string(function, "function")?, string(file, "file")?);
            Ok(Frame { pc, function, file, line })
        };
        let frames = self.frames.iter().map(frame).collect::<Result<_, Error>>()?;
        Ok(Stacks { ids, frames, members: self.members, ends: self.ends })
    }
}

fn place(of: usize) -> Result<u32, Error> {
    u32::try_from(of).map_err(|_| wrong("more than 4,294,967,295 frames".into()))
}

#[cold]
fn wrong(what: String) -> Error {
    Error::new(ErrorKind::Table, what)
}

impl Stacks {
    /// The stack with this id in the file.
    #[inline(always)]
    pub(crate) fn find(&self, id: u64) -> Option<StackId> {
        self.ids.place(id).map(StackId)
    }

    /// The frames of a stack, innermost first; none for one of another generation.
    pub(crate) fn frames(&self, id: StackId) -> impl ExactSizeIterator<Item = Frame> {
        self.members(id).iter().map(|&member| self.frames[member as usize])
    }

    fn members(&self, id: StackId) -> &[u32] {
        let Some(at) = (id.0 as usize).checked_sub(1) else { return &[] };
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let end = self.ends.get(at).copied().unwrap_or(0);
        self.members.get(begin.unwrap_or(0) as usize..end as usize).unwrap_or(&[])
    }
}
