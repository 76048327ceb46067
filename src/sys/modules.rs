//! What is loaded into the process: the program, its shared libraries, the kernel's vDSO.

use std::ffi::{CStr, OsStr, c_int, c_void};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A loaded file.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    /// Where the loader found it; `None` for the program itself.
    pub(crate) path: Option<PathBuf>,
    /// What to subtract from an address in memory to get one in the file: 0 for a program that is
    /// linked to a fixed place.
    pub(crate) bias: usize,
    /// The parts of memory it takes.
    pub(crate) segments: Vec<Range<usize>>,
    /// Its build id; empty when it has none.
    #[cfg_attr(not(feature = "symbolize"), allow(dead_code, reason = "nobody opens its file"))]
    pub(crate) build_id: Vec<u8>,
    /// Where the index of its unwind tables (`.eh_frame_hdr`) lies.
    #[cfg_attr(not(feature = "unwind"), allow(dead_code, reason = "nobody unwinds by them"))]
    pub(crate) unwind_index: Option<Range<usize>>,
}

impl Module {
    /// Whether `address` lies in it.
    pub(crate) fn contains(&self, address: usize) -> bool {
        self.segments.iter().any(|segment| segment.contains(&address))
    }

    /// Its file's name, without the directories.
    pub(crate) fn name(&self) -> String {
        let program = || std::env::current_exe().ok();
        let path = self.path.clone().or_else(program);
        let name = path.as_deref().and_then(Path::file_name).unwrap_or(OsStr::new("program"));
        // So the kernel marks the name of a program whose file is gone.
        name.to_string_lossy().trim_end_matches(" (deleted)").to_owned()
    }
}

/// A name for an address of which nothing is known but the module: `module+0xoffset`, or the
/// address alone where there is no module.
pub(crate) fn describe(module: Option<&Module>, address: usize) -> String {
    match module {
        Some(module) => format!("{}+{:#x}", module.name(), address.wrapping_sub(module.bias)),
        None => format!("{address:#x}"),
    }
}

/// What is loaded now; the program comes first.
pub(crate) fn loaded() -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    each_loaded(&mut |module| modules.push(module.clone()));
    modules
}

/// Shows `sink` what is loaded now; the program comes first. None is unloaded meanwhile.
pub(crate) fn each_loaded(sink: &mut dyn FnMut(&Module)) {
    let mut visit = Visit { is_first: true, sink };
    // SAFETY: `show` has the signature the loader calls, and gets `visit` as its data, which
    // outlives the call and is borrowed by nobody else meanwhile. Its sinks do not panic.
    unsafe { libc::dl_iterate_phdr(Some(show), (&raw mut visit).cast()) };
}

/// What [`show`] needs to know.
struct Visit<'a> {
    is_first: bool,
    sink: &'a mut dyn FnMut(&Module),
}

