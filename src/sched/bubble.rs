//! Bubbles: goroutines with a time of their own, which passes while all of them are blocked.
//!
//! The idea and the rules are those of Go's `testing/synctest`. A goroutine of a bubble has
//! `FLAG_BUBBLED` and finds the bubble in its extras. Before a park that only the bubble itself can
//! end it says so (`Inside::durable`, `Inside::durable_in`): it then carries `FLAG_DURABLE` until
//! it is readied. `bubble_count.rs` counts the goroutines that do not, and says who acts when there
//! are none. That one wakes the goroutine in `wait`, or the clock: whoever made the bubble. The
//! clock fires what is due, and moves the time on if it was woken because all are blocked.

use std::any::Any;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::bubble_count::Count;
use super::g::{FLAG_BUBBLED, FLAG_DURABLE, G};
use super::park::Wait;
use super::sudog::{Parker, Waiter};
use super::timers::{Fire, NEVER, Timer, Timers};
use super::{Inside, current_g, seed};
use crate::wire::reason::WaitReason;

/// When a bubble's time begins, in nanoseconds: the first moment of 2000 since that of 1970, as
/// Go's.
const BEGIN_NS: u64 = 946_684_800_000_000_000;

/// A bubble's number, unique in the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BubbleId(NonZeroU64);

/// A bubble.
pub(crate) struct Bubble {
    id: BubbleId,
    count: Count,
    now_ns: AtomicU64,
    pub(super) timers: Timers,
    sleepers: Mutex<Sleepers>,
    /// Somebody is in `wait`.
    waiting: AtomicBool,
    members: Mutex<Members>,
    random: AtomicU64,
}

/// Who is woken when all are blocked.
#[derive(Default)]
struct Sleepers {
    /// Who waits for the others.
    waiter: Option<&'static G>,
    clock: Option<Waiter>,
    /// The clock was woken because all are blocked.
    all_blocked: bool,
}

// SAFETY: the clock's waiter waits until it is woken, from whatever thread.
unsafe impl Send for Sleepers {}

#[derive(Default)]
struct Members {
    alive: BTreeMap<u64, &'static G>,
    panic: Option<Box<dyn Any + Send>>,
    /// The bubble is over: nobody asks for a panic any more.
    over: bool,
}

/// How a bubble ended.
pub(crate) enum End {
    /// All goroutines have ended.
    Over,
    /// This goroutine panicked, and nobody joined it.
    Panic(Box<dyn Any + Send>),
    /// These are blocked for ever.
    Deadlock(Vec<&'static G>),
}

/// The bubble of a goroutine.
#[inline]
pub(crate) fn of(g: &G) -> Option<&Arc<Bubble>> {
    if !g.has_flag(FLAG_BUBBLED) {
        return None;
    }
    g.extras()?.bubble.as_ref()
}

/// The caller's bubble.
#[inline]
pub(crate) fn current() -> Option<BubbleId> {
    of(current_g()?).map(|bubble| bubble.id)
}

/// As [`current`], with all that belongs to it.
pub(super) fn current_bubble() -> Option<&'static Arc<Bubble>> {
    of(current_g()?)
}

/// Sees to it that something that was made in a bubble is used there only.
///
/// # Panics
/// If the caller is not in this bubble; `what` says what it was about to do.
#[cold]
pub(crate) fn check_same(id: BubbleId, what: &str) {
    assert!(current() == Some(id), "gort: {what} from outside of its test bubble");
}

/// Which bubble something belongs to for a while.
pub(crate) struct InBubble(AtomicU64);

impl InBubble {
    /// None.
    pub(crate) const fn none() -> InBubble {
        InBubble(AtomicU64::new(0))
    }

    /// Neither the caller nor the thing is in a bubble.
    #[inline]
    pub(crate) fn is_usual(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0 && current().is_none()
    }

    /// Whether it belongs to the caller's bubble.
    pub(crate) fn is_current(&self) -> bool {
        let id = self.0.load(Ordering::Relaxed);
        id != 0 && current_number() == id
    }

