//! Events of a thread, taken out of a batch's bytes.

use super::bytes::{Cursor, NoNumber};
use super::clock::Unit;
use crate::wire::event::{EventType, SPECS};
use crate::wire::varint;

/// The most arguments after the time.
const MAX_ARGS: usize = 4;

/// As many bytes an event takes at most: its type, the time and the arguments.
pub(crate) const MAX_EVENT_BYTES: usize = 1 + (1 + MAX_ARGS) * varint::MAX_BYTES;

/// An event of a thread as it is in the file, but for its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed {
    /// In nanoseconds.
    pub(crate) time: i64,
    /// Those that its type has; after them is anything.
    pub(crate) args: [u64; MAX_ARGS],
    pub(crate) event: EventType,
}

impl Timed {
    /// A place for events.
    pub(crate) const NONE: Timed =
        Timed { time: 0, args: [0; MAX_ARGS], event: EventType::EndOfGeneration };

    /// The arguments that its type has.
    pub(crate) fn own_args(&self) -> &[u64] {
        &self.args[..self.event.spec().args.len() - 1]
    }
}

/// Why bytes are no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoEvent {
    Type,
    Number,
    /// The bytes end within it.
    End,
}

/// Numbers that take one byte.
const SHORT: usize = 128;

/// From the times in a batch to nanoseconds.
#[derive(Debug)]
pub(crate) struct Times {
    unit: Unit,
    /// Of few units, which most are.
    short: [i64; SHORT],
}

impl Times {
    pub(crate) fn new(unit: Unit) -> Times {
        Times { unit, short: std::array::from_fn(|units| unit.ns(units as u64)) }
    }

    #[inline(always)]
    pub(crate) fn ns(&self, units: u64) -> i64 {
        match self.short.get(units as usize) {
            Some(ns) => *ns,
            None => self.unit.ns(units),
        }
    }
}

/// How far one has come in a part of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// Where the next event begins.
    pub(crate) at: usize,
    /// What its time counts from.
    pub(crate) last: i64,
}

/// A part of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) times: &'a Times,
    /// The time of the batch.
    pub(crate) begin: i64,
}

/// How a type of event is decoded: the number of arguments after the time, for what is timed.
const ARGS: [Option<(EventType, u8)>; 256] = {
    let mut table = [None; 256];
    let mut at = 0;
    while at < SPECS.len() {
        let spec = &SPECS[at];
        if spec.timed() {
            table[spec.event as usize] = Some((spec.event, spec.args.len() as u8 - 1));
        }
        at += 1;
    }
    table
};

impl<'a> Part<'a> {
    /// The next event, whatever it is; how far one has come with it.
    pub(crate) fn event(&self, from: Progress, to: &mut Timed) -> Result<Progress, NoEvent> {
        let rest = &self.bytes[from.at..];
        let short = rest.first_chunk().and_then(|window| short_event(window, to));
        let (since, len) = match short {
            Some(decoded) => decoded,
            None => long_event(rest, to)?,
        };
        to.time = self.time(from.last, since);
        Ok(Progress { at: from.at + len, last: self.after(to.time) })
    }

    /// The time of an event that comes so much later.
    #[inline(always)]
    pub(crate) fn time(&self, last: i64, since: u64) -> i64 {
        last.wrapping_add(self.times.ns(since))
    }

    /// What times after this one count from: to Go's reader 0 is no time, also where times become too
    /// large and come to it.
    #[inline(always)]
    pub(crate) fn after(&self, time: i64) -> i64 {
        if time == 0 { self.begin } else { time }
    }
}

/// Most events: those whose numbers take as many bytes as a word has. The time since the event before,
/// and how many bytes it takes.
#[inline(always)]
fn short_event(window: &[u8; WINDOW_BYTES], to: &mut Timed) -> Option<(u64, usize)> {
    let [number, word @ ..] = *window;
    let (event, args) = ARGS[usize::from(number)]?;
    to.event = event;
    let mut numbers = Numbers::new(word);
    let since = numbers.next();
    // Not a loop: the number of turns would be guessed wrong more often.
    let [first, second, third, fourth] = &mut to.args;
    if args > 0 {
        *first = numbers.next();
        if args > 1 {
            *second = numbers.next();
            if args > 2 {
                *third = numbers.next();
                if args > 3 {
                    *fourth = numbers.next();
                }
            }
        }
    }
    Some((since, 1 + numbers.bytes()?))
}

