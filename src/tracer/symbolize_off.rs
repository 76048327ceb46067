//! Names of addresses without debug information: the module, and the offset in it.
//!
//! The twin of `symbolize.rs` for builds without the feature `symbolize`. What it writes,
//! `addr2line -e module offset` can turn into names later.

use crate::sys::modules::{self, Module};

/// In the place of a file that is not known: the format wants a name.
pub(crate) const UNKNOWN: &str = "??";

/// A place in the source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Frame {
    /// `module+0xoffset`, or the address where there is no module.
    pub(crate) func: String,
    /// The file, never empty: here it is never known.
    pub(crate) file: String,
    /// The line, never 0: here it is never known.
    pub(crate) line: u32,
}

/// Turns return addresses into frames.
pub(crate) struct Symbolizer {
    modules: Vec<Module>,
}

impl Symbolizer {
    /// A symbolizer for this process.
    pub(crate) fn new() -> Self {
        Symbolizer { modules: Vec::new() }
    }

    /// Appends the frame of the call that returns to `return_pc`.
    pub(crate) fn frames(&mut self, return_pc: usize, out: &mut Vec<Frame>) {
        let call = return_pc.wrapping_sub(1);
        if !self.modules.iter().any(|module| module.contains(call)) {
            self.modules = modules::loaded();
        }
        let module = self.modules.iter().find(|module| module.contains(call));
        let func = modules::describe(module, return_pc);
        out.push(Frame { func, file: UNKNOWN.to_owned(), line: 1 });
    }

    /// Where a function begins is not known here.
    #[cfg(feature = "pprof")]
    pub(crate) fn function_start(&mut self, _return_pc: usize) -> Option<usize> {
        None
    }

    /// Whether names are known: not here, whatever the program has.
    pub(crate) fn has_names(&self) -> bool {
        true
    }

    /// Whether lines are known: not here.
    pub(crate) fn has_line_tables(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_a_name() {
        let mut symbolizer = Symbolizer::new();
        let mut out = Vec::new();
        let here = every_address_has_a_name as fn() as usize + 1;
        for pc in [here, 0x1234, 0, usize::MAX] {
            symbolizer.frames(pc, &mut out);
        }
        let exe = std::env::current_exe().unwrap();
        let module = exe.file_name().unwrap().to_str().unwrap();
        assert!(out[0].func.starts_with(&format!("{module}+0x")), "{out:?}");
        let unknown: Vec<_> = out[1..].iter().map(|frame| &*frame.func).collect();
        assert_eq!(unknown, ["0x1234", "0x0", "0xffffffffffffffff"]);
        assert!(out.iter().all(|frame| frame.file == "??" && frame.line == 1));
        assert!(!symbolizer.has_line_tables());
    }
}
