//! Numbers on the wire: unsigned LEB128.
//!
//! Seven bits a byte, lowest group first; a set high bit says that another byte follows. A `u64`
//! takes one to ten bytes. Redundant zero groups at the end (`0x80 0x00` for zero) are legal,
//! which lets a length be written before it is known: see [`put_padded10`].

/// The most bytes one number takes.
pub(crate) const MAX_BYTES: usize = 10;

/// Writes `value` into `buf` at `at`, and returns the position after it.
///
/// The caller keeps [`MAX_BYTES`] of room; with that it never fails.
///
/// # Panics
///
/// Before anything is written, when there is no room: fewer than [`MAX_BYTES`] bytes after `at`
/// (a number below 128 makes do with one).
#[inline(always)]
pub(crate) fn put(buf: &mut [u8], at: usize, value: u64) -> usize {
    if value < 0x80 {
        buf[at] = value as u8;
        return at + 1;
    }
    put_long(buf, at, value)
}

/// [`put`] for numbers of two and more bytes.
#[inline]
fn put_long(buf: &mut [u8], at: usize, mut value: u64) -> usize {
    // One check for all ten bytes: the loop below needs none.
    let room: &mut [u8; MAX_BYTES] = room(buf, at);
    let mut len = 0;
    for byte in room {
        len += 1;
        if value < 0x80 {
            *byte = value as u8;
            break;
        }
        *byte = value as u8 | 0x80;
        value >>= 7;
    }
    at + len
}

/// Writes `value` as exactly ten bytes, and returns the position after them.
///
/// For a number that is filled in later, in a place whose size must not depend on it.
///
/// # Panics
///
/// Before anything is written, when there are fewer than ten bytes after `at`.
pub(crate) fn put_padded10(buf: &mut [u8], at: usize, mut value: u64) -> usize {
    let (last, groups) = room(buf, at).split_last_mut().expect("ten bytes");
    for byte in groups {
        *byte = value as u8 | 0x80;
        value >>= 7;
    }
    *last = value as u8;
    at + MAX_BYTES
}

/// Appends `value` to `out`.
#[inline]
pub(crate) fn push(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        out.push(value as u8);
        return;
    }
    let mut bytes = [0; MAX_BYTES];
    let len = put_long(&mut bytes, 0, value);
    out.extend_from_slice(&bytes[..len]);
}

/// Reads the number at the beginning of `bytes`: its value, and how many bytes it took.
///
/// `None` when `bytes` ends within the number, or when it does not fit 64 bits.
pub(crate) fn read(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (at, &byte) in bytes.iter().take(MAX_BYTES).enumerate() {
        // Nine groups are 63 bits: the tenth byte may only bring the last one.
        if at == MAX_BYTES - 1 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Some((value, at + 1));
        }
    }
    None
}

/// How many bytes [`put`] takes for `value`.
pub(crate) const fn len(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// The ten bytes of `buf` from `at` on.
#[inline(always)]
fn room(buf: &mut [u8], at: usize) -> &mut [u8; MAX_BYTES] {
    match buf.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        Some(room) => room,
        None => no_room(at),
    }
}

#[cold]
#[inline(never)]
fn no_room(at: usize) -> ! {
    panic!("no room for a number at byte {at} of a trace buffer")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every power of two with its neighbours, and both ends: all lengths and all their borders.
    fn numbers() -> impl Iterator<Item = u64> {
        (0..u64::BITS)
            .flat_map(|bit| {
                let power = 1u64 << bit;
                [power - 1, power, power + 1]
            })
            .chain([u64::MAX - 1, u64::MAX])
    }

    #[test]
    fn known_bytes() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (1, &[0x01]),
            (127, &[0x7f]),
            (128, &[0x80, 0x01]),
            (300, &[0xac, 0x02]),
            (16383, &[0xff, 0x7f]),
            (16384, &[0x80, 0x80, 0x01]),
            (u64::MAX, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ] {
            let mut out = Vec::new();
            push(&mut out, value);
            assert_eq!(out, bytes, "{value}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for value in numbers().chain(0..100_000) {
            let mut buf = [0xee; 24];
            let end = put(&mut buf, 3, value);
            assert_eq!(end - 3, len(value), "{value}");
            assert_eq!(read(&buf[3..]), Some((value, end - 3)), "{value}");
            assert_eq!(buf[..3], [0xee; 3]);
            assert!(buf[end..].iter().all(|&b| b == 0xee), "{value} wrote past its end");

            let mut out = vec![7];
            push(&mut out, value);
            assert_eq!(out[1..], buf[3..end], "{value}");
        }
    }

    #[test]
    fn padded_numbers_take_ten_bytes_and_read_back() {
        for value in numbers() {
            let mut buf = [0xee; 12];
            assert_eq!(put_padded10(&mut buf, 1, value), 11);
            assert_eq!(read(&buf[1..]), Some((value, MAX_BYTES)), "{value}");
            assert_eq!((buf[0], buf[11]), (0xee, 0xee));
        }
    }

    #[test]
    fn ten_bytes_of_room_are_enough_and_exact() {
        for value in numbers() {
            let mut buf = [0; MAX_BYTES];
            assert_eq!(put(&mut buf, 0, value), len(value));
        }
        let mut one = [0];
        assert_eq!(put(&mut one, 0, 127), 1);
    }

    #[test]
    fn lack_of_room_shows_before_anything_is_written() {
        for write in [put as fn(&mut [u8], usize, u64) -> usize, put_padded10] {
            for (size, at) in [(9, 0), (10, 1), (0, 0), (10, 10), (10, 11), (10, usize::MAX)] {
                let mut buf = vec![0xee; size];
                let buf_ref = std::panic::AssertUnwindSafe(&mut buf);
                let outcome = std::panic::catch_unwind(move || {
                    let buf = buf_ref;
                    write(buf.0, at, 300)
                });
                assert!(outcome.is_err(), "{size} bytes, at {at}");
                assert!(buf.iter().all(|&b| b == 0xee), "{size} bytes, at {at}");
            }
        }
    }

    #[test]
    fn cut_numbers_are_refused() {
        for value in numbers() {
            let mut out = Vec::new();
            push(&mut out, value);
            for end in 0..out.len() {
                assert_eq!(read(&out[..end]), None, "{value} cut after {end} bytes");
            }
        }
    }

    #[test]
    fn numbers_over_64_bits_are_refused() {
        let mut bytes = [0xff; MAX_BYTES];
        for last in 0..=u8::MAX {
            bytes[MAX_BYTES - 1] = last;
            let fits = last <= 1;
            assert_eq!(read(&bytes).is_some(), fits, "last byte {last:#x}");
        }
        assert_eq!(read(&[0x80; 11]), None);
    }

    #[test]
    fn all_two_byte_inputs() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let expected = match (first < 0x80, second < 0x80) {
                    (true, _) => Some((u64::from(first), 1)),
                    (false, true) => Some((u64::from(first & 0x7f) + (u64::from(second) * 128), 2)),
                    (false, false) => None,
                };
                assert_eq!(read(&[first, second]), expected);
            }
        }
    }
}