/// Whether an event is one of a thread, and its numbers take as many bytes as a word has.
#[inline(always)]
pub(crate) fn is_short(window: &[u8; WINDOW_BYTES]) -> bool {
    let [number, word @ ..] = *window;
    let Some((_, args)) = ARGS[usize::from(number)] else { return false };
    let ends = (!u64::from_le_bytes(word) & GOES_ON) >> 7;
    // Adds up the bytes.
    let numbers = ends.wrapping_mul(0x0101_0101_0101_0101) >> 56;
    numbers > args.into()
}

/// Any event.
#[cold]
#[inline(never)]
fn long_event(bytes: &[u8], to: &mut Timed) -> Result<(u64, usize), NoEvent> {
    let mut cursor = Cursor::new(bytes, 0);
    let number = cursor.byte().ok_or(NoEvent::End)?;
    let (event, args) = ARGS[usize::from(number)].ok_or(NoEvent::Type)?;
    to.event = event;
    let mut next = || {
        cursor.number().map_err(|why| match why {
            NoNumber::Ends => NoEvent::End,
            NoNumber::TooLarge => NoEvent::Number,
        })
    };
    let since = next()?;
    for arg in &mut to.args[..usize::from(args)] {
        *arg = next()?;
    }
    Ok((since, cursor.at()))
}

/// The bytes of a word.
const WORD_BYTES: usize = 8;

/// The type of an event, and a word of what comes after it.
pub(crate) const WINDOW_BYTES: usize = 1 + WORD_BYTES;

/// The high bit of each byte: it says that the number goes on.
pub(super) const GOES_ON: u64 = 0x8080_8080_8080_8080;

/// Takes numbers out of a word, from its low end.
#[derive(Clone, Copy)]
pub(crate) struct Numbers {
    word: u64,
    /// The bits that were taken; more than it has where a number did not end in it.
    used: u32,
}

impl Numbers {
    #[inline(always)]
    pub(crate) fn new(word: [u8; WORD_BYTES]) -> Numbers {
        Numbers { word: u64::from_le_bytes(word), used: 0 }
    }

    /// The next number; anything, where the word has no whole one.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> u64 {
        let word = self.word;
        if word & 0x80 == 0 {
            return self.took(8, word & 0x7f);
        }
        if word & 0x8000 == 0 {
            return self.took(16, word & 0x7f | word >> 1 & 0x3f80);
        }
        if word & 0x80_0000 == 0 {
            return self.took(24, word & 0x7f | word >> 1 & 0x3f80 | word >> 2 & 0x1f_c000);
        }
        let ends = !word & GOES_ON;
        if ends == 0 {
            self.used = u32::MAX / 2;
            return 0;
        }
        let number = word & (ends ^ (ends - 1));
        let bits = ends.trailing_zeros() + 1;
        self.used += bits;
        self.word = word.unbounded_shr(bits);
        joined(number)
    }

    #[inline(always)]
    fn took(&mut self, bits: u32, number: u64) -> u64 {
        self.used += bits;
        self.word >>= bits;
        number
    }

    /// How many bytes the numbers took; `None` when some were not there.
    #[inline(always)]
    pub(crate) fn bytes(self) -> Option<usize> {
        (self.used <= u64::BITS).then_some(self.used as usize / 8)
    }
}

