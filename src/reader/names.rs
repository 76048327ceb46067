//! Names that outlive their generation: of tasks and regions that began in an earlier one.

use std::sync::OnceLock;

/// A list that grows at its end while others read it: chunks, each twice as long as the one before.
#[derive(Debug)]
pub(crate) struct Names {
    chunks: [OnceLock<Box<[Place]>>; 32],
}

/// Where a name is, or will be.
type Place = OnceLock<Box<[u8]>>;

impl Names {
    pub(crate) fn new() -> Names {
        Names { chunks: [const { OnceLock::new() }; 32] }
    }

    /// Puts a name at a place where none is yet.
    pub(crate) fn set(&self, at: u32, name: &[u8]) {
        let (chunk, place) = split(at);
        let names = self.chunks[chunk].get_or_init(|| vec![OnceLock::new(); 1 << chunk].into());
        names[place].get_or_init(|| name.into());
    }

    /// The name at a place; none where there is none.
    pub(crate) fn get(&self, at: u32) -> &[u8] {
        let (chunk, place) = split(at);
        let names = self.chunks[chunk].get();
        names.and_then(|names| names[place].get()).map_or(&[], |name| name)
    }
}

/// The chunk a place is in, and the place there: 0 | 1 2 | 3 4 5 6 | ...
fn split(at: u32) -> (usize, usize) {
    let number = u64::from(at) + 1;
    let chunk = number.ilog2();
    // Places have 31 bits: see `StringId`.
    (chunk as usize & 31, (number - (1 << chunk)) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_there() {
        let names = Names::new();
        for at in 0..100 {
            assert_eq!(names.get(at), b"");
            names.set(at, at.to_string().as_bytes());
        }
        for at in 0..100 {
            assert_eq!(names.get(at), at.to_string().as_bytes());
        }
        assert_eq!(names.get(1 << 30), b"");
    }
}
