//! The life of a goroutine: born, first run, end.

use std::any::Any;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::atomic::Ordering;

use super::g::{
    self, Entry, Extras, FLAG_EXITING, FLAG_PANICS_TO_RUN, FLAG_REFUSED, FLAG_WATCHED,
    FLAGS_INHERITED, G, INLINE_BYTES,
};
use super::join::Finished;
use super::m::M;
use super::park::{Goexit, Request};
use super::{Inside, SCHED, annotations, bubble, joiner, p, stack, tls, waker};
use crate::tracer::status::Status;

/// What a goroutine panicked with.
pub(crate) type Payload = Box<dyn Any + Send>;
/// What a goroutine leaves: its value, or what it panicked with.
pub(crate) type Outcome<T> = Result<T, Payload>;

/// Functions for closures of type `F` with results of type `T`; `N` names the goroutine.
struct Typed<F, T, N>(std::marker::PhantomData<(F, T, N)>);

impl<F: FnOnce() -> T, T, N> Typed<F, T, N> {
    const ENTRY: &'static Entry = &Entry {
        run: Self::run,
        refuse: Self::refuse,
        drop_result: Self::drop_result,
        name: std::any::type_name::<N>,
    };

    unsafe fn run(g: *mut G) {
        // SAFETY: `run` is called once, by the goroutine itself, with the closure in place.
        let (g, f) = unsafe { (&*g, take::<F>((*g).storage())) };
        let outcome = caught(f);
        // From here on a destructor that blocks blocks.
        g.clear_flag(FLAG_EXITING);
        // SAFETY: the closure has been moved out, so the storage is free.
        unsafe { put(g.storage(), outcome) };
    }

    unsafe fn refuse(g: *mut G, why: Payload) {
        // SAFETY: called instead of `run`.
        let (g, f) = unsafe { (&*g, take::<F>((*g).storage())) };
        // A destructor's panic adds nothing to the refusal.
        if let Err(payload) = caught(|| drop(f)) {
            std::mem::forget(payload);
        }
        // SAFETY: as in `run`.
        unsafe { put(g.storage(), Outcome::<T>::Err(why)) };
    }

    unsafe fn drop_result(g: *mut G) -> Option<Payload> {
        // SAFETY: called once, by whoever the join slot says, with the outcome in place.
        let outcome = unsafe { take::<Outcome<T>>((*g).storage()) };
        outcome.map(drop).err().filter(|payload| !payload.is::<Goexit>())
    }
}

/// Runs `f` and catches its panic.
///
/// The standard library counts panics in a thread-local. Never inlined, so that no compiler keeps
/// its address over a switch to another thread: nothing here but `f` itself suspends.
#[inline(never)]
pub(crate) fn caught<T>(f: impl FnOnce() -> T) -> Outcome<T> {
    catch_unwind(AssertUnwindSafe(f))
}

const fn is_inline<T>() -> bool {
    size_of::<T>() <= INLINE_BYTES && align_of::<T>() <= 8
}

/// Moves a value into a slot's storage, or into a box that the storage points to.
unsafe fn put<T>(storage: *mut u8, value: T) {
    // SAFETY: the storage has room for small values and for a pointer, aligned to 8.
    unsafe {
        if is_inline::<T>() {
            storage.cast::<T>().write(value);
        } else {
            storage.cast::<*mut T>().write(Box::into_raw(Box::new(value)));
        }
    }
}

/// Moves the value out that [`put`] moved in.
unsafe fn take<T>(storage: *mut u8) -> T {
    // SAFETY: by `put`.
    unsafe {
        if is_inline::<T>() {
            storage.cast::<T>().read()
        } else {
            *Box::from_raw(storage.cast::<*mut T>().read())
        }
    }
}

/// Takes the outcome of a goroutine that has finished, once.
///
/// # Safety
/// The slot is the caller's by the join protocol and its result has type `T`.
pub(crate) unsafe fn take_outcome<T>(g: &G) -> Outcome<T> {
    // SAFETY: by the caller's promise.
    unsafe { take(g.storage()) }
}

