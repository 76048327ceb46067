//! Walks remembered: a stack that was walked before is known again by one look at each of its frames.
//!
//! A goroutine that parks where another one did has the same return addresses at the same distances from
//! the root of its stack. So a walk by frame pointers (`unwind::walk_frames`) is remembered as these
//! distances and addresses, together with the stack that it led to. Each frame is then where it is
//! expected or is not: nothing has to be checked but that it leads to the next one and returns where it
//! did, there is no hash to make, and no list of addresses to write and to compare. All of the frames
//! are looked at each time: what is found is what a walk would find.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m128i, _mm_cmpeq_epi8, _mm_cvtsi64_si128, _mm_load_si128, _mm_loadu_si128, _mm_movemask_epi8,
    _mm_or_si128, _mm_setzero_si128, _mm_sub_epi64, _mm_xor_si128,
};

use super::stack_table::{Site, Stack};
use super::unwind::{Bounds, hash_step};

/// See the module documentation. Empty until something is remembered.
pub(crate) struct Walks(Option<Box<[Walk; SLOTS]>>);

/// Walks that are remembered.
const SLOTS: usize = 128;
/// Frames of the longest one, without the one just below the root.
const MAX_STEPS: usize = GROUP * GROUPS;
/// Frames that are looked at without a branch.
const GROUP: usize = 4;
const GROUPS: usize = 4;
const WORD: usize = size_of::<usize>();

#[derive(Clone, Copy)]
struct Walk {
    /// From the root down to the innermost frame; 0: nothing is remembered here.
    depth: usize,
    site: [usize; 2],
    stack: Option<&'static Stack>,
    /// The last generation in which the stack was marked as used.
    used_in: u32,
    /// How many groups of frames there are: the last frame is there as often as it takes.
    groups: u32,
    /// Where the one just below the root is.
    last: usize,
    frames: [Group; GROUPS],
}

/// Some frames, and what they have in them. Places are distances from the root, which wrap: frames are
/// below it.
#[derive(Clone, Copy)]
struct Group {
    places: [usize; GROUP],
    links: [Link; GROUP],
}

const EMPTY: Walk = Walk {
    depth: 0,
    site: [0; 2],
    stack: None,
    used_in: 0,
    groups: 0,
    last: 0,
    frames: [Group { places: [0; GROUP], links: [Link { parent: 0, pc: 0 }; GROUP] }; GROUPS],
};

impl Walks {
    pub(crate) const fn new() -> Walks {
        Walks(None)
    }

    /// The number of the stack of a goroutine spawned at `site`, from the frame at `frame` up, marked as
    /// used in `generation`; 0: it is not remembered.
    ///
    /// # Safety
    /// The stack is the caller's own, and its frames are linked by their pointers.
    #[inline(always)]
    pub(crate) unsafe fn find(
        &mut self,
        site: Site,
        frame: usize,
        bounds: Bounds,
        generation: u32,
    ) -> u32 {
        let Some(walks) = &mut self.0 else { return 0 };
        let depth = bounds.root.wrapping_sub(frame);
        if depth > bounds.root - bounds.low {
            return 0;
        }
        // SAFETY: the frame lies within the live part of the stack.
        let pc = unsafe { ((frame + WORD) as *const usize).read_unaligned() };
        let at = slot(depth, pc);
        // SAFETY: as above; the other frames are between this one and the root.
        if walks[at].depth == depth && unsafe { walks[at].is_at(site, bounds.root) } {
            return walks[at].mark(generation);
        }
        // SAFETY: as above.
        unsafe { self.find_beside(at, site, depth, bounds, generation) }
    }

    /// As [`Walks::find`], in the other place where it may be.
    ///
    /// # Safety
    /// As there.
    #[inline(never)]
    unsafe fn find_beside(
        &mut self,
        at: usize,
        site: Site,
        depth: usize,
        bounds: Bounds,
        generation: u32,
    ) -> u32 {
        let Some(walks) = &mut self.0 else { return 0 };
        let walk = &mut walks[at ^ 1];
        // SAFETY: by the caller's promise.
        if walk.depth == depth && unsafe { walk.is_at(site, bounds.root) } {
            return walk.mark(generation);
        }
        0
    }

    /// Remembers that the walk from `frame` up leads to `stack`, if it is a short one.
    ///
    /// # Safety
    /// As for [`Walks::find`], and that is what was walked there just now.
    pub(crate) unsafe fn remember(&mut self, frame: usize, bounds: Bounds, stack: &'static Stack) {
        if stack.pcs.is_empty() || stack.pcs.len() > MAX_STEPS {
            return;
        }
        let from_root = |at: usize| at.wrapping_sub(bounds.root);
        let mut walk = Walk {
            depth: bounds.root - frame,
            site: stack.site.key(),
            stack: Some(stack),
            groups: stack.pcs.len().div_ceil(GROUP) as u32,
            ..EMPTY
        };
        let mut at = frame;
        for n in 0..walk.groups as usize * GROUP {
            let (group, nth) = (n / GROUP, n % GROUP);
            let Some(&pc) = stack.pcs.get(n) else {
                let before = (n - 1) / GROUP;
                walk.frames[group].places[nth] = walk.frames[before].places[(n - 1) % GROUP];
                walk.frames[group].links[nth] = walk.frames[before].links[(n - 1) % GROUP];
                continue;
            };
            // SAFETY: by the caller's promise.
            let parent = unsafe { *(at as *const usize) };
            walk.frames[group].places[nth] = from_root(at);
            walk.frames[group].links[nth] = Link { parent: from_root(parent), pc };
            at = parent;
        }
        walk.last = from_root(at);
        let walks = self.0.get_or_insert_with(empty);
        let first = slot(walk.depth, stack.pcs[0]);
        walks[first ^ 1] = std::mem::replace(&mut walks[first], walk);
    }
}

