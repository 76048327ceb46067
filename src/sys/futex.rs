//! Sleeping on a word of memory and waking its sleepers: `futex(2)`, private to the process.
//!
//! Every caller tolerates spurious wake-ups and checks its own condition again.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Sleeps while `word` holds `expected`, at most for `timeout`.
#[inline(never)]
pub(crate) fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let ts = timeout.map(|t| libc::timespec {
        tv_sec: t.as_secs().min(i64::MAX as u64 / 2) as libc::time_t,
        tv_nsec: t.subsec_nanos().into(),
    });
    let ts_ptr = ts.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the word is a live u32 and the timeout null or a valid timespec, both for the call.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected,
            ts_ptr,
        );
    }
}

/// Wakes up to `count` sleepers of `word`.
///
/// `word` may already be gone: a sleeper that saw the new value may have left and freed it. The
/// kernel then finds no sleeper, or wakes one on a reused address, which tolerates it.
#[inline(never)]
pub(crate) fn wake(word: *const AtomicU32, count: i32) {
    // SAFETY: FUTEX_WAKE uses the address as a key only and reads nothing through it.
    unsafe {
        libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, count);
    }
}
