//! Unwinding by tables: what the compiler leaves in `.eh_frame` for panics says of every
//! instruction where its function's return address is. framehop reads it.
//!
//! The tables of all modules are found once, when they are first wanted, and looked at again where
//! a generation of a trace ends: what was loaded meanwhile comes to them then. The program's own
//! are read where they lie. A library may be unloaded, so of its tables there is a copy.
//!
//! A walk takes no lock and no memory, so it may happen in a signal handler. It needs a *cache*
//! (`unwind_rules.rs`) for itself, in which most steps find a rule ready to be followed: each
//! processor has one for its events, and a few are for whoever comes. What is not in the cache
//! takes a microsecond and some KiB of stack, more than a goroutine may have left: callers see to
//! that.
//!
//! The twin of this file for builds without the feature `unwind` is `unwind_tables_off.rs`.

use std::cell::UnsafeCell;
use std::ops::{Deref, Range};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use framehop::{
    CacheNative, ExplicitModuleSectionInfo, FrameAddress, Module, MustNotAllocateDuringUnwind,
    UnwindRegsNative, Unwinder as _, UnwinderNative,
};
use parking_lot::Mutex;

use super::unwind::{Bounds, Pcs, Registers};
use super::unwind_rules::{self as rules, Place, Rules};
use crate::sys::modules;

/// Whether stacks can be walked by tables, if the program has some.
pub(crate) const ARE_BUILT_IN: bool = true;

/// Changes of what is loaded that are followed. Each leaves some memory behind.
const CHANGES_MAX: usize = 200;

type Policy = MustNotAllocateDuringUnwind;
type Unwinder = UnwinderNative<Bytes, Policy>;

/// What the tables of a module say, and a walk reads.
enum Bytes {
    InPlace(&'static [u8]),
    Copied(Box<[u8]>),
}

impl Default for Bytes {
    fn default() -> Bytes {
        Bytes::InPlace(&[])
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::InPlace(bytes) => bytes,
            Bytes::Copied(bytes) => bytes,
        }
    }
}

/// The tables of what is loaded; null before [`prepare`]. What was here before is kept: a signal
/// handler may still read it.
static UNWINDER: AtomicPtr<Unwinder> = AtomicPtr::new(std::ptr::null_mut());

fn unwinder() -> Option<&'static Unwinder> {
    // ORDERING: Acquire, pairs with the Release in `refresh`.
    let unwinder = UNWINDER.load(Ordering::Acquire);
    // SAFETY: null, or leaked.
    unsafe { unwinder.as_ref() }
}

/// What a walk needs for itself: rules that were followed before, and framehop's own memory.
pub(crate) struct Cache(Option<Memory>);

struct Memory {
    rules: Rules,
    framehop: CacheNative<Policy>,
    /// The tables that the rules are of.
    of: *const Unwinder,
}

// SAFETY: the pointer is only compared.
unsafe impl Send for Memory {}

impl Cache {
    /// An empty cache, which its first walk makes room for.
    pub(crate) const fn new() -> Cache {
        Cache(None)
    }

    /// The memory, without rules of other tables than these.
    fn memory(&mut self, unwinder: &'static Unwinder) -> &mut Memory {
        let memory = self.0.get_or_insert_with(Memory::new);
        if !std::ptr::eq(memory.of, unwinder) {
            memory.rules.clear();
            memory.of = unwinder;
        }
        memory
    }
}

impl Memory {
    fn new() -> Memory {
        Memory { rules: Rules::new(), framehop: CacheNative::new_in(), of: std::ptr::null() }
    }

    /// From a function at `place`, with these registers, to its caller. `None`: the tables say
    /// nothing, or nothing sensible, of that place.
    #[inline]
    fn step(
        &mut self,
        unwinder: &Unwinder,
        place: Place,
        at: &Registers,
        read: &impl Fn(usize) -> Option<usize>,
    ) -> Option<Registers> {
        if let Some(rule) = self.rules.get(place) {
            return rule.follow(at, read);
        }
        self.step_slow(unwinder, place, at, read)
    }

    #[cold]
    #[inline(never)]
    fn step_slow(
        &mut self,
        unwinder: &Unwinder,
        place: Place,
        at: &Registers,
        read: &impl Fn(usize) -> Option<usize>,
    ) -> Option<Registers> {
        let learned = rules::learn(|at, read| self.ask(unwinder, place, at, read));
        if let Some(rule) = learned {
            self.rules.put(place, rule);
        }
        self.ask(unwinder, place, at, &mut |address| read(address))
    }

