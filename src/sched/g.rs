//! G: a goroutine, 128 bytes in a slot that is never unmapped.
//!
//! ```text
//! line 0   state word | id | coro | next | entry | parked stack, last event | join
//!          | holders, reason, flags, since
//! line 1   location | extras | creator's id | storage: the closure before it runs, its result after
//! ```
//! Slots come from slabs and return to free lists, so a pointer to a slot stays readable for ever;
//! whose slot it is now, the owner knows (it holds a reference) or the state word tells.

use std::alloc::{Layout, handle_alloc_error};
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};

use parking_lot::Mutex;

use super::annotations::Annotations;
use super::bubble::Bubble;
use super::coro::Coro;
use super::join::{Holders, JoinSlot};
use super::locals::Locals;
use super::scope::ScopeState;
use super::unseen::RunPanics;
use crate::sys::memory;
use crate::tracer::emit::{Identity, Traced};
use crate::tracer::stack_table::Site;
use crate::tracer::status::StateWord;
use crate::wire::reason::WaitReason;

/// Bytes for a closure or a result in the slot itself; larger ones are boxed.
pub(crate) const INLINE_BYTES: usize = 40;

/// What a goroutine runs: functions made for its closure's and its result's types.
pub(crate) struct Entry {
    /// Takes the closure out of the storage, runs it and puts its result there.
    pub(crate) run: unsafe fn(*mut G),
    /// Drops the closure, which never ran, and puts this panic payload in the result's place.
    pub(crate) refuse: unsafe fn(*mut G, Box<dyn std::any::Any + Send>),
    /// Drops the result, but returns a panic, which nobody has seen.
    pub(crate) drop_result: unsafe fn(*mut G) -> Option<Box<dyn std::any::Any + Send>>,
    /// The name of the closure's type.
    pub(crate) name: fn() -> &'static str,
}

/// What few goroutines have.
#[derive(Default)]
pub(crate) struct Extras {
    /// A name given by the user.
    pub(crate) name: Option<String>,
    /// A stack of its own size.
    pub(crate) coro: Option<super::stack::Reserved>,
    /// The generation whose trace has the name and the labels. Its owner's.
    pub(crate) labelled: Cell<u32>,
    /// Some generation had it.
    pub(crate) was_labelled: Cell<bool>,
    /// The bubble it belongs to, with `FLAG_BUBBLED`. Given at its birth.
    pub(crate) bubble: Option<Arc<Bubble>>,
    /// The leak check that watches it, with `FLAG_WATCHED`; 0: none. Its owner sets it.
    pub(crate) watch: AtomicU32,
    /// Its task, regions and labels. Its owner's.
    pub(crate) annotations: Annotations,
    /// How many guards keep it on its thread. Its owner's.
    pub(crate) os_thread_locks: Cell<u32>,
    /// The goroutine-locals. Its owner's.
    pub(crate) locals: Locals,
    /// The scope that waits for its end.
    pub(crate) scope: Option<Arc<ScopeState>>,
    /// The run that its unseen panic goes to. Set before it first runs.
    pub(crate) panics: OnceCell<Arc<RunPanics>>,
}

impl Extras {
    /// The leak check that watches the goroutine, 0 for none.
    pub(crate) fn watch(&self) -> u32 {
        self.watch.load(Ordering::Relaxed)
    }

    /// Takes over what a goroutine passes on to those it starts.
    pub(crate) fn inherit(&mut self, from: &Extras) {
        if self.bubble.is_none() {
            self.bubble.clone_from(&from.bubble);
        }
        self.watch.store(from.watch(), Ordering::Relaxed);
        self.annotations.inherit(&from.annotations);
        if let Some(panics) = from.panics.get() {
            let _ = self.panics.set(Arc::clone(panics));
        }
    }
}