    /// Under the thing's lock: if it is `unused` it belongs to the caller's bubble from here on, or
    /// to none. False: it belongs to others.
    pub(crate) fn claim(&self, unused: bool) -> bool {
        let number = current_number();
        if unused {
            self.0.store(number, Ordering::Relaxed);
        }
        unused || self.0.load(Ordering::Relaxed) == number
    }

    /// Under the thing's lock: it belongs to nobody.
    pub(crate) fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// As [`check_same`].
    #[inline]
    pub(crate) fn check(&self, what: &str) {
        if let Some(id) = NonZeroU64::new(self.0.load(Ordering::Relaxed)) {
            check_same(BubbleId(id), what);
        }
    }
}

/// The number of the caller's bubble, 0 outside.
fn current_number() -> u64 {
    current().map_or(0, |id| id.0.get())
}

impl Inside {
    /// The park that follows can be ended by the caller's own bubble only, if it is in one.
    #[inline]
    pub(crate) fn durable(&self) {
        if let Some(g) = self.g()
            && g.has_flag(FLAG_BUBBLED)
        {
            g.set_flag(FLAG_DURABLE);
        }
    }

    /// The park that follows can be ended by this bubble only, if there is one.
    #[inline]
    pub(crate) fn durable_in(&self, id: Option<BubbleId>) {
        if id.is_some() {
            self.durable_if_same(id);
        }
    }

    #[cold]
    fn durable_if_same(&self, id: Option<BubbleId>) {
        if let Some(g) = self.g()
            && of(g).map(|bubble| bubble.id) == id
        {
            g.set_flag(FLAG_DURABLE);
        }
    }
}

/// A goroutine is about to park: its bubble, if it parks durably. It is to be given to [`parked`].
#[inline]
pub(super) fn before_commit(g: &G) -> Option<Arc<Bubble>> {
    if !g.has_flag(FLAG_DURABLE) { None } else { of(g).cloned() }
}

/// The commit was done. The goroutine may have been readied since.
#[inline]
pub(super) fn parked(rt: &Inside, bubble: Option<Arc<Bubble>>) {
    if let Some(bubble) = bubble {
        bubble.leave(rt);
    }
}

/// A durably blocked goroutine is being readied. By its waker, who owns it now.
#[cold]
pub(super) fn unblock(g: &G) {
    g.clear_flag(FLAG_DURABLE);
    if let Some(bubble) = of(g) {
        bubble.count.enter();
    }
}

/// A goroutine with a bubble in its extras was made.
#[cold]
pub(super) fn born(g: &'static G) {
    g.set_flag(FLAG_BUBBLED);
    if let Some(bubble) = of(g) {
        bubble.count.enter();
        bubble.members.lock().alive.insert(g.id(), g);
    }
}

/// A goroutine of a bubble is no more. Its share of the count is to be given up last, by
/// [`parked`].
#[cold]
pub(super) fn ended(g: &G) -> Option<Arc<Bubble>> {
    let bubble = of(g)?;
    bubble.members.lock().alive.remove(&g.id());
    Some(Arc::clone(bubble))
}

/// A goroutine panicked and nobody joins it: keeps the panic for whoever made the bubble, or gives
/// it back if there is none, or nobody asks any more.
pub(super) fn keep_panic(g: &G, payload: Box<dyn Any + Send>) -> Result<(), Box<dyn Any + Send>> {
    let Some(bubble) = of(g) else { return Err(payload) };
    let _inside = Inside::enter();
    let mut members = bubble.members.lock();
    if members.over {
        return Err(payload);
    }
    match members.panic {
        // The first one is told; the others have been reported by the panic hook.
        Some(_) => std::mem::forget(payload),
        None => members.panic = Some(payload),
    }
    Ok(())
}

