//! The table of strings of a generation.

use super::bytes::Cursor;
use super::error::{Error, ErrorKind};
use super::ids::StringId;
use super::table::Ids;
use crate::wire::encode::MAX_STRING_BYTES;
use crate::wire::event::EventType;

/// The strings of a generation.
#[derive(Debug, Default)]
pub(crate) struct Strings {
    ids: Ids,
    /// All of them, one after the other.
    bytes: Vec<u8>,
    /// Where each one ends: the first is the empty one.
    ends: Vec<u32>,
}

/// Strings while their batches are read.
#[derive(Debug, Default)]
pub(crate) struct StringsBuilder {
    ids: Vec<u64>,
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl StringsBuilder {
    /// Adds the strings of a batch. Errors have the place in `data`.
    pub(crate) fn add(&mut self, data: &[u8]) -> Result<(), Error> {
        let mut cursor = Cursor::new(data, 1);
        while !cursor.is_at_end() {
            let at = cursor.at() as u64;
            self.add_string(&mut cursor).map_err(|error| error.at(at))?;
        }
        Ok(())
    }

    fn add_string(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        let marker = cursor.byte().unwrap_or_default();
        if marker != EventType::String as u8 {
            return Err(wrong(format!("expected a string, found a byte {marker}")));
        }
        let id = cursor.number().map_err(|why| why.error(ErrorKind::Table, "a string's id"))?;
        let len =
            cursor.number().map_err(|why| why.error(ErrorKind::Table, "a string's length"))?;
        if len > MAX_STRING_BYTES as u64 {
            let what =
                format!("expected a string of at most {MAX_STRING_BYTES} bytes, found {len}");
            return Err(wrong(what));
        }
        let Some(text) = cursor.slice(len as usize) else {
            return Err(wrong(format!(
                "a string of {len} bytes, of which {} are there",
                cursor.left()
            )));
        };
        self.bytes.extend_from_slice(text);
        let end = u32::try_from(self.bytes.len());
        self.ends.push(end.map_err(|_| wrong("more than 4 GiB of strings".into()))?);
        self.ids.push(id);
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Strings, Error> {
        let ids = Ids::new(&self.ids);
        let ids =
            ids.map_err(|id| wrong(format!("expected a string {id} once, found it twice")))?;
        Ok(Strings { ids, bytes: self.bytes, ends: self.ends })
    }
}

#[cold]
fn wrong(what: String) -> Error {
    Error::new(ErrorKind::Table, what)
}

impl Strings {
    /// The string with this id in the file.
    #[inline(always)]
    pub(crate) fn find(&self, id: u64) -> Option<StringId> {
        self.ids.place(id).map(StringId)
    }

    /// The bytes of a string; none for one of another generation.
    pub(crate) fn bytes(&self, id: StringId) -> &[u8] {
        let Some(at) = (id.0 as usize).checked_sub(1) else { return &[] };
        let begin = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let end = self.ends.get(at).copied().unwrap_or(0);
        self.bytes.get(begin.unwrap_or(0) as usize..end as usize).unwrap_or(&[])
    }
}
