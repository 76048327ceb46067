//! Stacks with numbers of their own, the same through all generations.

use std::collections::HashMap;

use super::regions::Place;
use super::texts::{TextId, Texts};
use crate::reader::{Frame, Generation, StackId};

/// A frame of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Site {
    pub(crate) pc: u64,
    pub(crate) function: TextId,
    pub(crate) file: TextId,
    pub(crate) line: u64,
}

/// The number of a stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StackNumber(u32);

/// Stacks that were seen.
#[derive(Debug)]
pub(crate) struct Stacks {
    sites: Vec<Site>,
    by_site: HashMap<Site, u32>,
    /// The places of the frames in `sites`, innermost first. The first stack is the empty one.
    all: Vec<Box<[u32]>>,
    by_sites: HashMap<Box<[u32]>, StackNumber>,
    /// By the id in the generation at hand.
    by_id: Vec<Option<StackNumber>>,
}

impl Site {
    pub(crate) fn of(texts: &mut Texts, generation: &Generation, frame: Frame) -> Site {
        let Frame { pc, function, file, line } = frame;
        let function = texts.of(generation, function);
        Site { pc, function, file: texts.of(generation, file), line }
    }

    pub(crate) fn place(self, texts: &Texts) -> Place {
        let text = |id| texts.text(id).to_owned();
        let Site { pc, function, file, line } = self;
        Place { pc, function: text(function), file: text(file), line }
    }
}

impl StackNumber {
    /// No stack.
    pub(crate) const NONE: StackNumber = StackNumber(0);

    /// The number, for lists.
    pub(crate) fn place(self) -> usize {
        self.0 as usize
    }
}

impl Stacks {
    pub(crate) fn new() -> Stacks {
        let empty = Box::<[u32]>::default();
        Stacks {
            sites: Vec::new(),
            by_site: HashMap::new(),
            all: vec![empty.clone()],
            by_sites: HashMap::from([(empty, StackNumber::NONE)]),
            by_id: Vec::new(),
        }
    }

    /// Another generation begins, with stacks of its own.
    pub(crate) fn begin(&mut self) {
        self.by_id.clear();
    }

    /// The number of a stack.
    #[inline]
    pub(crate) fn of(
        &mut self,
        texts: &mut Texts,
        generation: &Generation,
        id: StackId,
    ) -> StackNumber {
        if id.is_none() {
            return StackNumber::NONE;
        }
        match self.by_id.get(id.0 as usize) {
            Some(Some(number)) => *number,
            _ => self.find(texts, generation, id),
        }
    }

    #[cold]
    fn find(&mut self, texts: &mut Texts, generation: &Generation, id: StackId) -> StackNumber {
        let frames = generation.stack(id).map(|frame| Site::of(texts, generation, frame));
        let mut frames: Vec<Site> = frames.collect();
        // Go's runtime has stacks of one frame that is nothing.
        let nothing = texts.named("");
        frames.truncate(
            frames.len()
                - frames
                    .iter()
                    .rev()
                    .take_while(|frame| frame.pc == 0 && frame.function == nothing)
                    .count(),
        );
        let sites: Box<[u32]> = frames.into_iter().map(|site| self.site(site)).collect();
        let next = StackNumber(u32::try_from(self.all.len()).expect("fewer stacks than that"));
        let number = *self.by_sites.entry(sites.clone()).or_insert(next);
        if number == next {
            self.all.push(sites);
        }
        let at = id.0 as usize;
        self.by_id.resize(self.by_id.len().max(at + 1), None);
        self.by_id[at] = Some(number);
        number
    }

    fn site(&mut self, site: Site) -> u32 {
        let next = u32::try_from(self.sites.len()).expect("fewer frames than that");
        let at = *self.by_site.entry(site).or_insert(next);
        if at == next {
            self.sites.push(site);
        }
        at
    }

    /// The numbers of all.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = StackNumber> {
        (0..).take(self.all.len()).map(StackNumber)
    }

    /// The outermost frame.
    pub(crate) fn root(&self, number: StackNumber) -> Option<Site> {
        let last = self.all[number.0 as usize].last();
        last.map(|&at| self.sites[at as usize])
    }

    /// The frames, innermost first.
    pub(crate) fn places(&self, texts: &Texts, number: StackNumber) -> Vec<Place> {
        let sites = self.all[number.0 as usize].iter();
        sites.map(|&at| self.sites[at as usize].place(texts)).collect()
    }
}