    /// framehop's answer.
    fn ask(
        &mut self,
        unwinder: &Unwinder,
        place: Place,
        at: &Registers,
        read: &mut dyn FnMut(usize) -> Option<usize>,
    ) -> Option<Registers> {
        let mut registers = native(at);
        let address = match place {
            Place::Interrupted(pc) => FrameAddress::from_instruction_pointer(pc as u64),
            Place::Return(pc) => FrameAddress::from_return_address(pc as u64)?,
        };
        let mut read = |address: u64| read(address as usize).map(|w| w as u64).ok_or(());
        let pc = unwinder.unwind_frame(address, &mut registers, &mut self.framehop, &mut read);
        let (stack, frame) = (registers.sp() as usize, frame_pointer(&registers) as usize);
        pc.ok().flatten().map(|pc| Registers { pc: pc as usize, stack, frame })
    }
}

/// A cache for whoever comes first.
struct Shared {
    is_taken: AtomicBool,
    cache: UnsafeCell<Cache>,
}

// SAFETY: the cache is whoever's has taken it.
unsafe impl Sync for Shared {}

/// As many handlers walk at the same time; one more has to do without.
static SHARED: [Shared; 8] =
    [const { Shared { is_taken: AtomicBool::new(false), cache: UnsafeCell::new(Cache::new()) } };
        8];

impl Shared {
    /// Runs `f` with a cache. `None`: all are taken.
    fn with<R>(f: impl FnOnce(&mut Cache) -> R) -> Option<R> {
        // ORDERING: Acquire, pairs with the Release below.
        let take = |shared: &&Shared| !shared.is_taken.swap(true, Ordering::Acquire);
        let shared = SHARED.iter().find(take)?;
        // SAFETY: taken by this walk.
        let result = f(unsafe { &mut *shared.cache.get() });
        // ORDERING: Release, pairs with the Acquire above.
        shared.is_taken.store(false, Ordering::Release);
        Some(result)
    }
}

/// Finds the tables of what is loaded now, or looks for what has changed. Not in a signal handler,
/// and not inside the runtime: it takes memory, and the loader's lock.
pub(crate) fn prepare() {
    static FIRST: Once = Once::new();
    // On a thread of its own, since the caller may be a goroutine with little stack left.
    FIRST.call_once(|| {
        let thread = std::thread::Builder::new().name("gort-unwind".into()).spawn(first);
        let _ = thread.map(std::thread::JoinHandle::join);
    });
    if unwinder().is_some() {
        refresh();
    }
}

fn first() {
    for shared in &SHARED {
        // SAFETY: no walk takes one before there are tables.
        unsafe { *shared.cache.get() = Cache(Some(Memory::new())) };
    }
    refresh();
}

/// What is known of the modules that the tables are of.
static KNOWN: Mutex<Known> = Mutex::new(Known { modules: Vec::new(), changes: 0 });

struct Known {
    modules: Vec<Loaded>,
    changes: usize,
}

/// A module, told from others that are loaded at its place when it is gone.
#[derive(PartialEq, Eq)]
struct Loaded {
    start: usize,
    index: Range<usize>,
    build_id: Vec<u8>,
}

impl Loaded {
    /// `None`: it has no tables.
    fn of(module: &modules::Module) -> Option<Loaded> {
        let index = module.unwind_index.clone()?;
        let start = module.segments.iter().map(|segment| segment.start).min()?;
        Some(Loaded { start, index, build_id: module.build_id.clone() })
    }
}

/// Makes the tables those of what is loaded now.
fn refresh() {
    let mut known = KNOWN.lock();
    if known.changes == CHANGES_MAX {
        return;
    }
    let mut fresh = Vec::new();
    let mut seen = Vec::new();
    modules::each_loaded(&mut |module| {
        let Some(loaded) = Loaded::of(module) else { return };
        if !known.modules.contains(&loaded) {
            fresh.extend(tables_of(module, &loaded.index));
        }
        seen.push(loaded);
    });
    if seen == known.modules {
        return;
    }
    let mut all = unwinder().map_or_else(Unwinder::new, Clone::clone);
    // Something else may be there by now, also in the midst of it.
    let gone = known.modules.iter().filter(|loaded| !seen.contains(loaded));
    gone.for_each(|loaded| all.remove_module(loaded.start as u64));
    fresh.into_iter().for_each(|module| all.add_module(module));
    known.modules = seen;
    known.changes += 1;
    // ORDERING: Release, pairs with the Acquire in `unwinder`.
    UNWINDER.store(Box::into_raw(Box::new(all)), Ordering::Release);
}

