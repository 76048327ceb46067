//! From bytes to generations: finds where each ends, without looking into its batches.

use super::batch::{Batch, Content, Piece};
use super::error::{Error, ErrorKind};
use super::held::Held;
use super::pieces::Pieces;
use super::version::Version;

/// The bytes of a generation, and its batches in them.
pub(crate) struct Framed {
    pub(crate) version: Version,
    /// Its number; 0 where there are no batches.
    pub(crate) number: u64,
    pub(crate) held: Held,
    /// Where in the file `held` begins, and how many bytes it is.
    pub(crate) offset: u64,
    pub(crate) len: usize,
    pub(crate) batches: Vec<Batch>,
}

/// Finds generations.
///
/// From 1.26 on a mark ends each. Before that, the first batch of the next one does, and damage to it
/// costs nothing but what comes after.
pub(crate) struct Framer<'a> {
    pieces: Box<dyn Pieces + Send + 'a>,
    version: Version,
    /// What is wrong after the generation that was found last.
    after: Option<Error>,
    found_any: bool,
}

/// A generation in the making.
#[derive(Default)]
struct Growing {
    number: u64,
    batches: Vec<Batch>,
    /// Where the next piece begins.
    at: usize,
}

/// What to do after a piece.
enum Next {
    /// Go on.
    Piece,
    /// The generation ends here.
    Ends,
    /// So does the file.
    NoMore,
}

impl<'a> Framer<'a> {
    pub(crate) fn new(version: Version, pieces: impl Pieces + Send + 'a) -> Framer<'a> {
        Framer { pieces: Box::new(pieces), version, after: None, found_any: false }
    }

    /// The next generation, or the end.
    ///
    /// After an error there is nothing.
    pub(crate) fn generation(&mut self) -> Result<Option<Framed>, Error> {
        if let Some(error) = self.after.take() {
            return Err(error);
        }
        let is_marked = self.version >= Version::Go126;
        if !is_marked && self.found_any && self.pieces.is_at_end()? {
            return Ok(None);
        }
        let mut growing = Growing::default();
        loop {
            match self.add_piece(&mut growing) {
                Ok(Next::Piece) => {}
                Ok(Next::Ends) => return Ok(Some(self.framed(growing))),
                Ok(Next::NoMore) => return Ok(None),
                Err(error) => {
                    let offset = self.pieces.offset() + growing.at as u64;
                    let error = error.at(offset);
                    return Err(match growing.number {
                        0 => error,
                        number => error.in_generation(number),
                    });
                }
            }
        }
    }

    fn add_piece(&mut self, growing: &mut Growing) -> Result<Next, Error> {
        let is_marked = self.version >= Version::Go126;
        match self.pieces.piece(growing.at) {
            Ok((piece, next)) if is_marked => growing.add_marked(piece, next, self.version),
            Ok((piece, next)) => growing.add_unmarked(piece, next),
            // It may be the next one that is damaged.
            Err(error) if growing.number != 0 && !is_marked => {
                self.after = Some(error.at(self.pieces.offset() + growing.at as u64));
                Ok(Next::Ends)
            }
            Err(error) => Err(error),
        }
    }

    fn framed(&mut self, growing: Growing) -> Framed {
        self.found_any = true;
        let Growing { number, batches, at } = growing;
        let offset = self.pieces.offset();
        let held = self.pieces.take(at);
        Framed { version: self.version, number, held, offset, len: at, batches }
    }

    /// Takes back the memory of a generation that is done with.
    pub(crate) fn reuse(&mut self, bytes: Vec<u8>) {
        self.pieces.reuse(bytes);
    }
}

impl Growing {
    /// A piece of a file whose generations have marks.
    fn add_marked(
        &mut self,
        piece: Option<Piece>,
        next: usize,
        version: Version,
    ) -> Result<Next, Error> {
        let content = |batch: &Batch| batch.content(version);
        match piece {
            None if self.batches.iter().any(|batch| content(batch) == Content::Events) => {
                Err(Error::new(ErrorKind::Truncated, "the file ends within a generation"))
            }
            None => Ok(Next::NoMore),
            Some(Piece::Batch(batch)) if content(&batch) != Content::EndOfGeneration => {
                self.number = if self.number == 0 { batch.generation } else { self.number };
                self.add(batch, next)
            }
            Some(_) => {
                self.at = next;
                Ok(Next::Ends)
            }
        }
    }

    /// A piece of a file whose generations have no marks.
    fn add_unmarked(&mut self, piece: Option<Piece>, next: usize) -> Result<Next, Error> {
        let batch = match piece {
            None => {
                self.at = next;
                return Ok(Next::Ends);
            }
            Some(Piece::Batch(batch)) => batch,
            Some(_) => return Err(no_mark_expected()),
        };
        let generation = batch.generation;
        self.number = if self.number == 0 { generation } else { self.number };
        if generation != 0 && generation == self.number.wrapping_add(1) {
            return Ok(Next::Ends);
        }
        self.add(batch, next)
    }

    fn add(&mut self, batch: Batch, next: usize) -> Result<Next, Error> {
        if batch.generation == 0 || batch.generation != self.number {
            return Err(self.mixed(batch.generation));
        }
        self.batches.push(batch);
        self.at = next;
        Ok(Next::Piece)
    }

    #[cold]
    fn mixed(&self, found: u64) -> Error {
        if found == 0 {
            return Error::new(ErrorKind::Batch, "a batch of generation 0, which there cannot be");
        }
        let what = format!("expected a batch of generation {}, found one of {found}", self.number);
        Error::new(ErrorKind::GenerationOrder, what)
    }
}

#[cold]
pub(crate) fn no_mark_expected() -> Error {
    Error::new(ErrorKind::Batch, "a mark at a generation's end, which this version does not have")
}
