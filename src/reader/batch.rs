//! Batches: what a file is made of.

use std::ops::Range;

use super::bytes::{Cursor, NoNumber};
use super::error::{Error, ErrorKind};
use super::ids::ThreadID;
use super::version::Version;
use crate::wire::encode::{MAX_BATCH_BYTES, MAX_BATCH_HEADER_BYTES};
use crate::wire::event::EventType;

/// A batch among the bytes that have come.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// The number of the experiment whose format it is in; 0 for none.
    pub(crate) experiment: u8,
    pub(crate) generation: u64,
    pub(crate) thread: ThreadID,
    /// What the times in it count from.
    pub(crate) time: u64,
    /// The first byte of its data.
    pub(crate) first: Option<u8>,
    /// Where its data is, from the begin of its generation, or where else one looks from.
    pub(crate) data: Range<usize>,
}

/// What comes next.
pub(crate) enum Piece {
    Batch(Batch),
    /// The mark at the end of a generation.
    End,
    /// The bytes end before the piece does; as the end of a file, that is fine or not.
    More {
        is_end: bool,
    },
}

/// What a batch holds, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Strings,
    Stacks,
    Samples,
    /// The clock: before 1.25 its frequency, later a sync batch.
    Clock,
    EndOfGeneration,
    Experiment,
    Events,
}

/// The piece at `at`, and where the one after it begins.
pub(crate) fn piece(held: &[u8], at: usize) -> Result<(Piece, usize), Error> {
    match any_piece(&mut Cursor::new(held, at))? {
        (Piece::Batch(batch), _) if batch.data.end > held.len() => {
            Ok((Piece::More { is_end: false }, at))
        }
        found => Ok(found),
    }
}

/// More than what comes before the data of a batch takes, and the first byte of the data.
pub(crate) const HEAD_BYTES: usize = MAX_BATCH_HEADER_BYTES + 2;

/// As [`piece`] at the begin of a window, which may end within the data.
pub(crate) fn head(window: &[u8]) -> Result<(Piece, usize), Error> {
    any_piece(&mut Cursor::new(window, 0))
}

/// A piece, whose data may not be there.
fn any_piece(cursor: &mut Cursor<'_>) -> Result<(Piece, usize), Error> {
    let at = cursor.at();
    let more = |is_end| Ok((Piece::More { is_end }, at));
    let Some(first) = cursor.byte() else { return more(true) };
    let mut experiment = 0;
    match EventType::from_number(first) {
        Some(EventType::EventBatch) => {}
        Some(EventType::EndOfGeneration) => return Ok((Piece::End, cursor.at())),
        Some(EventType::ExperimentalBatch) => match cursor.byte() {
            Some(number) => experiment = number,
            None => return more(true),
        },
        _ => return Err(no_batch(first)),
    }
    let Some(batch) = header(cursor, experiment)? else { return more(false) };
    let next = batch.data.end;
    Ok((Piece::Batch(batch), next))
}

/// The numbers before the data; `None` when the bytes end within them.
fn header(cursor: &mut Cursor<'_>, experiment: u8) -> Result<Option<Batch>, Error> {
    let mut numbers = [0; 4];
    for (number, name) in numbers.iter_mut().zip(["generation", "thread", "time", "size"]) {
        *number = match cursor.number() {
            Ok(number) => number,
            Err(NoNumber::Ends) => return Ok(None),
            Err(why) => return Err(why.error(ErrorKind::Batch, &format!("a batch's {name}"))),
        };
    }
    let [generation, thread, time, size] = numbers;
    if size > MAX_BATCH_BYTES as u64 {
        return Err(too_large(size).in_generation(generation));
    }
    let data = cursor.at()..cursor.at() + size as usize;
    // What follows an empty batch is not its first byte.
    let first = if data.is_empty() { None } else { cursor.byte() };
    let thread = ThreadID(thread as i64);
    Ok(Some(Batch { experiment, generation, thread, time, first, data }))
}

#[cold]
fn no_batch(first: u8) -> Error {
    Error::new(ErrorKind::Batch, format!("expected a batch, found a byte {first}"))
}

#[cold]
fn too_large(size: u64) -> Error {
    let what = format!("expected a batch of at most {MAX_BATCH_BYTES} bytes, found one of {size}");
    Error::new(ErrorKind::Batch, what)
}

impl Batch {
    /// What it holds.
    pub(crate) fn content(&self, version: Version) -> Content {
        if self.experiment != 0 {
            return Content::Experiment;
        }
        let Some(first) = self.first else { return Content::Events };
        let is_sync = version.format().sync_batch();
        match EventType::from_number(first) {
            Some(EventType::Strings) => Content::Strings,
            Some(EventType::Stacks) => Content::Stacks,
            Some(EventType::CPUSamples) => Content::Samples,
            Some(EventType::Frequency) if !is_sync => Content::Clock,
            Some(EventType::Sync) if is_sync => Content::Clock,
            Some(EventType::EndOfGeneration) => Content::EndOfGeneration,
            _ => Content::Events,
        }
    }
}
