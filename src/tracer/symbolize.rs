//! Names, files and lines of addresses, from the program's own files.
//!
//! Stacks are recorded as bare return addresses; one background thread turns them into names when
//! a generation is written. Nothing is opened before the first address is asked for, every answer
//! is remembered, and every address has an answer: what the debug information does not know the
//! symbol table may, and where that is stripped too there is still `module+0xoffset`.
//!
//! The twin of this file for builds without the feature `symbolize` is `symbolize_off.rs`.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use addr2line::Loader;
use object::read::ReadCache;
use object::{Object, ReadRef, SymbolMapName};

use crate::sys::modules::{self, Module};

/// A path that always opens the file of the running program, also when it was moved or deleted.
const PROGRAM_FILE: &str = "/proc/self/exe";

/// In the place of a file or function that is not known: the format wants a name.
pub(crate) const UNKNOWN: &str = "??";

/// In the place of a line that is not known: the format wants a number above 0.
const UNKNOWN_LINE: u32 = 1;

/// Addresses remembered. A program calls from fewer places; what goes beyond is not code.
const CACHE_MAX: usize = 1 << 17;

/// A place in the source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Frame {
    /// The function's name, readable, never empty.
    pub(crate) func: String,
    /// The file, never empty.
    pub(crate) file: String,
    /// The line, never 0.
    pub(crate) line: u32,
}

impl Frame {
    /// A frame of which only the function's name is known.
    fn named(func: String) -> Frame {
        Frame { func, file: UNKNOWN.to_owned(), line: UNKNOWN_LINE }
    }
}

/// Turns return addresses into frames.
pub(crate) struct Symbolizer {
    images: Vec<Image>,
    cache: HashMap<usize, Box<[Frame]>>,
}

impl Symbolizer {
    /// A symbolizer for this process. Opens nothing yet.
    pub(crate) fn new() -> Self {
        let images = modules::loaded().into_iter().map(Image::new).collect();
        Symbolizer { images, cache: HashMap::new() }
    }

    /// Appends the frames of the call that returns to `return_pc`: the innermost first, then the
    /// functions it is inlined into. There is always at least one.
    pub(crate) fn frames(&mut self, return_pc: usize, out: &mut Vec<Frame>) {
        if let Some(frames) = self.cache.get(&return_pc) {
            out.extend_from_slice(frames);
            return;
        }
        let frames = self.look_up(return_pc);
        out.extend_from_slice(&frames);
        if self.cache.len() == CACHE_MAX {
            self.cache.clear();
        }
        self.cache.insert(return_pc, frames.into());
    }

    /// Where the function begins, by the symbol table, that has the call that returns to
    /// `return_pc`.
    #[cfg(feature = "pprof")]
    pub(crate) fn function_start(&mut self, return_pc: usize) -> Option<usize> {
        let call = return_pc.wrapping_sub(1);
        let image = self.image(call)?;
        Some(image.ask(call, Symbols::function_start)?? as usize + image.module.bias)
    }

    /// Whether the program was compiled with line tables: whether this very function has a line.
    pub(crate) fn has_line_tables(&self) -> bool {
        let here = Self::has_line_tables as fn(&Self) -> bool as usize;
        let image = self.images.iter().find(|image| image.module.contains(here));
        image.is_some_and(|image| image.has_line(here))
    }

    /// Whether the program has a symbol table: whether this very function has a name.
    pub(crate) fn has_names(&self) -> bool {
        let here = Self::has_names as fn(&Self) -> bool as usize;
        let image = self.images.iter().find(|image| image.module.contains(here));
        image.is_some_and(|image| !image.frames(here).is_empty())
    }

    fn look_up(&mut self, return_pc: usize) -> Vec<Frame> {
        // The call is before the address it returns to, which may belong to the next line or,
        // when the call never returns, to the next function.
        let call = return_pc.wrapping_sub(1);
        let image = self.image(call);
        let frames = image.map(|image| image.frames(call)).unwrap_or_default();
        if !frames.is_empty() {
            return frames;
        }
        let module = self.image(call).map(|image| &image.module);
        vec![Frame::named(modules::describe(module, return_pc))]
    }