/// Joins the seven low bits of each byte.
#[inline(always)]
fn joined(word: u64) -> u64 {
    let word = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
    let word = (word & 0x0000_3fff_0000_3fff) | ((word & 0x3fff_0000_3fff_0000) >> 2);
    (word & 0x0fff_ffff) | ((word & 0x0fff_ffff_0000_0000) >> 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event with these numbers after its type, and what it is followed by.
    fn event(number: u8, numbers: &[u64], after: &[u8]) -> (Vec<u8>, usize) {
        let mut bytes = vec![number];
        for number in numbers {
            varint::push(&mut bytes, *number);
        }
        let len = bytes.len();
        bytes.extend_from_slice(after);
        (bytes, len)
    }

    fn window(bytes: &[u8]) -> Option<&[u8; WINDOW_BYTES]> {
        bytes.first_chunk()
    }

    /// Numbers of all lengths.
    fn numbers() -> impl Iterator<Item = u64> {
        (0..64).flat_map(|bit| [1 << bit, (1 << bit) - 1, 0x5a5a_5a5a_5a5a_5a5a >> bit])
    }

    #[test]
    fn short_events_are_what_they_are_in_long() {
        let mut short = 0;
        for first in numbers() {
            for second in numbers() {
                for after in [[0; 60], [0xff; 60]] {
                    let (bytes, len) = event(16, &[first, second, 3], &after);
                    let (mut one, mut other) = (Timed::NONE, Timed::NONE);
                    assert_eq!(long_event(&bytes, &mut other), Ok((first, len)));
                    assert_eq!(other.args[..2], [second, 3]);
                    let decoded = short_event(window(&bytes).unwrap(), &mut one);
                    assert_eq!(decoded.is_some(), len <= 9, "{first} {second}");
                    if let Some(decoded) = decoded {
                        assert_eq!((decoded, one.args), ((first, len), other.args));
                        assert_eq!(one.event, EventType::GoStart);
                        short += 1;
                    }
                }
            }
        }
        assert!(short > 1000);
    }

    /// The events, one after the other; where the next one begins, and why there is none.
    fn all(bytes: &[u8]) -> (Vec<Timed>, usize, Option<NoEvent>) {
        let part = Part { bytes, times: &Times::new(Unit::default()), begin: 1 };
        let (mut progress, mut events) = (Progress { at: 0, last: 1 }, Vec::new());
        while progress.at < bytes.len() {
            let mut event = Timed::NONE;
            match part.event(progress, &mut event) {
                Ok(after) => progress = after,
                Err(why) => return (events, progress.at, Some(why)),
            }
            events.push(event);
        }
        (events, progress.at, None)
    }

    #[test]
    fn what_is_no_event() {
        let why = |bytes: &[u8]| {
            let (events, at, why) = all(bytes);
            (events.len(), at, why.unwrap())
        };
        for after in [&[][..], &[0; 20]] {
            let with = |bytes: &[u8]| [&[17, 1], bytes, after].concat();
            assert_eq!(why(&with(&[1, 0])), (1, 2, NoEvent::Type));
            assert_eq!(why(&with(&[200, 0])), (1, 2, NoEvent::Type));
            let large = [&[16][..], &[0xff; 10]].concat();
            assert_eq!(why(&with(&large)), (1, 2, NoEvent::Number));
        }
        assert_eq!(why(&[17, 1, 16, 1, 2]), (1, 2, NoEvent::End));
        assert_eq!(why(&[17, 1, 16, 1, 2, 0x80]), (1, 2, NoEvent::End));
        assert_eq!(why(&[17]), (0, 0, NoEvent::End));
    }

    #[test]
    fn many_events() {
        let mut bytes = Vec::new();
        for number in numbers() {
            bytes.extend(event(21, &[number, 7, number / 3, 1], &[]).0);
        }
        let (events, at, why) = all(&bytes);
        assert_eq!((events.len(), at, why), (numbers().count(), bytes.len(), None));
        for (event, number) in events.iter().zip(numbers()) {
            assert_eq!(event.own_args(), [7, number / 3, 1]);
        }
    }

    #[test]
    fn short_events_are_those_that_a_window_has() {
        for first in numbers() {
            for second in numbers() {
                for number in [16, 17, 21] {
                    let (bytes, _) = event(number, &[first, second, 3, 4], &[0x80; 60]);
                    let window = window(&bytes).unwrap();
                    let decoded = short_event(window, &mut { Timed::NONE });
                    assert_eq!(is_short(window), decoded.is_some(), "{number} {first} {second}");
                }
            }
        }
        for no_event in [0, 1, 200] {
            assert!(!is_short(&[no_event, 0, 0, 0, 0, 0, 0, 0, 0]));
        }
    }

    #[test]
    fn what_is_decoded() {
        let decoded = ARGS.iter().flatten().count();
        // The stream's events, and the snapshot of clocks, which has a time too.
        assert_eq!(decoded, SPECS.iter().filter(|spec| spec.timed()).count());
        assert_eq!(ARGS[EventType::GoDestroy as usize], Some((EventType::GoDestroy, 0)));
        assert_eq!(ARGS[EventType::UserLog as usize], Some((EventType::UserLog, 4)));
        assert_eq!(ARGS[EventType::EventBatch as usize], None);
        assert_eq!(ARGS[0], None);
    }
}
