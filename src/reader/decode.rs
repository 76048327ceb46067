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

/// How far one has come in a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// Where the next event begins.
    pub(crate) at: usize,
    /// The time of the one before; 0 is none.
    pub(crate) last: i64,
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

/// Decodes events that begin before `until`, as many as there is place for. They are of a batch that
/// has `begin` as its time.
///
/// How many there are, and why there are no more, if something is wrong.
#[inline(never)]
pub(crate) fn events(
    to: &mut [Timed],
    bytes: &[u8],
    until: usize,
    progress: &mut Progress,
    (times, begin): (&Times, i64),
) -> (usize, Result<(), NoEvent>) {
    let Progress { mut at, mut last } = *progress;
    let mut count = 0;
    let mut done = Ok(());
    for event in to {
        if at >= until {
            break;
        }
        let rest = &bytes[at..];
        let short = rest.first_chunk().and_then(|window| short_event(window, event));
        let (since, len) = match short {
            Some(decoded) => decoded,
            None => match long_event(rest, event) {
                Ok(decoded) => decoded,
                Err(why) => {
                    done = Err(why);
                    break;
                }
            },
        };
        // To Go's reader 0 is no time, also where times become too large and come to it.
        if last == 0 {
            last = begin;
        }
        last = last.wrapping_add(times.ns(since));
        event.time = last;
        at += len;
        count += 1;
    }
    *progress = Progress { at, last };
    (count, done)
}

/// The bytes of so many events, which were decoded before.
#[cold]
pub(crate) fn len_of(events: usize, bytes: &[u8]) -> usize {
    let mut at = 0;
    for _ in 0..events {
        at += long_event(&bytes[at..], &mut { Timed::NONE }).map_or(0, |(_, len)| len);
    }
    at
}

/// Most events: those whose numbers take as many bytes as a word has. The time since the event before,
/// and how many bytes it takes.
#[inline(always)]
fn short_event(window: &[u8; WINDOW_BYTES], to: &mut Timed) -> Option<(u64, usize)> {
    let [number, word @ ..] = *window;
    let (event, args) = ARGS[usize::from(number)]?;
    to.event = event;
    let mut numbers = Numbers { word: u64::from_le_bytes(word), used: 0 };
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
pub(super) const WINDOW_BYTES: usize = 1 + WORD_BYTES;

/// The high bit of each byte: it says that the number goes on.
pub(super) const GOES_ON: u64 = 0x8080_8080_8080_8080;

/// Takes numbers out of a word, from its low end.
struct Numbers {
    word: u64,
    /// The bits that were taken; more than it has where a number did not end in it.
    used: u32,
}

impl Numbers {
    /// The next number; anything, where the word has no whole one.
    #[inline(always)]
    fn next(&mut self) -> u64 {
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
    fn bytes(self) -> Option<usize> {
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

    #[test]
    fn what_is_no_event() {
        let why = |bytes: &[u8]| {
            let mut progress = Progress { at: 0, last: 0 };
            let times = Times::new(Unit::default());
            let mut to = [Timed::NONE; 2];
            let (count, done) = events(&mut to, bytes, bytes.len(), &mut progress, (&times, 1));
            (count, progress.at, done.unwrap_err())
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
    fn many_events_are_found_again() {
        let mut bytes = Vec::new();
        let mut begins = Vec::new();
        for number in numbers() {
            begins.push(bytes.len());
            bytes.extend(event(21, &[number, 7, number / 3, 1], &[]).0);
        }
        let times = Times::new(Unit::default());
        let mut progress = Progress { at: 0, last: 1 };
        let mut to = [Timed::NONE; 500];
        let (count, done) = events(&mut to, &bytes, bytes.len(), &mut progress, (&times, 1));
        assert_eq!((count, done, progress.at), (begins.len(), Ok(()), bytes.len()));
        for (nth, (begin, number)) in begins.into_iter().zip(numbers()).enumerate() {
            assert_eq!(len_of(nth, &bytes), begin);
            assert_eq!(to[nth].own_args(), [7, number / 3, 1]);
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