/// `exiting`: `goexit` was called and its unwinding has not yet reached the root.
pub(crate) const FLAG_EXITING: u16 = 1;
/// The goroutine stays on the thread that its coroutine names.
pub(crate) const FLAG_LOCKED: u16 = 2;
/// The last pick passed it on so that it changes threads (`GORTDEBUG=migrate=1`).
pub(crate) const FLAG_PASSED_ON: u16 = 4;
/// There is no stack for the goroutine: on the emergency stack it drops its closure and ends.
pub(crate) const FLAG_REFUSED: u16 = 8;
/// A leak check watches the goroutine and all it starts: `Extras::watch` says which.
pub(crate) const FLAG_WATCHED: u16 = 16;
/// Unseen panics, its own and its descendants', go to a run (`Extras::panics`).
pub(crate) const FLAG_PANICS_TO_RUN: u16 = 32;
/// It belongs to a bubble: `Extras::bubble` says to which.
pub(crate) const FLAG_BUBBLED: u16 = 64;
/// It waits, or is about to, for something that only its bubble can bring about.
pub(crate) const FLAG_DURABLE: u16 = 128;
/// The time since it became runnable is measured: `since` says when that was (`metrics.rs`).
pub(crate) const FLAG_TIMED: u16 = 256;
/// It works for a task, or has labels: `Extras::annotations`.
pub(crate) const FLAG_ANNOTATED: u16 = 512;
/// Its waker notes when it is readied (`contention.rs`).
pub(crate) const FLAG_CLOCKED: u16 = 1 << 15;

/// What a goroutine passes on to those it starts, by way of [`Extras::inherit`].
pub(crate) const FLAGS_INHERITED: u16 =
    FLAG_WATCHED | FLAG_PANICS_TO_RUN | FLAG_BUBBLED | FLAG_ANNOTATED;

/// A goroutine. See the module documentation.
#[repr(C, align(128))]
pub(crate) struct G {
    pub(crate) state: StateWord,
    id: AtomicU64,
    /// The coroutine, null before the first run and after the end. Its owner's.
    pub(crate) coro: Cell<*mut Coro>,
    /// The link of whichever list of woken ones holds the goroutine. Its owner's.
    pub(crate) next: Cell<*mut G>,
    entry: AtomicPtr<Entry>,
    parked_stack: AtomicU32,
    last_event: AtomicU32,
    pub(crate) join: JoinSlot,
    pub(crate) holders: Holders,
    /// Why it waits, and since when by the coarse clock; set as it parks.
    reason: AtomicU8,
    flags: AtomicU16,
    since: AtomicU32,
    location: AtomicPtr<Location<'static>>,
    extras: AtomicPtr<Extras>,
    /// The goroutine that started it, 0 for a plain thread.
    creator: AtomicU64,
    storage: Cell<[usize; INLINE_BYTES / 8]>,
}

const _: () = assert!(size_of::<G>() == 128);

// SAFETY: the cells are touched by the goroutine's owner only, and ownership passes from thread
// to thread through queues and locks that order the accesses.
unsafe impl Sync for G {}

