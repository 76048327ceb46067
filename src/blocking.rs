//! Calls that block the thread: [`blocking`].

use crate::sched::{Inside, hand_off};

/// Runs `f`, which may block its thread, while other goroutines use the processor.
///
/// `f` runs where it is called, on the goroutine's own stack and thread, so it may borrow. When it
/// returns, or when it uses gort itself, the goroutine takes a processor again, and waits for one
/// if all are busy; until then its thread waits with it. `errno` is afterwards what `f` left.
///
/// A goroutine that blocks in the system without this loses its processor too, but only when
/// somebody has noticed: within some hundred microseconds as a rule, ten milliseconds at first.
/// So wrap what is known to block for long or often, such as a lock of a file or a library that
/// does its own I/O. What gort itself has to offer ([`chan()`](crate::chan()), [`sync`](crate::sync),
/// [`sleep`](crate::sleep)) blocks no thread and is not to be wrapped.
///
/// Each call under way has a thread of its own; there may be 10,000. On a plain thread `f` is just
/// called.
///
/// # Examples
/// ```
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// let text = unsafe {
///     gort::run(|| gort::blocking(|| std::fs::read_to_string("Cargo.toml")).unwrap())
/// };
/// assert!(text.contains("gort"));
/// ```
///
/// # Panics
/// If `f` panics.
///
/// # Go
/// What the runtime does around a system call (`entersyscallblock`, `exitsyscall`).
pub fn blocking<T>(f: impl FnOnce() -> T) -> T {
    let _away = hand_off::give_away(Inside::enter_to_block());
    call(f)
}

/// Never inlined, so that no compiler keeps the address of a thread-local, such as `errno`'s, that
/// `f` uses and that the caller has used on another thread.
#[inline(never)]
fn call<T>(f: impl FnOnce() -> T) -> T {
    f()
}

/// `Write` for a type whose `inner` may be written by reference and has no buffer, and for
/// references to it.
macro_rules! write_by_reference {
    ($name:ty) => {
        impl std::io::Write for &$name {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                $crate::blocking(|| (&self.inner).write(bytes))
            }

            fn write_vectored(
                &mut self,
                slices: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                $crate::blocking(|| (&self.inner).write_vectored(slices))
            }

            fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
                $crate::blocking(|| (&self.inner).write_all(bytes))
            }

            /// Does nothing: there is no buffer.
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        impl std::io::Write for $name {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                (&*self).write(bytes)
            }

            fn write_vectored(
                &mut self,
                slices: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                (&*self).write_vectored(slices)
            }

            fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
                (&*self).write_all(bytes)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    };
}

pub(crate) use write_by_reference;
