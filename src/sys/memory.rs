//! Address space: reserving it, guarding it, advising the kernel about it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Linux 6.13: makes a range fault with SIGSEGV without a mapping (VMA) of its own.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// False once the kernel has refused `MADV_GUARD_INSTALL`.
static GUARD_INSTALL: AtomicBool = AtomicBool::new(true);

/// Reserves `len` bytes of zeroed address space that takes memory only where it is touched.
#[inline(never)]
pub(crate) fn reserve(len: usize) -> io::Result<*mut u8> {
    // SAFETY: a fresh anonymous mapping aliases nothing.
    let base = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if base == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(base.cast()) }
}

/// Asks for small pages: a huge page under a stack would commit 2 MiB for the first touch.
///
/// # Safety
/// `base..base + len` is a mapping of the caller's.
pub(crate) unsafe fn advise_small_pages(base: *mut u8, len: usize) {
    // SAFETY: advice on the caller's mapping; a refusal changes nothing.
    unsafe { libc::madvise(base.cast(), len, libc::MADV_NOHUGEPAGE) };
}

/// Asks for huge pages, for dense arrays of small objects.
///
/// # Safety
/// `base..base + len` is a mapping of the caller's.
pub(crate) unsafe fn advise_huge_pages(base: *mut u8, len: usize) {
    // SAFETY: advice on the caller's mapping; a refusal changes nothing.
    unsafe { libc::madvise(base.cast(), len, libc::MADV_HUGEPAGE) };
}

/// Gives the memory of the whole pages in `start..end` back; they are zero when they are touched
/// again. A failure costs memory only.
///
/// # Safety
/// Nobody needs what is there, which is the caller's.
#[cfg(feature = "http")]
#[inline(never)]
pub(crate) unsafe fn discard(start: usize, end: usize) {
    // The kernel's pages may be larger than 4 KiB, and it rounds the length up.
    // SAFETY: no preconditions.
    let Ok(page) = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }) else { return };
    let (start, end) = (start.next_multiple_of(page), end / page * page);
    if start < end {
        let base = std::ptr::with_exposed_provenance_mut(start);
        // SAFETY: by the caller's promise.
        unsafe { libc::madvise(base, end - start, libc::MADV_DONTNEED) };
    }
}

/// Makes every access to the range fault.
///
/// # Errors
/// The kernel's, when neither way works: with `mprotect` each guard costs a mapping, and
/// `vm.max_map_count` bounds their number.
///
/// # Safety
/// `base..base + len` is whole pages of the caller's mapping that hold nothing of value.
#[inline(never)]
pub(crate) unsafe fn guard(base: *mut u8, len: usize) -> io::Result<()> {
    if GUARD_INSTALL.load(Ordering::Relaxed) {
        // SAFETY: the caller gives up the range's contents.
        if unsafe { libc::madvise(base.cast(), len, MADV_GUARD_INSTALL) } == 0 {
            return Ok(());
        }
        GUARD_INSTALL.store(false, Ordering::Relaxed);
    }
    // SAFETY: as above.
    if unsafe { libc::mprotect(base.cast(), len, libc::PROT_NONE) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Words of this process's memory at an address that may be anything: `None` where there is
/// nothing to read, or the system does not let us ask. For signal handlers as well.
#[inline(never)]
pub(crate) fn peek<const N: usize>(address: usize) -> Option<[usize; N]> {
    let mut words = [0_usize; N];
    // SAFETY: words may hold anything.
    let read = unsafe { read_checked(address, words.as_mut_ptr().cast(), size_of_val(&words)) };
    (read == size_of_val(&words)).then_some(words)
}

/// As [`peek`], but bytes, and how many of them there were to read.
#[inline(never)]
pub(crate) fn peek_bytes(address: usize) -> ([u8; 4], usize) {
    let mut bytes = [0; 4];
    // SAFETY: bytes may hold anything.
    let read = unsafe { read_checked(address, bytes.as_mut_ptr().cast(), bytes.len()) };
    (bytes, read)
}

/// Copies from an address that may be anything; returns how many bytes.
///
/// # Safety
/// There is room for `len` bytes at `to`, of any value.
unsafe fn read_checked(address: usize, to: *mut libc::c_void, len: usize) -> usize {
    let to = libc::iovec { iov_base: to, iov_len: len };
    let from = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: len };
    // SAFETY: the kernel writes to `to` only, and checks what it reads.
    let read = unsafe { libc::process_vm_readv(libc::getpid(), &to, 1, &from, 1, 0) };
    usize::try_from(read).unwrap_or(0)
}

/// Has the processor bring a cache line from memory, without waiting for it. Any address will do.
#[inline(always)]
pub(crate) fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which touches nothing.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}