/// Made where it stays: as an array it would first be on the goroutine's stack, without optimisation.
#[cold]
fn empty() -> Box<[Walk; SLOTS]> {
    vec![EMPTY; SLOTS].into_boxed_slice().try_into().unwrap_or_else(|_| unreachable!())
}

/// Where a walk is remembered, or in the place beside this one.
#[inline(always)]
fn slot(depth: usize, pc: usize) -> usize {
    (hash_step(depth as u64, pc) >> (u64::BITS - SLOTS.ilog2())) as usize
}

impl Walk {
    /// Whether the frames below `root` are those of this walk.
    ///
    /// # Safety
    /// As for [`Walks::find`], and the stack has live frames as far down as this walk begins.
    #[inline(always)]
    unsafe fn is_at(&self, site: Site, root: usize) -> bool {
        let mut links = Compared::new(root);
        for group in self.frames.iter().take(self.groups as usize) {
            for (place, link) in group.places.iter().zip(&group.links) {
                // SAFETY: by the caller's promise: it is not below where the walk begins.
                unsafe { links.compare(root.wrapping_add(*place), link) };
            }
        }
        // SAFETY: as above.
        let end = unsafe { *(root.wrapping_add(self.last) as *const usize) };
        links.are_equal() && self.site == site.key() && end >= root
    }

    #[inline(always)]
    fn mark(&mut self, generation: u32) -> u32 {
        let Some(stack) = self.stack else { return 0 };
        if self.used_in != generation {
            self.used_in = generation;
            stack.mark(generation);
        }
        stack.id
    }
}

/// What a frame begins with: where its caller's is, from the root on, and where it returns to.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct Link {
    parent: usize,
    pc: usize,
}

/// Links that were compared: whether they differ is asked once, at the end.
#[cfg(target_arch = "x86_64")]
struct Compared {
    root: __m128i,
    differ: __m128i,
}

#[cfg(target_arch = "x86_64")]
impl Compared {
    #[inline(always)]
    fn new(root: usize) -> Compared {
        // SAFETY: all processors of this kind have these instructions.
        unsafe { Compared { root: _mm_cvtsi64_si128(root as i64), differ: _mm_setzero_si128() } }
    }

    /// # Safety
    /// There is a frame.
    #[inline(always)]
    unsafe fn compare(&mut self, frame: usize, link: &Link) {
        // SAFETY: by the caller's promise, and as above.
        unsafe {
            let found = _mm_sub_epi64(_mm_loadu_si128(frame as *const __m128i), self.root);
            let expected = _mm_load_si128(std::ptr::from_ref(link).cast());
            self.differ = _mm_or_si128(self.differ, _mm_xor_si128(found, expected));
        }
    }

    #[inline(always)]
    fn are_equal(self) -> bool {
        // SAFETY: as above.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(self.differ, _mm_setzero_si128())) == 0xffff }
    }
}

#[cfg(not(target_arch = "x86_64"))]
struct Compared {
    root: usize,
    differ: usize,
}

#[cfg(not(target_arch = "x86_64"))]
impl Compared {
    #[inline(always)]
    fn new(root: usize) -> Compared {
        Compared { root, differ: 0 }
    }

    /// # Safety
    /// There is a frame.
    #[inline(always)]
    unsafe fn compare(&mut self, frame: usize, link: &Link) {
        // SAFETY: by the caller's promise.
        let (parent, pc) = unsafe { (*(frame as *const usize), *((frame + WORD) as *const usize)) };
        self.differ |= parent.wrapping_sub(self.root) ^ link.parent | pc ^ link.pc;
    }

    #[inline(always)]
    fn are_equal(self) -> bool {
        self.differ == 0
    }
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use super::*;
    use crate::tracer::stack_table::Cache;
    use crate::tracer::unwind::Pcs;

    const WORDS: usize = 256;
    const GENERATION: u32 = 7;

    /// A stack in which each frame has four words, and where each returns to.
    struct Fake {
        words: Box<[usize; WORDS]>,
        pcs: Vec<usize>,
    }