    /// The module with this address; looks at what is loaded by now if it is in none known so far.
    fn image(&mut self, address: usize) -> Option<&Image> {
        let find = |images: &[Image]| images.iter().position(|i| i.module.contains(address));
        let known = find(&self.images).or_else(|| {
            self.refresh();
            find(&self.images)
        });
        known.map(|at| &self.images[at])
    }

    /// Forgets the modules that are gone, and takes up the new ones.
    fn refresh(&mut self) {
        let same = |a: &Module, b: &Module| (a.bias, &a.path) == (b.bias, &b.path);
        let loaded = modules::loaded();
        self.images.retain(|image| loaded.iter().any(|module| same(module, &image.module)));
        for module in loaded {
            if !self.images.iter().any(|image| same(&module, &image.module)) {
                self.images.push(Image::new(module));
            }
        }
    }
}

/// A module and what is known of its insides.
struct Image {
    module: Module,
    symbols: OnceCell<Symbols>,
    /// Reading its debug information has failed badly: keep away from it.
    broken: OnceCell<()>,
}

/// Where the names of a module come from.
enum Symbols {
    /// Debug information, and the symbol table. Large, and there are few.
    Debug(Box<Loader>),
    /// The symbol table alone: the debug information is damaged.
    Names(Vec<Name>),
    /// There is no file, or another one than the one that is loaded.
    Nothing,
}

/// An entry of a symbol table.
struct Name {
    address: u64,
    size: u64,
    name: String,
}

impl Image {
    fn new(module: Module) -> Image {
        Image { module, symbols: OnceCell::new(), broken: OnceCell::new() }
    }

    /// The frames at `address`, innermost first; none if nothing is known.
    fn frames(&self, address: usize) -> Vec<Frame> {
        self.ask(address, Symbols::frames).unwrap_or_default()
    }

    fn has_line(&self, address: usize) -> bool {
        self.ask(address, Symbols::has_line).unwrap_or_default()
    }

    /// Asks the symbols, opening them on first use. `None` when that is beyond them.
    ///
    /// The libraries do not panic on damaged files, as far as anyone knows. If they do, the trace
    /// must not suffer.
    fn ask<T>(&self, address: usize, question: fn(&Symbols, u64) -> T) -> Option<T> {
        if self.broken.get().is_some() {
            return None;
        }
        let probe = address.wrapping_sub(self.module.bias) as u64;
        let answer = catch_unwind(AssertUnwindSafe(|| {
            let symbols = self.symbols.get_or_init(|| Symbols::open(&self.module));
            question(symbols, probe)
        }));
        if answer.is_err() {
            self.broken.get_or_init(|| ());
        }
        answer.ok()
    }
}

impl Symbols {
    fn open(module: &Module) -> Symbols {
        let Some(path) = file_of(module) else { return Symbols::Nothing };
        if let Ok(loader) = Loader::new(&path) {
            return Symbols::Debug(Box::new(loader));
        }
        names(&path).map_or(Symbols::Nothing, Symbols::Names)
    }

    fn frames(&self, probe: u64) -> Vec<Frame> {
        match self {
            Symbols::Debug(loader) => debug_frames(loader, probe),
            Symbols::Names(names) => {
                let name = find_name(names, probe);
                name.map(|name| Frame::named(normalize(name))).into_iter().collect()
            }
            Symbols::Nothing => Vec::new(),
        }
    }

    #[cfg(feature = "pprof")]
    fn function_start(&self, probe: u64) -> Option<u64> {
        match self {
            Symbols::Debug(loader) => loader.find_symbol_info(probe).map(|symbol| symbol.address()),
            Symbols::Names(_) | Symbols::Nothing => None,
        }
    }

    fn has_line(&self, probe: u64) -> bool {
        match self {
            Symbols::Debug(loader) => match loader.find_location(probe) {
                Ok(Some(location)) => location.line.is_some(),
                _ => false,
            },
            Symbols::Names(_) | Symbols::Nothing => false,
        }
    }
}