impl G {
    /// Sets the slot up for a new life which the scheduler and the handle hold.
    ///
    /// # Safety
    /// The caller took `self` from a free list.
    pub(crate) unsafe fn revive(
        &self,
        id: u64,
        creator: Option<&G>,
        entry: &'static Entry,
        location: &'static Location<'static>,
        extras: Option<Box<Extras>>,
    ) {
        self.id.store(id, Ordering::Relaxed);
        self.creator.store(creator.map_or(0, G::id), Ordering::Relaxed);
        self.coro.set(std::ptr::null_mut());
        self.next.set(std::ptr::null_mut());
        self.entry.store(std::ptr::from_ref(entry).cast_mut(), Ordering::Relaxed);
        self.location.store(std::ptr::from_ref(location).cast_mut(), Ordering::Relaxed);
        self.join.reset();
        self.holders.reset();
        let inherited = creator.map_or(0, |c| c.flags.load(Ordering::Relaxed) & FLAGS_INHERITED);
        self.flags.store(inherited, Ordering::Relaxed);
        self.parked_stack.store(0, Ordering::Relaxed);
        let extras = extras.map_or(std::ptr::null_mut(), Box::into_raw);
        self.extras.store(extras, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.id.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn entry(&self) -> &'static Entry {
        // SAFETY: set from a 'static reference in `revive`.
        unsafe { &*self.entry.load(Ordering::Relaxed) }
    }

    #[inline]
    pub(crate) fn location(&self) -> &'static Location<'static> {
        // SAFETY: set from a 'static reference in `revive`.
        unsafe { &*self.location.load(Ordering::Relaxed) }
    }

    pub(crate) fn site(&self) -> Site {
        Site { name: self.entry().name, location: self.location() }
    }

    /// The storage of the closure or of the result.
    pub(crate) fn storage(&self) -> *mut u8 {
        self.storage.as_ptr().cast()
    }

    /// The rarely present part. It lives until the slot is freed.
    #[inline]
    pub(crate) fn extras(&self) -> Option<&Extras> {
        // SAFETY: null or a box that `take_extras` alone takes back, when no references are left.
        // ORDERING: Acquire, pairs with the Release in `extras_or_new`: the handle may ask.
        unsafe { self.extras.load(Ordering::Acquire).as_ref() }
    }

    /// The rarely present part, made if it is not there. Only the goroutine's owner does.
    pub(crate) fn extras_or_new(&self) -> &Extras {
        self.extras().unwrap_or_else(|| {
            let new = Box::into_raw(Box::<Extras>::default());
            // ORDERING: Release, pairs with the Acquire in `extras`.
            self.extras.store(new, Ordering::Release);
            // SAFETY: as in `extras`.
            unsafe { &*new }
        })
    }

    /// Takes the rarely present part back, before the slot is freed.
    pub(crate) fn take_extras(&self) -> Option<Box<Extras>> {
        let extras = self.extras.swap(std::ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: it came from `Box::into_raw` in `revive` and is taken once.
        (!extras.is_null()).then(|| unsafe { Box::from_raw(extras) })
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.extras()?.name.as_deref()
    }

    #[inline]
    pub(crate) fn has_flag(&self, flag: u16) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }

    /// Sets a flag. Only the goroutine's owner does.
    pub(crate) fn set_flag(&self, flag: u16) {
        self.flags.store(self.flags.load(Ordering::Relaxed) | flag, Ordering::Relaxed);
    }

    /// Clears a flag. Only the goroutine's owner does.
    pub(crate) fn clear_flag(&self, flag: u16) {
        self.flags.store(self.flags.load(Ordering::Relaxed) & !flag, Ordering::Relaxed);
    }

    /// The number of the goroutine that started it; `None`: a plain thread did.
    pub(crate) fn creator(&self) -> Option<u64> {
        Some(self.creator.load(Ordering::Relaxed)).filter(|&id| id != 0)
    }

    /// The goroutine is about to wait: why, and since when by the coarse clock.
    #[inline]
    pub(super) fn note_wait(&self, reason: WaitReason, since: u32) {
        self.reason.store(reason as u8, Ordering::Relaxed);
        self.since.store(since, Ordering::Relaxed);
    }

    /// The goroutine has become runnable at `since`, in the units of `metrics.rs`. By its waker.
    pub(super) fn begin_timing(&self, since: u32) {
        self.since.store(since, Ordering::Relaxed);
        self.set_flag(FLAG_TIMED);
    }

    /// It runs: since when it was runnable.
    pub(super) fn end_timing(&self) -> u32 {
        self.clear_flag(FLAG_TIMED);
        self.since.load(Ordering::Relaxed)
    }

    /// Why the goroutine waits, or waited the last time, and since when by the coarse clock.
    pub(crate) fn last_wait(&self) -> (WaitReason, u32) {
        let reason = WaitReason::from_number(self.reason.load(Ordering::Relaxed));
        (reason, self.since.load(Ordering::Relaxed))
    }

    /// Keeps the trace's number of the stack that the goroutine parks with; 0: not traced.
    #[inline]
    pub(crate) fn keep_stack(&self, stack: u32) {
        if self.parked_stack.load(Ordering::Relaxed) != stack {
            self.parked_stack.store(stack, Ordering::Relaxed);
        }
    }
}

impl Traced for G {
    #[inline]
    fn state(&self) -> &StateWord {
        &self.state
    }

    #[inline]
    fn number(&self) -> u64 {
        self.id()
    }