/// Makes a goroutine that runs `f`, called after the type `N`, and returns the handle's reference.
///
/// # Safety
/// `f` and its result may be used until the goroutine has finished.
#[inline]
pub(crate) unsafe fn spawn<F, T, N>(
    f: F,
    location: &'static Location<'static>,
    extras: Option<Box<Extras>>,
) -> &'static G
where
    F: FnOnce() -> T,
{
    let rt = Inside::enter();
    // SAFETY: by the caller's promise.
    let g = unsafe { make::<F, T, N>(&rt, f, location, extras) };
    start(&rt, g);
    g
}

/// Makes a goroutine without a handle, from inside the runtime.
///
/// # Safety
/// As for [`spawn`].
pub(crate) unsafe fn spawn_detached<F, N>(rt: &Inside, f: F, location: &'static Location<'static>)
where
    F: FnOnce(),
{
    // SAFETY: by the caller's promise.
    unsafe { spawn_detached_with::<F, N>(rt, f, location, None) };
}

/// As [`spawn_detached`], with extras.
///
/// # Safety
/// As for [`spawn`].
pub(crate) unsafe fn spawn_detached_with<F, N>(
    rt: &Inside,
    f: F,
    location: &'static Location<'static>,
    extras: Option<Box<Extras>>,
) where
    F: FnOnce(),
{
    // SAFETY: by the caller's promise.
    let g = unsafe { make::<F, (), N>(rt, f, location, extras) };
    g.join.detach_unborn();
    start(rt, g);
}

/// A goroutine in its slot, known to nobody yet.
#[inline]
unsafe fn make<F, T, N>(
    rt: &Inside,
    f: F,
    location: &'static Location<'static>,
    extras: Option<Box<Extras>>,
) -> &'static G
where
    F: FnOnce() -> T,
{
    let (g, id) = match rt.m().and_then(M::p) {
        Some(p) => (p.take_slot(), p.next_id()),
        None => (take_slot_outside(), p::new_id()),
    };
    let creator = rt.g();
    let extras = match creator {
        Some(creator) if creator.has_flag(FLAGS_INHERITED) => inherit(creator, extras),
        _ => extras,
    };
    let is_of_run = extras.as_ref().is_some_and(|extras| extras.panics.get().is_some());
    let in_bubble = extras.as_ref().is_some_and(|extras| extras.bubble.is_some());
    // SAFETY: the slot is free and ours; the storage of a free slot is empty.
    unsafe {
        g.revive(id, creator, Typed::<F, T, N>::ENTRY, location, extras);
        put(g.storage(), f);
    }
    if is_of_run {
        g.set_flag(FLAG_PANICS_TO_RUN);
    }
    if in_bubble {
        bubble::born(g);
    }
    g
}

/// Makes a new goroutine runnable.
#[inline]
fn start(rt: &Inside, g: &'static G) {
    let Some((m, p)) = rt.m().and_then(|m| Some((m, m.p()?))) else {
        return start_outside(g);
    };
    p.shared.born.store(p.shared.born.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    let traced = m.emit(|e| {
        let stack = m.stack_here(e);
        e.go_create(g, stack);
    });
    if traced.is_none() {
        g.state.born(Status::Runnable, 0);
    }
    SCHED.run_fresh(p, g);
}

/// As [`start`], on a thread without a processor.
#[cold]
fn start_outside(g: &'static G) {
    SCHED.born_outside.fetch_add(1, Ordering::Relaxed);
    watch_as_thread(g);
    annotations::inherit_from_thread(g);
    g.state.born(Status::Created, 0);
    SCHED.injector.push_one(g);
    SCHED.wake_one();
}

/// What the goroutine gets from its creator.
#[cold]
fn inherit(creator: &G, extras: Option<Box<Extras>>) -> Option<Box<Extras>> {
    let mut extras = extras.unwrap_or_default();
    if let Some(from) = creator.extras() {
        extras.inherit(from);
    }
    Some(extras)
}

/// What the goroutine, which nobody knows yet, gets from the plain thread that starts it.
fn watch_as_thread(g: &G) {
    let watch = tls::watch();
    if watch != 0 {
        g.extras_or_new().watch.store(watch, Ordering::Relaxed);
        g.set_flag(FLAG_WATCHED);
    }
}

#[cold]
pub(super) fn take_slot_outside() -> &'static G {
    let mut taken = Vec::with_capacity(g::FREE_BATCH);
    g::take_slots(&mut taken);
    let g = taken.pop().expect("the common list gives at least one");
    g::return_slots(taken.into_iter());
    g
}

