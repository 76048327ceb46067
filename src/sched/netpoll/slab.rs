//! Where descriptors lie: in chunks that are never freed, found by their numbers.

use std::io;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::descriptor::Descriptor;

/// Descriptors in a chunk.
const CHUNK: usize = 256;
/// Chunks, enough for more descriptors than a process may have on any usual system.
const CHUNKS: usize = 1 << 14;

type Chunk = [Descriptor; CHUNK];

static TABLE: [AtomicPtr<Chunk>; CHUNKS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; CHUNKS];
static LEN: AtomicUsize = AtomicUsize::new(0);
static FREE: Mutex<Vec<&'static Descriptor>> = Mutex::new(Vec::new());

/// A descriptor that nobody uses.
pub(super) fn take() -> io::Result<&'static Descriptor> {
    let mut free = FREE.lock();
    if free.is_empty() {
        grow(&mut free)?;
    }
    free.pop().ok_or_else(|| io::Error::other("there are more sockets than there can be"))
}

/// The last one given is the next one taken: it is in the cache.
pub(super) fn give(descriptor: &'static Descriptor) {
    FREE.lock().push(descriptor);
}

fn grow(free: &mut Vec<&'static Descriptor>) -> io::Result<()> {
    let number = LEN.load(Ordering::Relaxed);
    let Some(place) = TABLE.get(number) else { return Ok(()) };
    let made = (0..CHUNK).map(|n| Descriptor::new((number * CHUNK + n) as u32)).collect::<Vec<_>>();
    let chunk: Box<Chunk> = made.try_into().map_err(|_| io::ErrorKind::OutOfMemory)?;
    let chunk: &'static Chunk = Box::leak(chunk);
    free.extend(chunk.iter().rev());
    // ORDERING: Release, pairs with the Acquire in `get`: the descriptors are seen as they were made.
    place.store(std::ptr::from_ref(chunk).cast_mut(), Ordering::Release);
    // ORDERING: Release, pairs with the Acquire in `all`.
    LEN.store(number + 1, Ordering::Release);
    Ok(())
}

/// The descriptor with this number.
pub(super) fn get(index: u32) -> Option<&'static Descriptor> {
    let index = index as usize;
    // ORDERING: Acquire, pairs with the Release in `grow`.
    let chunk = TABLE.get(index / CHUNK)?.load(Ordering::Acquire);
    // SAFETY: null or a leaked chunk.
    unsafe { chunk.as_ref() }.map(|chunk| &chunk[index % CHUNK])
}

/// Every descriptor that was ever made.
pub(super) fn all() -> impl Iterator<Item = &'static Descriptor> {
    // ORDERING: Acquire, pairs with the Release in `grow`.
    let len = LEN.load(Ordering::Acquire);
    (0..len * CHUNK).filter_map(|index| get(index as u32))
}
