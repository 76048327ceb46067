//! Goroutine-locals: [`local!`](crate::local!) declares one, [`LocalKey`] reaches it.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::sched::locals::{self, Local};

/// Declares goroutine-locals: statics of which every goroutine has its own.
///
/// As [`std::thread_local!`], with goroutines in the place of threads: a value is made when its
/// goroutine first asks for it, and destroyed by the goroutine at its end. It stays with the
/// goroutine wherever that runs, so it may be borrowed over calls that block. On a plain thread it
/// is the thread's.
///
/// # Examples
/// ```
/// use std::cell::{Cell, RefCell};
///
/// gort::local! {
///     static DEPTH: Cell<u32> = const { Cell::new(0) };
///     pub static NAMES: RefCell<Vec<String>> = RefCell::default();
/// }
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| {
///         DEPTH.set(1);
///         NAMES.with_borrow_mut(|names| names.push("main".to_owned()));
///         gort::go(|| assert_eq!((DEPTH.get(), NAMES.take().len()), (0, 0))).join().unwrap();
///         assert_eq!((DEPTH.get(), NAMES.take().len()), (1, 1));
///     })
/// };
/// ```
///
/// # Go
/// Go has none.
#[macro_export]
macro_rules! local {
    () => {};
    (
        $(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = $init:expr;
        $($rest:tt)*
    ) => {
        $crate::local!($(#[$attribute])* $visibility static $name: $type = $init);
        $crate::local!($($rest)*);
    };
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = $init:expr) => {
        $(#[$attribute])*
        $visibility static $name: $crate::local::LocalKey<$type> =
            $crate::local::LocalKey::__new(|| $init);
    };
}

/// A goroutine-local, declared by [`local!`](crate::local!).
///
/// Values are destroyed at the end of their goroutine, the youngest first, before whoever joins it
/// is woken. Destructors may block, and may use other goroutine-locals, also such as are made by
/// that, which are destroyed in their turn. One that is destroyed already, or being destroyed, is
/// not made again: asking for it is an [`AccessError`].
///
/// A destructor that panics is a panic that nobody sees: what
/// [`Builder::detached_panic`](crate::Builder::detached_panic) says becomes of it, and the other
/// values are destroyed all the same. On a plain thread it ends the process, as std's do.
pub struct LocalKey<T: 'static> {
    init: fn() -> T,
    /// One more than its number, once it has one.
    number: AtomicUsize,
}

/// Numbers given out.
static NUMBERS: AtomicUsize = AtomicUsize::new(0);

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn __new(init: fn() -> T) -> LocalKey<T> {
        LocalKey { init, number: AtomicUsize::new(0) }
    }

    /// Calls `f` with the caller's value, which is made if it is not there.
    ///
    /// # Panics
    /// If the value is destroyed already, at the end of its goroutine, or if making it panics.
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.try_with(f).expect("gort: a goroutine-local was asked for after its destruction")
    }

    /// Calls `f` with the caller's value, which is made if it is not there.
    ///
    /// # Errors
    /// If the value is destroyed already, at the end of its goroutine.
    ///
    /// # Panics
    /// If making the value panics.
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let value = match self.find()? {
            Some(value) => value,
            None => {
                let new = (self.init)();
                // Making it may have asked for it, and so have made it.
                match self.find()? {
                    Some(value) => value,
                    None => self.put(new),
                }
            }
        };
        // SAFETY: the value is the caller's own and stays in place until its end; nobody has a
        // reference that is not shared, and `f`'s cannot leave it.
        Ok(f(unsafe { value.as_ref() }))
    }

    /// Calls `f` with the caller's value and `Some(first)`, or, if there is no value yet, with
    /// `first` as the value and nothing.
    fn with_first<R>(&'static self, first: T, f: impl FnOnce(&T, Option<T>) -> R) -> R {
        let found =
            self.find().expect("gort: a goroutine-local was asked for after its destruction");
        let (value, first) = match found {
            Some(value) => (value, Some(first)),
            None => (self.put(first), None),
        };
        // SAFETY: as in `try_with`.
        f(unsafe { value.as_ref() }, first)
    }

    fn find(&self) -> Result<Option<NonNull<T>>, AccessError> {
        match locals::find(self.number()) {
            Local::Value(value, _) => Ok(Some(value.cast())),
            Local::Missing => Ok(None),
            Local::Gone => Err(AccessError(())),
        }
    }

    fn put(&self, value: T) -> NonNull<T> {
        unsafe fn destroy<T>(value: NonNull<u8>) {
            // SAFETY: a box made below.
            drop(unsafe { Box::from_raw(value.cast::<T>().as_ptr()) });
        }
        let value = NonNull::from(Box::leak(Box::new(value)));
        // SAFETY: the box is the list's now. A value stays with its goroutine or thread, so what is
        // not `Send` is as safe in it as in a variable there.
        unsafe { locals::put(self.number(), value.cast(), destroy::<T>) };
        value
    }

    #[inline]
    fn number(&self) -> usize {
        match self.number.load(Ordering::Relaxed) {
            0 => self.new_number(),
            number => number - 1,
        }
    }

    #[cold]
    fn new_number(&self) -> usize {
        let new = NUMBERS.fetch_add(1, Ordering::Relaxed) + 1;
        match self.number.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => new - 1,
            Err(others) => others - 1,
        }
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// Sets the value; if there is none yet, without making the first one.
    ///
    /// # Panics
    /// As [`LocalKey::with`].
    pub fn set(&'static self, value: T) {
        self.with_first(Cell::new(value), |cell, value| {
            value.into_iter().for_each(|value| cell.set(value.into_inner()));
        });
    }

    /// A copy of the value.
    ///
    /// # Panics
    /// As [`LocalKey::with`].
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Takes the value and leaves the default one.
    ///
    /// # Panics
    /// As [`LocalKey::with`].
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// Sets the value and returns the one before.
    ///
    /// # Panics
    /// As [`LocalKey::with`].
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// Calls `f` with the value.
    ///
    /// # Panics
    /// As [`LocalKey::with`], and if the value is borrowed mutably.
    pub fn with_borrow<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.with(|cell| f(&cell.borrow()))
    }

    /// Calls `f` with the value, which it may change.
    ///
    /// # Panics
    /// As [`LocalKey::with`], and if the value is borrowed.
    pub fn with_borrow_mut<R>(&'static self, f: impl FnOnce(&mut T) -> R) -> R {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }

    /// Sets the value; if there is none yet, without making the first one.
    ///
    /// # Panics
    /// As [`LocalKey::with`], and if the value is borrowed.
    pub fn set(&'static self, value: T) {
        self.with_first(RefCell::new(value), |cell, value| {
            value.into_iter().for_each(|value| drop(cell.replace(value.into_inner())));
        });
    }

    /// Takes the value and leaves the default one.
    ///
    /// # Panics
    /// As [`LocalKey::with`], and if the value is borrowed.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// Sets the value and returns the one before.
    ///
    /// # Panics
    /// As [`LocalKey::with`], and if the value is borrowed.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// A goroutine-local was asked for after its destruction, at the end of its goroutine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessError(());

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessError")
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("gort: the goroutine-local is destroyed already")
    }
}

impl Error for AccessError {}