/// Runs the goroutine that this thread says is current: the body of every coroutine's loop.
/// Called inside, returns inside, with the request to end in place.
pub(super) fn run_current() {
    let g = {
        let rt = Inside::already(tls::current_m());
        rt.g().expect("a coroutine runs a goroutine")
        // Dropping `rt` leaves the runtime: user code begins.
    };
    if g.has_flag(FLAG_REFUSED) {
        refuse(g);
    } else {
        // SAFETY: this is the goroutine's first and only run.
        unsafe { (g.entry().run)(std::ptr::from_ref(g).cast_mut()) };
    }
    destroy_locals(g);
    finish(g);
    // What the result's destructor made.
    destroy_locals(g);
    let rt = Inside::enter();
    if let Some(scope) = g.extras().and_then(|extras| extras.scope.as_ref()) {
        scope.leave(&rt);
    }
    let m = rt.m().expect("a goroutine runs on a worker");
    m.request.set(Request::Exit);
    std::mem::forget(rt);
}

/// Destroys the goroutine-locals of the current goroutine. They may block, and make new ones.
fn destroy_locals(g: &'static G) {
    let Some(extras) = g.extras() else { return };
    loop {
        // A destructor may have called `goexit`, and has ended by it: one of these, or of the closure
        // or the result; or a waker.
        g.clear_flag(FLAG_EXITING);
        match caught(|| extras.locals.destroy_newest()) {
            Ok(true) => {}
            Ok(false) => return,
            Err(payload) => unseen(g, payload),
        }
    }
}

/// The goroutine ends without having run: its outcome is a panic that says why.
#[cold]
fn refuse(g: &'static G) {
    let why = || -> () {
        panic!("gort: no stack for goroutine {}: {}", g.id(), stack::emergency::last_error())
    };
    let Err(payload) = caught(why) else { unreachable!("it panics") };
    // SAFETY: the goroutine never ran and never will.
    unsafe { (g.entry().refuse)(std::ptr::from_ref(g).cast_mut(), payload) };
}

/// The outcome is in place: tells whoever waits for it, or drops it if nobody ever will.
pub(super) fn finish(g: &'static G) {
    let rt = Inside::enter();
    match g.join.finish() {
        Finished::Unwatched => {}
        Finished::Awaited(waiter) => {
            // SAFETY: found just now.
            let waker = unsafe { joiner::wake(&rt, waiter) };
            drop(rt);
            if let Some(waker) = waker {
                waker::call(*waker);
            }
        }
        Finished::Detached => {
            g.holders.alone();
            drop(rt);
            drop_result(g);
        }
    }
}

/// Drops the outcome of a goroutine that nobody joins. A panic that nobody saw is not lost, be it
/// the outcome or a destructor's.
#[inline(never)]
pub(crate) fn drop_result(g: &'static G) {
    let drop = || {
        // SAFETY: the join protocol made the outcome the caller's.
        unsafe { (g.entry().drop_result)(std::ptr::from_ref(g).cast_mut()) }
    };
    match caught(drop) {
        Ok(None) => {}
        Ok(Some(payload)) | Err(payload) => unseen(g, payload),
    }
}

/// A panic that nobody sees came out of `g`.
#[cold]
fn unseen(g: &'static G, payload: Payload) {
    if !payload.is::<Goexit>() {
        super::unseen::panic(g, payload);
    }
}

/// Lets go of the slot, and frees it if nobody else holds it.
#[inline]
pub(crate) fn release(rt: &Inside, g: &'static G) {
    if g.holders.let_go() {
        free(rt, g);
    }
}

/// Frees a slot that nobody holds any more.
fn free(rt: &Inside, g: &'static G) {
    drop(g.take_extras());
    match rt.m().and_then(|m| m.p()) {
        Some(p) => p.keep_slot(g),
        None => g::return_slots(std::iter::once(g)),
    }
}

/// A slot's storage is large enough for a boxed value's pointer.
const _: () = assert!(is_inline::<MaybeUninit<*mut u8>>());
