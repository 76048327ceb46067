//! Where stacks come from: slabs of address space, and lists of idle stacks by size.

use std::collections::HashMap;
use std::io;

use parking_lot::Mutex;

use super::{GUARD_BYTES, PAGE, Region};
use crate::sched::coro::Coro;
use crate::sys::memory;

/// The first slab of a size; each further one is twice as large, up to the last.
const FIRST_SLAB_BYTES: usize = 16 << 20;
const LAST_SLAB_BYTES: usize = 8 << 30;

/// Stacks of one size.
struct Class {
    idle: Vec<*mut Coro>,
    /// The rest of the newest slab.
    next: usize,
    end: usize,
    slab_bytes: usize,
    /// Slabs as (start, bytes), for the overflow handler's question whose an address is.
    slabs: Vec<(usize, usize)>,
    made: usize,
}

// SAFETY: an idle coroutine belongs to whoever takes it from the list, under the lock.
unsafe impl Send for Class {}

static CLASSES: Mutex<Option<HashMap<usize, Class>>> = Mutex::new(None);

/// An idle or a new stack with `usable` bytes, a whole number of pages.
///
/// # Errors
/// The kernel's, when no address space is left or the guard cannot be made.
pub(crate) fn take(usable: usize) -> io::Result<*mut Coro> {
    let mut classes = CLASSES.lock();
    let class = classes.get_or_insert_default().entry(usable).or_insert_with(Class::new);
    if let Some(coro) = class.idle.pop() {
        return Ok(coro);
    }
    let (region, nth) = class.region(usable)?;
    drop(classes);
    // SAFETY: the region is fresh and given to this coroutine for ever.
    Ok(unsafe { Coro::new(region, nth) })
}

/// Takes a stack back that no goroutine uses any more.
pub(crate) fn give(coro: *mut Coro) {
    // SAFETY: the control block lives as long as the process.
    let usable = unsafe { (*coro).region().usable() };
    let mut classes = CLASSES.lock();
    classes.get_or_insert_default().entry(usable).or_insert_with(Class::new).idle.push(coro);
}

/// Whether `address` lies in the guard of a stack. Gives up (false) rather than wait for a lock.
pub(crate) fn is_guard(address: usize) -> bool {
    let Some(classes) = CLASSES.try_lock() else { return false };
    classes.iter().flatten().any(|(usable, class)| {
        let stride = stride(*usable);
        class
            .slabs
            .iter()
            .filter(|(start, bytes)| (*start..start + bytes).contains(&address))
            .any(|(start, _)| (address - start) % stride < GUARD_BYTES)
    })
}

/// Address space mapped for stacks, the stacks cut from it, and those of them that lie idle in the
/// common lists; all in bytes.
pub(crate) fn bytes() -> (usize, usize, usize) {
    let classes = CLASSES.lock();
    classes.iter().flatten().fold((0, 0, 0), |(mapped, made, idle), (usable, class)| {
        let slabs: usize = class.slabs.iter().map(|(_, bytes)| bytes).sum();
        (mapped + slabs, made + class.made * usable, idle + class.idle.len() * usable)
    })
}

/// From one stack to the next: an odd number of pages. With a power of two, the tops of all stacks
/// would share a few sets of the processor's address translation caches.
fn stride(usable: usize) -> usize {
    let bytes = usable + GUARD_BYTES;
    if (bytes / PAGE).is_multiple_of(2) { bytes + PAGE } else { bytes }
}

impl Class {
    fn new() -> Class {
        Class { idle: Vec::new(), next: 0, end: 0, slab_bytes: 0, slabs: Vec::new(), made: 0 }
    }

    /// Cuts the next stack from the slab.
    fn region(&mut self, usable: usize) -> io::Result<(Region, usize)> {
        let stride = stride(usable);
        if self.end - self.next < stride {
            self.map_slab(stride)?;
        }
        let start = self.next;
        // SAFETY: the range is a fresh part of the slab and handed out once.
        let region = unsafe { Region::new(start, start + GUARD_BYTES + usable)? };
        self.next += stride;
        self.made += 1;
        Ok((region, self.made))
    }

    fn map_slab(&mut self, stride: usize) -> io::Result<()> {
        let wanted = (2 * self.slab_bytes).clamp(FIRST_SLAB_BYTES, LAST_SLAB_BYTES);
        let bytes = if stride > wanted { stride } else { wanted / stride * stride };
        let (base, bytes) = match memory::reserve(bytes) {
            Ok(base) => (base, bytes),
            // Where the address space is limited, a single stack may still fit.
            Err(_) => (memory::reserve(stride)?, stride),
        };
        // SAFETY: the mapping just made.
        unsafe { memory::advise_small_pages(base, bytes) };
        self.slabs.push((base as usize, bytes));
        self.slab_bytes = wanted;
        (self.next, self.end) = (base as usize, base as usize + bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guards_are_known_and_stacks_come_back() {
        let usable = super::super::round(100_000);
        let coro = take(usable).unwrap();
        // SAFETY: the control block lives as long as the process.
        let region = unsafe { (*coro).region() };
        assert_eq!(region.usable(), usable);
        assert!(is_guard(region.low() - 1));
        assert!(is_guard(region.start()));
        assert!(!is_guard(region.low()));
        give(coro);
        assert_eq!(take(usable).unwrap(), coro);
        give(coro);
    }

    #[test]
    fn an_absurd_size_is_an_error() {
        assert!(take(1 << 47).is_err());
    }
}