    #[inline]
    fn identity(&self) -> Identity {
        let parked_stack = self.parked_stack.load(Ordering::Relaxed);
        Identity { id: self.id(), site: self.site(), parked_stack }
    }

    fn new_label(&self, generation: u32) -> Option<Cow<'_, str>> {
        let extras = self.extras()?;
        if extras.labelled.replace(generation) == generation {
            return None;
        }
        let name = extras.name.as_deref().filter(|name| !name.is_empty());
        let had_one = extras.was_labelled.get();
        extras.was_labelled.set(true);
        match (name, extras.annotations.labels.get()) {
            // There is no event that takes a label away.
            (None, None) if had_one => Some("{}".into()),
            (None, None) => {
                extras.was_labelled.set(false);
                None
            }
            (Some(name), None) => Some(name.into()),
            (None, Some(labels)) => Some(labels.text().to_owned().into()),
            (Some(name), Some(labels)) => Some(format!("{name} {}", labels.text()).into()),
        }
    }

    #[inline]
    fn last_event(&self) -> &AtomicU32 {
        &self.last_event
    }
}

/// Gs of one slab: 2 MiB, one huge page where the system has them.
const SLAB_GS: usize = (2 << 20) / size_of::<G>();
/// How many free slots move between a processor and the common list at a time.
pub(crate) const FREE_BATCH: usize = 64;

/// All slabs ever mapped, and the free slots that no processor holds.
struct Slots {
    slabs: Vec<usize>,
    free: Vec<&'static G>,
    fresh: usize,
    fresh_end: usize,
}

static SLOTS: Mutex<Slots> =
    Mutex::new(Slots { slabs: Vec::new(), free: Vec::new(), fresh: 0, fresh_end: 0 });

/// Bytes mapped for slots, for memory reports.
pub(crate) static SLOT_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Takes up to [`FREE_BATCH`] free slots, at least one. New ones are taken in the order of their
/// addresses.
pub(crate) fn take_slots(into: &mut Vec<&'static G>) {
    let mut slots = SLOTS.lock();
    let left = slots.free.len().saturating_sub(FREE_BATCH);
    into.extend(slots.free.drain(left..));
    if into.is_empty() {
        into.extend((0..FREE_BATCH).map(|_| slots.fresh_slot()));
        into.reverse();
    }
}

/// Gives free slots back.
pub(crate) fn return_slots(gs: impl Iterator<Item = &'static G>) {
    SLOTS.lock().free.extend(gs);
}

impl Slots {
    fn fresh_slot(&mut self) -> &'static G {
        if self.fresh == self.fresh_end {
            self.map_slab();
        }
        self.fresh += size_of::<G>();
        // SAFETY: a slot of a slab is a zeroed or used G for ever; zeroes are a dead G.
        unsafe { &*((self.fresh - size_of::<G>()) as *const G) }
    }

    fn map_slab(&mut self) {
        let bytes = SLAB_GS * size_of::<G>();
        let Ok(base) = memory::reserve(2 * bytes) else {
            handle_alloc_error(Layout::new::<[G; SLAB_GS]>());
        };
        // Twice the size is reserved and the aligned half used, so that a huge page fits; what is
        // never touched takes no memory.
        let aligned = (base as usize).next_multiple_of(bytes);
        // SAFETY: the aligned half lies within the mapping just made.
        unsafe { memory::advise_huge_pages(aligned as *mut u8, bytes) };
        SLOT_BYTES.fetch_add(bytes, Ordering::Relaxed);
        self.slabs.push(aligned);
        (self.fresh, self.fresh_end) = (aligned, aligned + bytes);
    }
}

/// Every slot that ever lived.
pub(crate) fn all_slots() -> impl Iterator<Item = &'static G> {
    let (slabs, fresh) = {
        let slots = SLOTS.lock();
        (slots.slabs.clone(), slots.fresh)
    };
    slabs.into_iter().flat_map(move |slab| {
        let end = slab + SLAB_GS * size_of::<G>();
        let end = if (slab..end).contains(&fresh) { fresh } else { end };
        // SAFETY: as in `fresh_slot`.
        (slab..end).step_by(size_of::<G>()).map(|slot| unsafe { &*(slot as *const G) })
    })
}
