//! How long the events of a file are, for who wants no more.

use std::io::Read;

use super::decode::{GOES_ON, WINDOW_BYTES};
use super::error::Error;
use super::raw::{RawEvent, RawReader};
use super::version::Version;
use crate::wire::event::EventType;

/// The types of event that are nothing but numbers, and how many.
pub(crate) struct Known([Option<(EventType, u8)>; 256]);

impl Known {
    pub(crate) fn of(version: Version) -> Known {
        Known(std::array::from_fn(|number| {
            let event = EventType::in_version(number as u8, version.format())?;
            let spec = event.spec();
            let is_more = spec.has_data() || event == EventType::Stack;
            (!is_more).then_some((event, spec.args.len() as u8))
        }))
    }

    /// The event at the front, and how many bytes it takes. `None` where that is not as simple: also
    /// where a number takes more bytes than it must.
    #[inline(always)]
    fn length(&self, window: &[u8; WINDOW_BYTES]) -> Option<(EventType, usize)> {
        let [number, word @ ..] = *window;
        let (event, numbers) = self.0[usize::from(number)]?;
        let Some(before_last) = numbers.checked_sub(1) else { return Some((event, 1)) };
        let word = u64::from_le_bytes(word);
        let mut ends = !word & GOES_ON;
        for _ in 0..before_last {
            ends &= ends.wrapping_sub(1);
        }
        if ends == 0 {
            return None;
        }
        // A last byte of 0 is one too many, but for a number's only byte.
        let zeros = !(((word & !GOES_ON) + !GOES_ON) | word) & GOES_ON;
        let all = ends ^ (ends - 1);
        if zeros & ((word & GOES_ON) << 8) & all != 0 {
            return None;
        }
        Some((event, 1 + ends.trailing_zeros() as usize / 8 + 1))
    }
}

impl<R: Read> RawReader<R> {
    /// As [`read`](Self::read), of which only the kinds and the least bytes are wanted: what `event` is
    /// besides, nothing says.
    pub(crate) fn measure(&mut self, known: &Known, event: &mut RawEvent) -> Result<bool, Error> {
        let window = self.bytes.held()[self.at..].first_chunk();
        match window.and_then(|window| known.length(window)) {
            Some((number, bytes)) if !self.failed => {
                self.at += bytes;
                (event.event, event.bytes, event.least_bytes) = (number, bytes, bytes);
                Ok(true)
            }
            _ => self.read(event),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode;
    use crate::wire::varint;

    #[test]
    fn what_is_measured_is_what_is_read() {
        let mut events = Vec::new();
        for bit in 0..64 {
            for value in [1_u64 << bit, (1 << bit) - 1, u64::MAX >> bit] {
                for number in [17, 16, 21, 44] {
                    events.push(number);
                    let event = EventType::from_number(number).unwrap();
                    for at in 0..event.spec().args.len() {
                        varint::push(&mut events, if at == bit % 3 { value } else { at as u64 });
                    }
                }
                // Zeros that say nothing.
                events.extend([16, 0x81, 0x00, 0x80, 0x80, 0x00, 0]);
                events.extend([5, 1, 2, b'h', b'i', 3, 1, 1, 1, 2, 3, 4]);
            }
        }
        let mut trace = b"go 1.26 trace\0\0\0".to_vec();
        encode::batch(&mut trace, 1, 1, 1, &events[..1000]);
        trace.extend(&events);
        for cut in [trace.len(), trace.len() - 3] {
            let (mut read, mut measured) = (RawEvent::new(), RawEvent::new());
            let mut one = RawReader::new(&trace[..cut]).unwrap();
            let mut other = RawReader::new(&trace[..cut]).unwrap();
            let known = Known::of(one.version());
            let mut count = 0;
            loop {
                let outcome = one.read(&mut read);
                let again = other.measure(&known, &mut measured);
                assert_eq!(format!("{again:?}"), format!("{outcome:?}"));
                if !matches!(outcome, Ok(true)) {
                    assert_eq!(outcome.is_err(), cut < trace.len());
                    assert!(!other.measure(&known, &mut measured).unwrap());
                    break;
                }
                assert_eq!(measured.number(), read.number());
                assert_eq!(measured.least_bytes(), read.least_bytes());
                count += 1;
            }
            assert!(count > 1000);
        }
    }
}