/// Blocks the caller until all other goroutines of its bubble are durably blocked.
///
/// # Panics
/// Outside of bubbles, and if somebody else in the bubble does the same.
pub(crate) fn wait() {
    let Some(bubble) = current_bubble() else { panic!("gort: test::wait outside of a bubble") };
    let rt = Inside::enter_to_block();
    if bubble.waiting.swap(true, Ordering::Relaxed) {
        drop(rt);
        panic!("gort: test::wait while another goroutine of the bubble is in it");
    }
    rt.durable();
    let waiting = Waiting { bubble, g: rt.g() };
    let argument = std::ptr::from_ref(&waiting).cast_mut().cast();
    let wait = Wait { reason: WaitReason::SynctestWait, commit: Waiting::commit, argument };
    // SAFETY: it lies on this stack, and the caller's own extras keep the bubble.
    drop(unsafe { rt.park(wait) });
    bubble.waiting.store(false, Ordering::Relaxed);
}

impl Bubble {
    /// A bubble without goroutines. The caller is its clock.
    pub(crate) fn new() -> Arc<Bubble> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Arc::new(Bubble {
            id: BubbleId(NonZeroU64::new(id).expect("numbers do not run out")),
            count: Count::new(),
            now_ns: AtomicU64::new(BEGIN_NS),
            timers: Timers::new(),
            sleepers: Mutex::default(),
            waiting: AtomicBool::new(false),
            members: Mutex::default(),
            random: AtomicU64::new(seed::of_bubble(id)),
        })
    }

    pub(crate) fn id(&self) -> BubbleId {
        self.id
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns.load(Ordering::Relaxed)
    }

    /// Gives up a share of the count. The caller does not use the bubble afterwards.
    fn leave(&self, rt: &Inside) {
        if self.count.leave() {
            self.all_blocked(rt);
        }
    }

    /// Nobody has a share: gives one to who waits for the others, or to the clock, and wakes it.
    #[cold]
    fn all_blocked(&self, rt: &Inside) {
        let mut sleepers = self.sleepers.lock();
        // Somebody from outside who was not allowed to may have readied a goroutine.
        if !self.count.is_zero() {
            return;
        }
        if self.timers.next_ns() > self.now_ns()
            && let Some(g) = sleepers.waiter.take()
        {
            unblock(g);
            drop(sleepers);
            return rt.ready(g);
        }
        if let Some(clock) = sleepers.clock.take() {
            self.count.enter();
            sleepers.all_blocked = true;
            drop(sleepers);
            // SAFETY: the clock waits, and was taken once.
            unsafe { clock.wake(rt) };
        }
    }

    /// A timer that is due at once was started: wakes the clock, though not all are blocked. The
    /// caller has a share.
    pub(super) fn wake_clock(&self, rt: &Inside) {
        let clock = self.sleepers.lock().clock.take();
        if let Some(clock) = clock {
            self.count.enter();
            // SAFETY: as in `all_blocked`.
            unsafe { clock.wake(rt) };
        }
    }

    /// Starts a timer of a goroutine of the bubble that parks.
    ///
    /// # Safety
    /// As for `Timers::add`.
    pub(super) unsafe fn add_timer(&self, rt: &Inside, timer: &Timer) {
        let when_ns = timer.when_ns();
        // SAFETY: by the caller's promise.
        unsafe { self.timers.add(timer) };
        if when_ns <= self.now_ns() {
            self.wake_clock(rt);
        }
    }

    /// Starts a timer that calls its owner.
    ///
    /// # Safety
    /// As for `Timers::keep`.
    pub(super) unsafe fn keep_timer(
        &self,
        rt: &Inside,
        timer: &Timer,
        when_ns: u64,
        owner: Arc<dyn Fire>,
        turn: u64,
    ) {
        // SAFETY: by the caller's promise.
        unsafe { self.timers.keep(timer, when_ns, owner, turn) };
        if when_ns <= self.now_ns() {
            self.wake_clock(rt);
        }
    }

    /// The life of the clock, until nothing more happens in the bubble, whose first goroutine is
    /// `main`. By whoever made the bubble, outside.
    pub(crate) fn keep_time(self: &Arc<Self>, main: &G) -> End {
        loop {
            self.fire_due();
            if !self.sleep_until_blocked() {
                continue;
            }
            // All are blocked, and nobody else acts now.
            let next_ns = self.timers.next_ns();
            if next_ns <= self.now_ns() {
                continue;
            }
            let panicked = self.members.lock().panic.is_some();
            // The clock's last moment means never, too: it would be due for ever.
            if next_ns >= NEVER - 1 || panicked || main.join.is_done() {
                return self.end();
            }
            self.now_ns.store(next_ns, Ordering::Relaxed);
        }
    }

    /// Lets go of timers that nobody fires any more. Outside: some of them hold functions.
    pub(crate) fn clear(&self) {
        loop {
            let rt = Inside::enter();
            let due = self.timers.expired(NEVER);
            drop(rt);
            if due.is_empty() {
                return;
            }
        }
    }

    fn end(&self) -> End {
        let mut members = self.members.lock();
        members.over = true;
        if let Some(payload) = members.panic.take() {
            return End::Panic(payload);
        }
        match members.alive.is_empty() {
            true => End::Over,
            false => End::Deadlock(members.alive.values().copied().collect()),
        }
    }

    /// Fires what is due, a batch at a time.
    fn fire_due(&self) {
        while self.timers.next_ns() <= self.now_ns() {
            let rt = Inside::enter();
            let mut due = self.timers.expired(self.now_ns());
            // So that nobody relies on an order among things that happen at once.
            due.shuffle(|| self.next_random());
            due.fire(&rt);
            drop(rt);
        }
    }

    /// By the clock alone. Marsaglia's xorshift64.
    fn next_random(&self) -> u64 {
        let mut x = self.random.load(Ordering::Relaxed);
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.store(x, Ordering::Relaxed);
        x >> 16
    }

    /// The clock sleeps. True: all are blocked; false: a timer may be due.
    fn sleep_until_blocked(self: &Arc<Self>) -> bool {
        let rt = Inside::enter();
        let parker = Parker::new();
        let sleeping = ClockSleep { bubble: self, waiter: rt.waiter(&parker) };
        let argument = std::ptr::from_ref(&sleeping).cast_mut().cast();
        let wait = Wait { reason: WaitReason::SynctestRun, commit: ClockSleep::commit, argument };
        // SAFETY: it lies on this stack, and the commit is done with it before the clock is seen.
        drop(unsafe { rt.block(sleeping.waiter, wait, None) });
        std::mem::take(&mut self.sleepers.lock().all_blocked)
    }
}