/// The file of a module, if it is still the one that was loaded.
fn file_of(module: &Module) -> Option<PathBuf> {
    let Some(path) = &module.path else { return Some(program_file()) };
    let unchanged = module.build_id.is_empty() || {
        let file = ReadCache::new(File::open(path).ok()?);
        let object = object::File::parse(&file).ok()?;
        object.build_id().ok()? == Some(&module.build_id[..])
    };
    unchanged.then(|| path.clone())
}

/// The program's file: by its name, beside which split debug information may lie, unless that
/// name belongs to another file by now, or to none.
fn program_file() -> PathBuf {
    let identity = |path: PathBuf| {
        let data = fs::metadata(&path).ok()?;
        Some((data.dev(), data.ino()))
    };
    match std::env::current_exe() {
        Ok(path) if identity(path.clone()) == identity(PROGRAM_FILE.into()) => path,
        _ => PROGRAM_FILE.into(),
    }
}

/// The frames at `probe` by the debug information; by the symbol table where it is silent.
fn debug_frames(loader: &Loader, probe: u64) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut outermost_is_mangled = false;
    if let Ok(mut found) = loader.find_frames(probe) {
        while let Ok(Some(frame)) = found.next() {
            let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
            let name = name.as_deref().unwrap_or_default();
            let (file, line) =
                frame.location.map_or((None, None), |location| (location.file, location.line));
            outermost_is_mangled = is_mangled(name);
            frames.push(Frame {
                func: name.to_owned(),
                file: file.filter(|file| !file.is_empty()).unwrap_or(UNKNOWN).to_owned(),
                line: line.filter(|&line| line > 0).unwrap_or(UNKNOWN_LINE),
            });
        }
    }
    // With line tables only, inlined functions have a name without a path, and all their types.
    for at in 0..frames.len() {
        let name = match short_name(&frames[at].func) {
            None => normalize(&frames[at].func),
            Some(short) if !short.starts_with("{closure#") => short.to_owned(),
            Some(short) => {
                let parent = frames[at + 1..].iter().find_map(|outer| parent(short, &outer.func));
                parent.map_or_else(|| short.to_owned(), |parent| format!("{parent}::{short}"))
            }
        };
        frames[at].func = name;
    }
    // The outermost function is one of its own, with an entry in the symbol table. A name that is
    // not mangled lacks its path, so the entry is better, if there is one.
    if !outermost_is_mangled && let Some(symbol) = loader.find_symbol(probe).map(normalize) {
        match frames.last_mut() {
            Some(outermost) => outermost.func = symbol,
            None => frames.push(Frame::named(symbol)),
        }
    }
    frames
}

/// The name of a function without what is generic in it; `None`: it is a mangled one.
fn short_name(name: &str) -> Option<&str> {
    let is_short = !name.is_empty() && !name.starts_with('<') && !is_mangled(name);
    is_short.then(|| name.split('<').next().unwrap_or(name))
}

/// The function that the closure (`{closure#0}`) stands in, by the types of a function that it is
/// an argument of, as in `map<i32, main::work::{closure_env#0}>`.
fn parent<'a>(closure: &str, types: &'a str) -> Option<&'a str> {
    let number = closure.strip_prefix("{closure")?;
    let (before, _) = types.split_once(&format!("::{{closure_env{number}"))?;
    let begin = before.rfind(['<', '>', ' ', ',', '(', '&']).map_or(0, |at| at + 1);
    Some(&before[begin..]).filter(|path| !path.is_empty())
}

/// The symbol table of a file, by address.
fn names(path: &Path) -> Option<Vec<Name>> {
    let file = ReadCache::new(File::open(path).ok()?);
    let object = object::File::parse(&file).ok()?;
    Some(symbols_of(&object))
}

fn symbols_of<'data, R: ReadRef<'data>>(object: &object::File<'data, R>) -> Vec<Name> {
    let name = |symbol: &SymbolMapName<'data>| Name {
        address: symbol.address(),
        size: symbol.size(),
        name: symbol.name().to_owned(),
    };
    object.symbol_map().symbols().iter().map(name).collect()
}

/// The name of the symbol with this address; `names` are in order of addresses.
fn find_name(names: &[Name], probe: u64) -> Option<&str> {
    let after = names.partition_point(|name| name.address <= probe);
    let name = &names[after.checked_sub(1)?];
    let inside = name.size == 0 || probe - name.address < name.size;
    inside.then_some(&name.name)
}