/// The tables of a module that is loaded, and stays so during the call. `None`: they are of no kind
/// that linkers make.
fn tables_of(module: &modules::Module, index: &Range<usize>) -> Option<Module<Bytes>> {
    let whole = module.segments.iter().map(|segment| segment.start).min()?
        ..module.segments.iter().map(|segment| segment.end).max()?;
    let frames = frames_by(module, index)?;
    let bytes = |range: &Range<usize>| {
        // SAFETY: both ranges lie in a part of memory that the loader has mapped for reading, and
        // that nobody writes to. The program itself is never unloaded.
        let bytes = unsafe { std::slice::from_raw_parts(range.start as *const u8, range.len()) };
        let is_program = module.path.is_none();
        if is_program { Bytes::InPlace(bytes) } else { Bytes::Copied(bytes.into()) }
    };
    let place = |range: &Range<usize>| range.start as u64..range.end as u64;
    // All addresses are those in memory: the tables are read as they were loaded.
    let sections = ExplicitModuleSectionInfo {
        base_svma: whole.start as u64,
        eh_frame_hdr_svma: Some(place(index)),
        eh_frame_hdr: Some(bytes(index)),
        eh_frame_svma: Some(place(&frames)),
        eh_frame: Some(bytes(&frames)),
        ..Default::default()
    };
    Some(Module::new(String::new(), place(&whole), whole.start as u64, sections))
}

/// Where the tables lie, by their index (`.eh_frame_hdr`): from where it says to the end of that
/// part of the module.
fn frames_by(module: &modules::Module, index: &Range<usize>) -> Option<Range<usize>> {
    /// Version 1, and the distance from here as four bytes.
    const VERSION: u8 = 1;
    const RELATIVE: u8 = 0x1b;
    if index.len() < 8 {
        return None;
    }
    // SAFETY: the index is readable, and as long as that.
    let [version, encoding, _, _, d0, d1, d2, d3] = unsafe { *(index.start as *const [u8; 8]) };
    if (version, encoding) != (VERSION, RELATIVE) {
        return None;
    }
    let distance = i32::from_ne_bytes([d0, d1, d2, d3]) as isize;
    let start = (index.start + 4).wrapping_add_signed(distance);
    let segment = module.segments.iter().find(|segment| segment.contains(&start))?;
    if !segment.contains(&index.start) {
        return None;
    }
    // Where there is no copy to be made, nobody reads them all just to know where they end.
    let end = match &module.path {
        None => segment.end,
        // SAFETY: in the same segment as the index, and so readable.
        Some(_) => unsafe { end_of_frames(start, segment.end) },
    };
    Some(start..end)
}

/// Where the tables end that begin at `start`: each record begins with its length, and the last
/// one is empty.
///
/// # Safety
/// `start..limit` is readable.
unsafe fn end_of_frames(start: usize, limit: usize) -> usize {
    /// In the place of a length: it follows with eight bytes, which no linker has needed so far.
    const LONG: u32 = u32::MAX;
    let mut at = start;
    while at + 4 <= limit {
        // SAFETY: by the caller's promise.
        let length = unsafe { (at as *const u32).read_unaligned() };
        if length == LONG {
            break;
        }
        at += 4 + length as usize;
        if length == 0 {
            return at.min(limit);
        }
    }
    limit
}

/// Walks up from `from` and adds the return addresses, up to the root. False: the tables do not
/// lead there.
///
/// It takes no memory but for the cache's first walk.
pub(crate) fn walk(cache: &mut Cache, from: &Registers, bounds: Bounds, out: &mut Pcs) -> bool {
    let Some(unwinder) = unwinder() else { return false };
    let memory = cache.memory(unwinder);
    let stack = from.stack.max(bounds.low)..bounds.root;
    let read = |address| word(address, &stack);
    let (mut at, mut place) = (*from, Place::Interrupted(from.pc));
    loop {
        let Some(next) = memory.step(unwinder, place, &at, &read) else { return false };
        if next.stack >= bounds.root {
            return true;
        }
        if next.stack < at.stack || next.pc == 0 {
            return false;
        }
        if !out.push(next.pc) {
            return true;
        }
        (at, place) = (next, Place::Return(next.pc));
    }
}

/// Walks up a stack of which no end is known, with a cache for whoever comes: `read` reads it, and
/// knows what can be read. Not in a signal handler, whose stack may be small.
#[cfg(feature = "pprof")]
pub(crate) fn walk_unbounded(
    from: &Registers,
    read: impl Fn(usize) -> Option<usize>,
    out: &mut Pcs,
) {
    let Some(unwinder) = unwinder() else { return };
    Shared::with(|cache| {
        let memory = cache.memory(unwinder);
        let (mut at, mut place) = (*from, Place::Interrupted(from.pc));
        while let Some(next) = memory.step(unwinder, place, &at, &read) {
            if next.stack < at.stack || next.pc == 0 || !out.push(next.pc) {
                break;
            }
            (at, place) = (next, Place::Return(next.pc));
        }
    });
}

/// As [`walk`], with a cache for whoever comes. False also if all are taken.
pub(crate) fn walk_shared(from: &Registers, bounds: Bounds, out: &mut Pcs) -> bool {
    // Before there are tables there are no caches either.
    unwinder().is_some() && Shared::with(|cache| walk(cache, from, bounds, out)).unwrap_or_default()
}