/// A goroutine that waits for the others, on its own stack.
struct Waiting<'a> {
    bubble: &'a Bubble,
    g: Option<&'static G>,
}

impl Waiting<'_> {
    /// The commit: from here on it can be woken, but not before its share of the count is gone.
    unsafe fn commit(argument: *mut ()) -> bool {
        // SAFETY: the argument of `wait`.
        let this = unsafe { &*argument.cast::<Waiting<'_>>() };
        this.bubble.sleepers.lock().waiter = this.g;
        true
    }
}

/// The clock, on its own stack.
struct ClockSleep<'a> {
    bubble: &'a Arc<Bubble>,
    waiter: Waiter,
}

impl ClockSleep<'_> {
    /// The commit: from here on the clock can be woken.
    unsafe fn commit(argument: *mut ()) -> bool {
        // SAFETY: the argument of `sleep_until_blocked`. It is read first: once the waiter is seen,
        // the clock may go on.
        let (bubble, waiter) = unsafe {
            let this = &*argument.cast::<ClockSleep<'_>>();
            (Arc::clone(this.bubble), this.waiter)
        };
        bubble.sleepers.lock().clock = Some(waiter);
        let rt = Inside::already(super::tls::current_m());
        // A timer that was due at once may have been started since the last look, by somebody who
        // found no clock to wake.
        if bubble.timers.next_ns() <= bubble.now_ns() {
            bubble.wake_clock(&rt);
        }
        bubble.leave(&rt);
        std::mem::forget(rt);
        true
    }
}