fn is_mangled(name: &str) -> bool {
    rustc_demangle::try_demangle(name).is_ok()
}

/// A readable name of a function: demangled, without the hash at its end.
///
/// Takes both of Rust's manglings, and leaves alone what is not mangled. Generic arguments and
/// closures (`{{closure}}`, `{closure#0}`) stay.
fn normalize(name: &str) -> String {
    let mut name = format!("{:#}", rustc_demangle::demangle(name));
    if let Some((path, hash)) = name.rsplit_once("::")
        && is_hash(hash)
    {
        name.truncate(path.len());
    }
    if name.is_empty() { UNKNOWN.to_owned() } else { name }
}

/// Whether this is the last part of a legacy name: `h` and 16 hexadecimal digits.
fn is_hash(part: &str) -> bool {
    part.len() == 17
        && part.strip_prefix('h').is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// The address this call returns to.
    #[unsafe(naked)]
    extern "C" fn return_pc() -> usize {
        #[cfg(target_arch = "x86_64")]
        std::arch::naked_asm!("mov rax, [rsp]", "ret");
        #[cfg(target_arch = "aarch64")]
        std::arch::naked_asm!("mov x0, x30", "ret");
    }

    #[rustfmt::skip]
    #[inline(never)]
    fn plain() -> (usize, u32) { (return_pc(), line!()) }

    #[rustfmt::skip]
    #[inline(always)]
    fn inlined() -> (usize, u32) { (return_pc(), line!()) }

    #[rustfmt::skip]
    #[inline(never)]
    fn outer() -> (usize, u32, u32) { let (pc, line) = inlined(); (pc, line, line!()) }

    #[rustfmt::skip]
    #[inline(never)]
    fn in_closure() -> usize {
        #[inline(never)]
        fn call(f: impl Fn() -> usize) -> usize { f() }
        call(|| return_pc() + std::hint::black_box(0))
    }

    fn frames(pc: usize) -> Vec<Frame> {
        let mut out = Vec::new();
        Symbolizer::new().frames(pc, &mut out);
        out
    }

    fn assert_complete(frames: &[Frame]) {
        assert!(!frames.is_empty());
        for frame in frames {
            assert!(
                !frame.func.is_empty() && !frame.file.is_empty() && frame.line > 0,
                "{frame:?}"
            );
        }
    }

    #[test]
    fn a_call_has_its_function_file_and_line() {
        let (pc, line) = plain();
        let frames = frames(pc);
        let [frame] = &frames[..] else { panic!("{frames:?}") };
        assert!(frame.func.ends_with("symbolize::tests::plain"), "{frame:?}");
        assert!(frame.file.ends_with("symbolize.rs"), "{frame:?}");
        assert_eq!(frame.line, line);
    }

    #[test]
    fn the_address_of_a_function_plus_one_is_that_function() {
        let frames = frames(plain as fn() -> (usize, u32) as usize + 1);
        assert!(frames.last().unwrap().func.ends_with("::plain"), "{frames:?}");
    }

    #[test]
    fn inlined_calls_are_frames_of_their_own() {
        let (pc, inner_line, outer_line) = outer();
        let frames = frames(pc);
        let [inner, outer] = &frames[..] else { panic!("{frames:?}") };
        assert!(inner.func.ends_with("inlined"), "{inner:?}");
        assert!(outer.func.ends_with("symbolize::tests::outer"), "{outer:?}");
        assert_eq!((inner.line, outer.line), (inner_line, outer_line));
        assert!(inner.file.ends_with("symbolize.rs") && outer.file.ends_with("symbolize.rs"));
    }

    #[test]
    fn closures_are_told_from_their_functions() {
        let frames = frames(in_closure());
        let func = &frames[0].func;
        assert!(func.contains("closure"), "{func}");
        assert!(frames.iter().all(|frame| frame.file.ends_with("symbolize.rs")), "{frames:?}");
    }

    #[test]
    fn answers_are_remembered_and_appended() {
        let mut symbolizer = Symbolizer::new();
        let mut out = Vec::new();
        let pc = outer().0;
        symbolizer.frames(pc, &mut out);
        let first = out.clone();
        symbolizer.frames(pc, &mut out);
        assert_eq!(out, [&first[..], &first[..]].concat());
        assert_eq!(symbolizer.cache.len(), 1);
    }

    #[test]
    fn garbage_has_an_answer_too() {
        let mut symbolizer = Symbolizer::new();
        let mut out = Vec::new();
        for pc in [0, 1, 0x1234, usize::MAX, usize::MAX - 1, 1 << 63, &raw const out as usize] {
            out.clear();
            symbolizer.frames(pc, &mut out);
            assert_eq!(out, [Frame::named(format!("{pc:#x}"))]);
        }
        // Every part of every module: code, data, what lies between functions, the vDSO.
        for module in modules::loaded() {
            for segment in &module.segments {
                let step = (segment.len() / 50).max(1);
                for pc in segment.clone().step_by(step).chain([segment.end]) {
                    out.clear();
                    symbolizer.frames(pc, &mut out);
                    assert_complete(&out);
                }
            }
        }
    }

    #[test]
    fn shared_libraries_have_names() {
        let name = |image: &Image, pc| image.frames(pc).first().map(|frame| frame.func.clone());
        let symbolizer = Symbolizer::new();
        let pc = modules::tests::c_library_function() + 1;
        let image = symbolizer.images.iter().find(|image| image.module.contains(pc)).unwrap();
        assert_eq!(name(image, pc).as_deref(), Some("getenv"));
        // Another build than the one that is loaded answers nothing rather than nonsense.
        if !image.module.build_id.is_empty() {
            let mut other = image.module.clone();
            other.build_id[0] ^= 1;
            assert_eq!(name(&Image::new(other), pc), None);
        }
    }

    #[test]
    fn this_build_has_names_and_line_tables() {
        assert!(Symbolizer::new().has_names() && Symbolizer::new().has_line_tables());
    }

    #[test]
    fn closures_without_a_path_are_told_by_the_types_of_their_callers() {
        assert_eq!(short_name("fold<core::ops::Range<i32>, ()>"), Some("fold"));
        assert_eq!(short_name("{closure#1}<i32, a::b::{closure_env#0}>"), Some("{closure#1}"));
        assert_eq!(short_name("_RNvC6_123foo3bar"), None);
        assert_eq!(short_name("<a::B as c::D>::e"), None);
        let types = "call<(), &mut main::a::{closure_env#0}, main::b::{closure_env#1}<i32>>";
        assert_eq!(parent("{closure#0}", types), Some("main::a"));
        assert_eq!(parent("{closure#1}", types), Some("main::b"));
        assert_eq!(parent("{closure#2}", types), None);
        assert_eq!(parent("{closure#0}", "main::work"), None);
    }

    /// A symbolizer that takes `file` for the program.
    fn symbolizer_of(file: &Path) -> Symbolizer {
        let mut program = modules::loaded().swap_remove(0);
        program.path = Some(file.to_owned());
        program.build_id.clear();
        Symbolizer { images: vec![Image::new(program)], cache: HashMap::new() }
    }

    #[test]
    fn damaged_files_do_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("damaged");
        let program = fs::read(PROGRAM_FILE).unwrap();
        let (pc, line) = plain();
        let check = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            let mut symbolizer = symbolizer_of(&path);
            let mut out = Vec::new();
            for pc in [pc, pc + 16, symbolizer.images[0].module.bias + 1] {
                let before = out.len();
                symbolizer.frames(pc, &mut out);
                assert_complete(&out[before..]);
            }
            let lines = symbolizer.has_line_tables();
            (out.swap_remove(0), lines)
        };
        let whole = check(&program);
        assert_eq!((whole.0.line, whole.1), (line, true));

        // Without its sections, a file has no names: this is what `strip` could leave at worst.
        let mut stripped = program.clone();
        stripped[0x28..0x30].fill(0); // where the section headers are
        stripped[0x3c..0x40].fill(0); // how many, and which one has their names
        let (frame, lines) = check(&stripped);
        assert!(frame.func.starts_with("damaged+0x"), "{frame:?}");
        assert_eq!((&*frame.file, frame.line, lines), (UNKNOWN, UNKNOWN_LINE, false));

        for part in [0, 3, 64, program.len() / 4, program.len() / 2, program.len() - 1] {
            check(&program[..part]);
        }
        check(&vec![0xff; 5000]);
        // Single wrong bytes all over the file, from a fixed seed.
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for every in [10_000, 1000, 100] {
            let mut bytes = program.clone();
            for at in (64..bytes.len()).step_by(every) {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                bytes[at] = random as u8;
            }
            check(&bytes);
        }
    }

    #[test]
    fn names_without_debug_information() {
        let pc = plain().0;
        let program = modules::loaded().swap_remove(0);
        let probe = (pc - program.bias - 1) as u64;
        let names = names(Path::new(PROGRAM_FILE)).unwrap();
        let frames = Symbols::Names(names).frames(probe);
        assert!(frames[0].func.ends_with("symbolize::tests::plain"), "{frames:?}");
        assert_eq!((&*frames[0].file, frames[0].line), (UNKNOWN, UNKNOWN_LINE));
    }

    #[test]
    fn names_are_found_by_address_and_size() {
        let name = |address, size, name: &str| Name { address, size, name: name.into() };
        let names = [name(10, 5, "a"), name(20, 0, "b"), name(30, 1, "c")];
        let found = [9, 10, 14, 15, 19, 20, 29, 30, 31].map(|probe| find_name(&names, probe));
        let (a, b, c) = (Some("a"), Some("b"), Some("c"));
        assert_eq!(found, [None, a, a, None, None, b, b, c, None]);
        assert_eq!(find_name(&[], 5), None);
    }

    #[test]
    fn a_deleted_program_is_still_readable() {
        const CHILD: &str = "GORT_TEST_DELETES_ITSELF";
        let test = std::thread::current().name().unwrap().to_owned();
        if std::env::var_os(CHILD).is_some() {
            let exe = std::env::current_exe().unwrap();
            fs::remove_file(&exe).unwrap();
            // Another file may have taken its name.
            fs::write(&exe, "not a program").unwrap();
            let (pc, line) = plain();
            assert_eq!(frames(pc)[0].line, line);
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        fs::copy(PROGRAM_FILE, &copy).unwrap();
        let child = Command::new(&copy).args([&test, "--exact"]).env(CHILD, "1").output().unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && said.contains("1 passed"), "{said}");
        assert_eq!(fs::read(&copy).unwrap(), b"not a program");
    }

    #[test]
    fn readable_names() {
        for (mangled, readable) in [
            // Legacy.
            ("_ZN4gort5sched4main17h0123456789abcdefE", "gort::sched::main"),
            (
                "_ZN4core6option15Option$LT$T$GT$3map17h0123456789abcdefE",
                "core::option::Option<T>::map",
            ),
            (
                "_ZN4main4main28_$u7b$$u7b$closure$u7d$$u7d$17h05af221e174051e9E",
                "main::main::{{closure}}",
            ),
            ("_ZN3foo3bar17h05af221e174051e9E.llvm.1234567890", "foo::bar"),
            // v0.
            ("_RNvC6_123foo3bar", "123foo::bar"),
            ("_RNvCs1234_7mycrate3foo", "mycrate::foo"),
            ("_RNCNvC4main4main0B3_", "main::main::{closure#0}"),
            ("_RINvC7mycrate3foolE", "mycrate::foo::<i32>"),
            // Readable already, hash or not; not Rust at all.
            ("main::main::h0123456789abcdef", "main::main"),
            ("main::main::{{closure}}", "main::main::{{closure}}"),
            ("main::header::h0123456789abcdeg", "main::header::h0123456789abcdeg"),
            ("getenv", "getenv"),
            ("_ZNSt6vectorIiSaIiEE9push_backEOi", "_ZNSt6vectorIiSaIiEE9push_backEOi"),
            ("", UNKNOWN),
        ] {
            assert_eq!(normalize(mangled), readable);
        }
    }

    #[test]
    fn symbolizers_can_move_to_another_thread() {
        fn assert_send<T: Send>() {}
        assert_send::<Symbolizer>();
    }
}
