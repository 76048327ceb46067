//! Messages of protocol buffers, taken apart by what their fields are called.

use std::collections::HashMap;

/// A message: the values of each field, in their order.
#[derive(Debug)]
pub(crate) struct Message(HashMap<&'static str, Vec<Field>>);

/// A field's value.
#[derive(Clone, Debug)]
pub(crate) enum Field {
    Number(u64),
    Fixed(u64),
    Bytes(Vec<u8>),
}

fn varint(bytes: &[u8], at: &mut usize) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
    }
    panic!("a number of more than ten bytes");
}

impl Message {
    /// Takes a message apart. A field that is not among those is a failure.
    pub(crate) fn parse(bytes: &[u8], fields: &[(u32, &'static str)]) -> Message {
        let mut message = HashMap::<_, Vec<Field>>::new();
        let mut at = 0;
        while at < bytes.len() {
            let key = varint(bytes, &mut at);
            let number = (key >> 3) as u32;
            let known = fields.iter().find(|field| field.0 == number);
            let name = known.unwrap_or_else(|| panic!("no field {number} in {fields:?}")).1;
            let value = match key & 7 {
                0 => Field::Number(varint(bytes, &mut at)),
                1 => {
                    at += 8;
                    Field::Fixed(u64::from_le_bytes(bytes[at - 8..at].try_into().unwrap()))
                }
                2 => {
                    let length = varint(bytes, &mut at) as usize;
                    at += length;
                    Field::Bytes(bytes[at - length..at].to_vec())
                }
                kind => panic!("a field {name} of kind {kind}"),
            };
            message.entry(name).or_default().push(value);
        }
        Message(message)
    }

    pub(crate) fn all(&self, name: &str) -> &[Field] {
        self.0.get(name).map_or(&[], |values| values)
    }

    /// The only value of a field, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&Field> {
        match self.all(name) {
            [] => None,
            [value] => Some(value),
            all => panic!("{} times {name}", all.len()),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let Field::Number(number) = self.get(name)? else { panic!("{name} is no number") };
        Some(*number)
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let Field::Bytes(bytes) = self.get(name)? else { panic!("{name} is no text") };
        Some(String::from_utf8(bytes.clone()).unwrap())
    }
}

impl Field {
    pub(crate) fn message(&self, fields: &[(u32, &'static str)]) -> Message {
        let Field::Bytes(bytes) = self else { panic!("no message: {self:?}") };
        Message::parse(bytes, fields)
    }

    pub(crate) fn fixed(&self) -> u64 {
        let Field::Fixed(number) = self else { panic!("not of 8 bytes: {self:?}") };
        *number
    }
}
