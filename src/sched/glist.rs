//! A list of goroutines linked through the goroutines themselves: nothing to allocate.

use super::g::G;

/// A list of goroutines, which owns its members.
#[derive(Default)]
pub(crate) struct GList {
    head: Option<&'static G>,
    tail: Option<&'static G>,
    len: usize,
}

impl GList {
    pub(crate) const fn new() -> GList {
        GList { head: None, tail: None, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, g: &'static G) {
        g.next.set(std::ptr::null_mut());
        match self.tail {
            Some(tail) => tail.next.set(std::ptr::from_ref(g).cast_mut()),
            None => self.head = Some(g),
        }
        self.tail = Some(g);
        self.len += 1;
    }

    pub(crate) fn pop(&mut self) -> Option<&'static G> {
        let g = self.head?;
        // SAFETY: the link is null or the slot of the next member; slots are never unmapped.
        self.head = unsafe { g.next.get().as_ref() };
        if self.head.is_none() {
            self.tail = None;
        }
        self.len -= 1;
        Some(g)
    }
}
