//! Messages of protocol buffers, written front to back.

use crate::wire::varint;

/// The bytes that the length of a message within another one is written in: enough for 256 MiB, and
/// legal where less would do.
const LENGTH_BYTES: usize = 4;

/// A message in the making.
pub(super) struct Message<'a>(&'a mut Vec<u8>);

/// How a field's value is written.
#[repr(u8)]
enum Kind {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
}

impl<'a> Message<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Message<'a> {
        Message(out)
    }

    fn key(&mut self, field: u32, kind: Kind) {
        varint::push(self.0, u64::from(field << 3 | kind as u32));
    }

    /// A number; negative ones in two's complement.
    pub(super) fn number(&mut self, field: u32, value: u64) {
        self.key(field, Kind::Varint);
        varint::push(self.0, value);
    }

    pub(super) fn fixed(&mut self, field: u32, value: u64) {
        self.key(field, Kind::Fixed64);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn text(&mut self, field: u32, text: &str) {
        self.key(field, Kind::Bytes);
        varint::push(self.0, text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A message within.
    pub(super) fn message(&mut self, field: u32, fill: impl FnOnce(&mut Message<'_>)) {
        self.key(field, Kind::Bytes);
        let at = self.0.len();
        self.0.extend_from_slice(&[0; LENGTH_BYTES]);
        fill(&mut Message(self.0));
        let mut length = self.0.len() - at - LENGTH_BYTES;
        for byte in &mut self.0[at..at + LENGTH_BYTES] {
            *byte = (length & 0x7f) as u8 | 0x80;
            length >>= 7;
        }
        self.0[at + LENGTH_BYTES - 1] &= 0x7f;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let mut bytes = Vec::new();
        let mut message = Message::new(&mut bytes);
        message.number(1, 300);
        message.fixed(47, 2);
        message.message(11, |inner| inner.text(23, "é"));
        let expected = [
            &[8, 0xac, 2][..],
            &[0xf9, 2, 2, 0, 0, 0, 0, 0, 0, 0],
            &[0x5a, 0x85, 0x80, 0x80, 0, 0xba, 1, 2, 0xc3, 0xa9],
        ];
        assert_eq!(bytes, expected.concat());
    }
}
