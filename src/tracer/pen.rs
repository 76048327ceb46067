//! Writes the bytes of an event, where there is room for sure: what `wire::varint` does, without its checks
//! of the room for each number.

use crate::wire::varint;

/// Where the next byte goes. By value, so that it stays in a register.
pub(super) struct Pen(*mut u8);

impl Pen {
    /// # Safety
    /// From `at` on there is room for all that will be written.
    #[inline(always)]
    pub(super) unsafe fn new(at: *mut u8) -> Pen {
        Pen(at)
    }

    /// How many bytes it is behind `begin`, of the same memory.
    #[inline(always)]
    pub(super) fn since(self, begin: *const u8) -> usize {
        self.0.addr() - begin.addr()
    }

    /// An event's first two: its type, and the time since the one before.
    #[inline(always)]
    pub(super) fn event(self, event: u8, since: u64) -> Pen {
        if since < 1 << 7 {
            return self.bytes(2, [event, since as u8]);
        }
        self.bytes(1, [event]).number(since)
    }

    /// A number, for which there is to be room as if it were a long one: most have three bytes at most.
    #[inline(always)]
    pub(super) fn number(self, value: u64) -> Pen {
        let low = value as u32;
        if value < 1 << 7 {
            return self.bytes(1, [value as u8]);
        }
        if value < 1 << 14 {
            let two = low & 0x7f | 0x80 | low >> 7 << 8;
            return self.bytes(2, (two as u16).to_le_bytes());
        }
        if value < 1 << 21 {
            let three = low & 0x7f | low << 1 & 0x7f00 | 0x8080 | low >> 14 << 16;
            return self.bytes(3, three.to_le_bytes());
        }
        self.long(value)
    }

    #[cold]
    #[inline(never)]
    fn long(self, value: u64) -> Pen {
        let mut bytes = [0; varint::MAX_BYTES];
        let len = varint::put(&mut bytes, 0, value);
        self.bytes(len, bytes)
    }

    /// Writes all the bytes and goes on behind the first `len` of them.
    #[inline(always)]
    fn bytes<const N: usize>(self, len: usize, bytes: [u8; N]) -> Pen {
        // SAFETY: there is room, as `new` was promised.
        unsafe {
            self.0.cast::<[u8; N]>().write(bytes);
            Pen(self.0.add(len))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_format() {
        let powers = (0..64).map(|bit| 1_u64 << bit);
        let numbers = powers.flat_map(|n| [n - 1, n, n + 1]).chain([u64::MAX - 1, u64::MAX]);
        for number in numbers.chain(0..100_000) {
            let (mut room, mut expected) = ([0xee; 32], [0; 32]);
            // SAFETY: as much room as the longest needs.
            let pen = unsafe { Pen::new(room.as_mut_ptr()) };
            let pen = pen.event(7, number).number(number);
            expected[0] = 7;
            let len = varint::put(&mut expected, 1, number);
            let len = varint::put(&mut expected, len, number);
            assert_eq!(pen.since(room.as_ptr()), len);
            assert_eq!(room[..len], expected[..len], "{number}");
            assert!(room[1 + 2 * varint::MAX_BYTES..].iter().all(|&byte| byte == 0xee), "{number}");
        }
    }
}