/// The word at `address`, if it is on this stack.
#[inline]
fn word(address: usize, stack: &Range<usize>) -> Option<usize> {
    let inside = address >= stack.start && address < stack.end && stack.end - address >= 8;
    // SAFETY: within the live part of a stack that stands still, or is the caller's own.
    inside.then(|| unsafe { (address as *const usize).read_unaligned() })
}

#[cfg(target_arch = "x86_64")]
fn native(from: &Registers) -> UnwindRegsNative {
    UnwindRegsNative::new(from.pc as u64, from.stack as u64, from.frame as u64)
}

#[cfg(target_arch = "x86_64")]
fn frame_pointer(registers: &UnwindRegsNative) -> u64 {
    registers.bp()
}

/// The link register is not known: a function that was interrupted before it kept it has no
/// caller.
#[cfg(target_arch = "aarch64")]
fn native(from: &Registers) -> UnwindRegsNative {
    UnwindRegsNative::new(0, from.stack as u64, from.frame as u64)
}

#[cfg(target_arch = "aarch64")]
fn frame_pointer(registers: &UnwindRegsNative) -> u64 {
    registers.fp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracer::unwind;

    /// Held by whoever changes what is loaded, or wants that nobody does.
    static LOADING: Mutex<()> = Mutex::new(());

    /// Walks from `depth` calls down, by `walk`.
    #[inline(never)]
    fn at(depth: u32, walk: &mut dyn FnMut(&Registers)) {
        match depth {
            0 => walk(&unwind::registers()),
            _ => at(std::hint::black_box(depth - 1), walk),
        }
        std::hint::black_box(());
    }

    #[test]
    fn tables_and_frame_pointers_lead_the_same_way() {
        unwind::check();
        prepare();
        let bounds = Bounds { low: 0, root: unwind::registers().stack };
        let (mut cache, mut first, mut second) = (Cache::new(), Pcs::new(), Pcs::new());
        let mut framed: Pcs = Pcs::new();
        at(9, &mut |here| {
            let bounds = Bounds { low: here.stack, ..bounds };
            assert!(walk(&mut cache, here, bounds, &mut first));
            assert!(walk(&mut cache, here, bounds, &mut second));
            let by_frames = unwind::walk_frames(here, bounds, &mut framed);
            assert_eq!(by_frames.is_some(), unwind::frames_hold());
        });
        // Nine calls return to `at`, and one to here.
        assert_eq!(first.len(), 9, "{:x?}", &*first);
        assert!(first.windows(2).all(|pair| pair[0] == pair[1]), "{:x?}", &*first);
        assert_eq!(*first, *second);
        if unwind::frames_hold() {
            assert_eq!(*first, *framed);
        }
    }

    #[test]
    fn a_walk_stays_on_its_stack() {
        prepare();
        let mut cache = Cache::new();
        at(3, &mut |here| {
            // Too little of it: what cannot be read ends the walk.
            let bounds = Bounds { low: here.stack, root: here.stack + 16 };
            let mut pcs = Pcs::new();
            walk(&mut cache, here, bounds, &mut pcs);
            assert!(pcs.is_empty(), "{:x?}", &*pcs);
            // Nonsense in the registers.
            for stack in [0, 8, usize::MAX - 64, here.stack | 1] {
                let bounds = Bounds { low: stack, root: stack };
                let nonsense = Registers { stack, frame: usize::MAX, ..*here };
                walk(&mut cache, &nonsense, bounds, &mut pcs);
                assert!(pcs.is_empty(), "{:x?}", &*pcs);
            }
        });
    }

    #[test]
    fn what_has_not_changed_is_not_looked_at_again() {
        let _alone = LOADING.lock();
        prepare();
        let (tables, changes) = (unwinder().map(std::ptr::from_ref), KNOWN.lock().changes);
        assert!(tables.is_some() && changes > 0);
        prepare();
        assert_eq!((unwinder().map(std::ptr::from_ref), KNOWN.lock().changes), (tables, changes));
    }

    /// Where a library was, there may be another one next.
    #[test]
    fn tables_go_with_their_library() {
        let _alone = LOADING.lock();
        let library = modules::tests::Library::load(c"libresolv.so.2");
        let place = Place::Interrupted(library.function(c"inet_neta"));
        // Where a function begins, there is but a return address, or nothing. Frame pointers are
        // what is left without tables.
        let knows = || {
            let at = Registers { pc: 0, stack: 0x1000, frame: 0x8000 };
            let mut memory = Memory::new();
            let above = memory.ask(unwinder().unwrap(), place, &at, &mut |_| Some(0x10_0000));
            above.is_some_and(|above| above.stack < at.frame)
        };
        prepare();
        assert!(knows());
        drop(library);
        prepare();
        assert!(!knows());
    }
}