/// Called by the loader for each module.
///
/// # Safety
///
/// `info` describes a loaded module, which stays loaded during the call; `visit` points to the
/// [`Visit`] of [`each_loaded`].
unsafe extern "C" fn show(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    visit: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    let (info, visit) = unsafe { (&*info, &mut *visit.cast::<Visit<'_>>()) };
    let headers: &[libc::Elf64_Phdr] = match info.dlpi_phnum {
        0 => &[],
        // SAFETY: the loader keeps this many program headers of the module at this address.
        count => unsafe { std::slice::from_raw_parts(info.dlpi_phdr, count.into()) },
    };
    let bias = info.dlpi_addr as usize;
    let memory = |header: &libc::Elf64_Phdr| {
        let start = bias.wrapping_add(header.p_vaddr as usize);
        start..start.saturating_add(header.p_memsz as usize)
    };
    let of_type = |wanted| headers.iter().filter(move |header| header.p_type == wanted);
    let readable = |notes: &Range<usize>| {
        of_type(libc::PT_LOAD)
            .filter(|header| header.p_flags & libc::PF_R != 0)
            .map(memory)
            .any(|segment| segment.start <= notes.start && notes.end <= segment.end)
    };
    let build_id = of_type(libc::PT_NOTE)
        .map(|header| (memory(header), header.p_align))
        .filter(|(notes, _)| readable(notes))
        .find_map(|(notes, align)| {
            // SAFETY: the range lies in a segment that the loader has mapped readable, and
            // nobody writes to notes.
            let bytes =
                unsafe { std::slice::from_raw_parts(notes.start as *const u8, notes.len()) };
            build_id(bytes, align)
        });
    let is_program = std::mem::take(&mut visit.is_first);
    let path = match is_program || info.dlpi_name.is_null() {
        true => None,
        // SAFETY: the loader keeps a C string here.
        false => Some(unsafe { CStr::from_ptr(info.dlpi_name) }),
    };
    (visit.sink)(&Module {
        path: path.map(|path| OsStr::from_bytes(path.to_bytes()).into()),
        bias,
        segments: of_type(libc::PT_LOAD).map(memory).collect(),
        build_id: build_id.unwrap_or_default().to_vec(),
        unwind_index: of_type(libc::PT_GNU_EH_FRAME).map(memory).next().filter(readable),
    });
    0
}

/// The build id among the notes of an ELF file: owner `GNU`, type 3.
fn build_id(mut notes: &[u8], align: u64) -> Option<&[u8]> {
    const NT_GNU_BUILD_ID: u32 = 3;
    let align = if align == 8 { 8 } else { 4 };
    loop {
        let (header, rest) = notes.split_first_chunk::<12>()?;
        let word = |at: usize| {
            let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
            u32::from_ne_bytes(bytes)
        };
        let (name_len, data_len) = (word(0) as usize, word(4) as usize);
        let data_at = (12 + name_len).next_multiple_of(align) - 12;
        let name = rest.get(..name_len)?;
        let data = rest.get(data_at..)?.get(..data_len)?;
        if word(8) == NT_GNU_BUILD_ID && name == b"GNU\0" {
            return Some(data);
        }
        let end = (12 + data_at + data_len).next_multiple_of(align) - 12;
        notes = rest.get(end..)?;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Where the C library's `getenv` is, as the loader resolves it.
    pub(crate) fn c_library_function() -> usize {
        // SAFETY: the name is a C string, and looking up a symbol has no other effects.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"getenv".as_ptr()) as usize }
    }

    /// A library that nothing else here uses.
    #[cfg(feature = "unwind")]
    pub(crate) struct Library(*mut c_void);

    #[cfg(feature = "unwind")]
    impl Library {
        pub(crate) fn load(name: &CStr) -> Library {
            // SAFETY: one of the C library's own, whose constructors do nothing.
            let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) };
            assert!(!library.is_null(), "{name:?} cannot be loaded");
            Library(library)
        }

        pub(crate) fn function(&self, name: &CStr) -> usize {
            // SAFETY: the library is loaded.
            let function = unsafe { libc::dlsym(self.0, name.as_ptr()) };
            assert!(!function.is_null(), "no {name:?}");
            function as usize
        }
    }

    #[cfg(feature = "unwind")]
    impl Drop for Library {
        fn drop(&mut self) {
            // SAFETY: loaded by us, and nobody is in it.
            unsafe { libc::dlclose(self.0) };
        }
    }

    #[test]
    fn the_program_comes_first_and_contains_its_functions() {
        let modules = loaded();
        assert_eq!(modules[0].path, None);
        let here = the_program_comes_first_and_contains_its_functions as fn() as usize;
        assert!(modules[0].contains(here));
        assert_eq!(modules.iter().filter(|module| module.contains(here)).count(), 1);
        assert!(!modules[0].contains(0));

        let exe = std::env::current_exe().unwrap();
        let name = exe.file_name().unwrap().to_str().unwrap();
        assert_eq!(modules[0].name(), name);
        let described = describe(Some(&modules[0]), here);
        let offset = described.strip_prefix(&format!("{name}+0x")).unwrap();
        assert_eq!(usize::from_str_radix(offset, 16), Ok(here - modules[0].bias));
        assert_eq!(describe(None, 0x1234), "0x1234");
    }

    #[test]
    fn functions_of_the_c_library_are_somewhere() {
        let function = c_library_function();
        assert!(loaded().iter().any(|module| module.contains(function)));
    }

    /// A note as in a file.
    fn note(name: &[u8], kind: u32, data: &[u8], align: usize) -> Vec<u8> {
        let mut note = Vec::new();
        for word in [name.len() as u32, data.len() as u32, kind] {
            note.extend(word.to_ne_bytes());
        }
        for part in [name, data] {
            note.extend(part);
            note.resize(note.len().next_multiple_of(align), 0);
        }
        note
    }

    #[test]
    fn build_ids_among_other_notes() {
        for align in [4, 8] {
            let other = note(b"Linux\0", 3, b"12345", align);
            let abi = note(b"GNU\0", 1, &[0; 16], align);
            let id = note(b"GNU\0", 3, b"an id of some kind!", align);
            let notes = [other.clone(), abi, id, other.clone()].concat();
            assert_eq!(build_id(&notes, align as u64), Some(&b"an id of some kind!"[..]));
            assert_eq!(build_id(&other, align as u64), None);
            // Cut or damaged notes are no reason to fail.
            for end in 0..notes.len() {
                let _ = build_id(&notes[..end], align as u64);
            }
            for at in 0..notes.len() {
                let mut damaged = notes.clone();
                damaged[at] = 0xff;
                let _ = build_id(&damaged, align as u64);
            }
        }
        assert_eq!(build_id(&[0xff; 64], 4), None);
    }
}
