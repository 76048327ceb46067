//! Where code lies in memory: from `/proc/self/maps`, with the build ids of what is loaded.

use std::fmt::Write as _;
use std::ops::Range;

use crate::sys::modules;

/// A part of a file that may be executed.
pub(super) struct Mapping {
    pub(super) memory: Range<u64>,
    pub(super) offset: u64,
    pub(super) file: String,
    /// In hexadecimal; empty when there is none.
    pub(super) build_id: String,
}

/// All of them; the program's comes first.
pub(super) fn all() -> Vec<Mapping> {
    let text = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let modules = modules::loaded();
    let mut all: Vec<Mapping> = text.lines().filter_map(parse).collect();
    for mapping in &mut all {
        let module = modules.iter().find(|m| m.contains(mapping.memory.start as usize));
        for byte in module.iter().flat_map(|module| &module.build_id) {
            let _ = write!(mapping.build_id, "{byte:02x}");
        }
    }
    let own = modules.first();
    all.sort_by_key(|mapping| !own.is_some_and(|m| m.contains(mapping.memory.start as usize)));
    all
}

/// A line of `/proc/self/maps`: `start-end r-xp offset device inode   file`.
fn parse(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let is_code = words.next()?.contains('x');
    let hex = |text| u64::from_str_radix(text, 16).ok();
    let memory = hex(start)?..hex(end)?;
    let offset = hex(words.next()?)?;
    let file = words.nth(2).unwrap_or_default().trim().to_owned();
    is_code.then_some(Mapping { memory, offset, file, build_id: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let line = "7f0c0000-7f0d1000 r-xp 00002000 fe:00 4242                 /a folder/file";
        let mapping = parse(line).unwrap();
        assert_eq!((mapping.memory, mapping.offset), (0x7f0c_0000..0x7f0d_1000, 0x2000));
        assert_eq!(mapping.file, "/a folder/file");
        assert!(parse(&line.replace("r-xp", "rw-p")).is_none());
        assert_eq!(parse("1000-2000 r-xp 00000000 00:00 0 ").unwrap().file, "");
        assert!(parse("").is_none() && parse("x").is_none());
    }

    #[test]
    fn the_program_comes_first() {
        let here = the_program_comes_first as fn() as usize as u64;
        assert!(all()[0].memory.contains(&here));
    }
}
