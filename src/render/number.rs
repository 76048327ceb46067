//! Numbers as text, into bytes.
//!
//! A dump of a trace is mostly numbers, and `std`'s formatting takes several times as long.

/// The decimal digits of 0 to 99.
const PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut n = 0;
    while n < 100 {
        pairs[2 * n] = b'0' + (n / 10) as u8;
        pairs[2 * n + 1] = b'0' + (n % 10) as u8;
        n += 1;
    }
    pairs
};

/// Appends a number in decimal.
#[inline]
pub(crate) fn decimal(out: &mut Vec<u8>, value: u64) {
    if value < 10 {
        out.push(b'0' + value as u8);
        return;
    }
    decimal_long(out, value);
}

fn decimal_long(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    while value >= 100 {
        let pair = 2 * (value % 100) as usize;
        value /= 100;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = 2 * value as usize;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        digits[at] = b'0' + value as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a number in decimal, with its sign if it is negative.
#[inline]
pub(crate) fn signed(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    decimal(out, value.unsigned_abs());
}

/// Appends a number in hexadecimal.
pub(crate) fn hexadecimal(out: &mut Vec<u8>, value: u64) {
    let digits = (u64::BITS - (value | 1).leading_zeros()).div_ceil(4);
    for digit in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(value >> (4 * digit)) as usize & 0xf]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> impl Iterator<Item = u64> {
        let powers = (0..20).map(|n| 10u64.pow(n)).chain((0..64).map(|n| 1 << n));
        let near = powers.flat_map(|n| [n - 1, n, n + 1]);
        near.chain(0..2000).chain([u64::MAX, u64::MAX - 1])
    }

    #[test]
    fn numbers_read_as_std_writes_them() {
        for n in numbers() {
            let mut out = b"> ".to_vec();
            decimal(&mut out, n);
            assert_eq!(out, format!("> {n}").into_bytes());
            out.clear();
            hexadecimal(&mut out, n);
            assert_eq!(out, format!("{n:x}").into_bytes());
            for n in [n as i64, (n as i64).wrapping_neg()] {
                out.clear();
                signed(&mut out, n);
                assert_eq!(out, format!("{n}").into_bytes());
            }
        }
    }
}