    impl Fake {
        fn new(pcs: &[usize]) -> Fake {
            let mut fake = Fake { words: Box::new([0; WORDS]), pcs: pcs.to_vec() };
            for (nth, &pc) in pcs.iter().enumerate() {
                fake.words[fake.place(nth)] = fake.address(fake.place(nth + 1));
                fake.words[fake.place(nth) + 1] = pc;
            }
            fake.words[fake.place(pcs.len())] = fake.bounds().root + 2 * WORD;
            fake
        }

        fn place(&self, nth: usize) -> usize {
            WORDS - 8 - 4 * (self.pcs.len() + 1 - nth)
        }

        fn address(&self, place: usize) -> usize {
            self.words.as_ptr().addr() + place * WORD
        }

        fn bounds(&self) -> Bounds {
            Bounds { low: self.address(0), root: self.address(WORDS - 8) }
        }

        fn frame(&self) -> usize {
            self.address(self.place(0))
        }

        fn stack(&self, site: Site) -> &'static Stack {
            let mut pcs: Pcs = Pcs::new();
            self.pcs.iter().for_each(|&pc| _ = pcs.push(pc));
            Cache::new().intern(site, &pcs, GENERATION - 1)
        }

        fn find(&self, walks: &mut Walks, site: Site) -> u32 {
            // SAFETY: the memory stands still, and has linked frames.
            unsafe { walks.find(site, self.frame(), self.bounds(), GENERATION) }
        }

        fn remember(&self, walks: &mut Walks, site: Site) -> &'static Stack {
            let stack = self.stack(site);
            // SAFETY: as above.
            unsafe { walks.remember(self.frame(), self.bounds(), stack) };
            stack
        }
    }

    /// Its caller's, each time another one.
    #[track_caller]
    fn site() -> Site {
        Site { name: || "f", location: Location::caller() }
    }

    fn pcs(len: usize) -> Vec<usize> {
        (0..len).map(|nth| 0x7000 + 8 * nth).collect()
    }

    #[test]
    fn the_same_frames_elsewhere_are_the_same_stack() {
        let site = site();
        for len in 1..=MAX_STEPS + 3 {
            let (here, elsewhere) = (Fake::new(&pcs(len)), Fake::new(&pcs(len)));
            let mut walks = Walks::new();
            assert_eq!(here.find(&mut walks, site), 0);
            let stack = here.remember(&mut walks, site);
            let known = if len <= MAX_STEPS { stack.id } else { 0 };
            assert_eq!(here.find(&mut walks, site), known, "{len}");
            assert_eq!(elsewhere.find(&mut walks, site), known, "{len}");
            assert_eq!(stack.is_used(GENERATION), known != 0);
        }
    }

    #[test]
    fn every_frame_counts() {
        let site = site();
        for len in 1..=MAX_STEPS {
            let mut walks = Walks::new();
            let fake = Fake::new(&pcs(len));
            let known = fake.remember(&mut walks, site).id;
            for nth in 0..=len {
                let mut other = Fake::new(&pcs(len));
                let place = other.place(nth);
                other.words[place] -= 4 * WORD;
                assert_eq!(other.find(&mut walks, site), 0, "the {nth}th link of {len}");
                let mut other = Fake::new(&pcs(len));
                other.words[place + 1] += 1;
                // Where the one below the root returns to is no part of the stack.
                let expected = if nth == len { known } else { 0 };
                assert_eq!(other.find(&mut walks, site), expected, "the {nth}th of {len}");
            }
            // The frames above are as they were.
            let longer = Fake::new(&[pcs(len), vec![1]].concat());
            assert_eq!(longer.find(&mut walks, site), 0);
        }
    }

    #[test]
    fn another_goroutine_has_another_stack() {
        let (one, two) = (site(), site());
        let mut walks = Walks::new();
        let fake = Fake::new(&pcs(5));
        let stack = fake.remember(&mut walks, one);
        assert_eq!((fake.find(&mut walks, two), fake.find(&mut walks, one)), (0, stack.id));
        let other = fake.remember(&mut walks, two);
        assert_ne!(other.id, stack.id);
        assert_eq!((fake.find(&mut walks, two), fake.find(&mut walks, one)), (other.id, stack.id));
    }

    #[test]
    fn two_that_begin_alike_are_both_remembered() {
        let site = site();
        let mut walks = Walks::new();
        let of = |caller| Fake::new(&[0x7000, 0x7100, caller, 0x7300]);
        let fakes = [of(1), of(2), of(3)];
        let ids = fakes.each_ref().map(|fake| fake.remember(&mut walks, site).id);
        let found = fakes.each_ref().map(|fake| fake.find(&mut walks, site));
        assert_eq!(found, [0, ids[1], ids[2]], "the oldest makes room");
    }

    #[test]
    fn other_stacks_are_not_read() {
        let site = site();
        let mut walks = Walks::new();
        let fake = Fake::new(&pcs(4));
        fake.remember(&mut walks, site);
        let Bounds { low, root } = fake.bounds();
        for frame in [0, 8, low - 8, root + 8, root + 4096, usize::MAX] {
            // SAFETY: what is not within the bounds is not read.
            assert_eq!(unsafe { walks.find(site, frame, fake.bounds(), GENERATION) }, 0);
        }
    }
}
