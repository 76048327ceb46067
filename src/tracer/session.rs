//! Who wants events, and the thread that cuts generations for them: for one streamed trace, and for
//! one flight recorder beside it.
//!
//! ```text
//! events --> generation::cut --> Sealed --+--> outlet: a queue, and a thread that writes
//!                (this thread)            +--> the recorder's window
//! ```
//! The thread never waits for a writer or for names. It lives while somebody listens. Who begins to
//! listen while it lives begins with the next generation, and waits for that.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::buf;
use super::flight_recorder::{self, Recorder, Snapshot};
use super::outlet::{self, Outlet};
use super::sealed::Sealed;
use super::writer::{Out, RollOver};
use super::{GENERATION, World, clock, generation, held, unwind_tables};
use crate::sys::{fork, futex};
use crate::wire::version::Version;

/// Nanoseconds that a generation lasts: a second, as Go's...
static GENERATION_NS: AtomicU64 = AtomicU64::new(1_000_000_000);
/// ...or until this many bytes are there besides the statuses it began with,
const GENERATION_BYTES: usize = 32 << 20;
/// or this part of what may be held.
const GENERATION_SHARE: usize = 4;
/// The fewest bytes that end a generation.
const LEAST_BYTES: usize = 256 << 10;
/// The most bytes held in memory, should the writing not keep up, unless somebody says otherwise.
pub(crate) const LIMIT_BYTES: usize = 1 << 30;
/// The current generation may grow to this in any case if there is a recorder.
const RECORDER_LIMIT_BYTES: usize = 256 << 20;
/// Above this many goroutines, those nobody touched are listed in every so many generations only,
/// where nothing begins with just any generation.
const SWEEP_ALWAYS: usize = 20_000;
const SWEEP_EVERY: u32 = 8;

/// Makes generations last `ns` nanoseconds, for tests of the cuts between them.
pub(crate) fn set_generation_ns(ns: u64) {
    GENERATION_NS.store(ns, Ordering::Relaxed);
}

static WORLD: OnceLock<&'static dyn World> = OnceLock::new();

/// The scheduler introduces itself.
pub(crate) fn set_world(world: &'static dyn World) {
    // A second scheduler cannot be.
    if WORLD.set(world).is_ok() {
        // SAFETY: it stores two numbers.
        unsafe { fork::in_children(forked) };
    }
}

/// This is a forked child: there is none of the threads that it would wait for, and the locks are
/// as they were when it was forked.
static FORKED: AtomicBool = AtomicBool::new(false);

/// A child begins. It is part of no trace, so nobody in it comes to a lock that another thread of
/// its parent's held.
extern "C" fn forked() {
    FORKED.store(true, Ordering::Relaxed);
    GENERATION.store(0, Ordering::Relaxed);
}

fn is_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// Why a trace or a recorder did not start.
#[derive(Debug)]
pub(crate) enum StartFailure {
    /// There is one already.
    AlreadyEnabled,
    /// The runtime has not been started.
    NoRuntime,
    /// The runtime is that of the process that forked this one.
    Forked,
    /// A thread could not be started.
    Thread(io::Error),
    /// CPU samples could not be taken.
    Samples(io::Error),
}

/// Why a trace ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The writer failed.
    Write(io::Error),
    /// Events came faster than they could be written; what was written is whole.
    Overflow,
    /// A thread of the tracer's panicked.
    Died,
}

/// What a trace was.
#[derive(Debug, Default, Clone)]
pub(crate) struct Report {
    pub(crate) bytes: u64,
    pub(crate) generations: u64,
    pub(crate) files: u64,
    /// How often generations had to be left out.
    pub(crate) gaps: u64,
    /// CPU samples written, and lost.
    pub(crate) samples: u64,
    pub(crate) lost_samples: u64,
    /// Threads that were not sampled, at most.
    pub(crate) unsampled: u64,
    /// Events emitted, by name of their type.
    pub(crate) counts: Vec<(&'static str, u64)>,
}

/// What a trace is to be like.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) version: Version,
    /// The most bytes held in memory.
    pub(crate) limit_bytes: usize,
    pub(crate) roll_over: Option<RollOver>,
    /// CPU samples a second that are taken for it; 0: none.
    pub(crate) profile_hz: u32,
}

/// Called once, on the writing thread, when everything is written.
pub(crate) type Done = Box<dyn FnOnce(Result<Report, Failure>) + Send>;

/// Called once, on the thread that cuts, with what the recorder has kept.
pub(crate) type Kept = Box<dyn FnOnce(Snapshot) + Send>;

/// How far the streamed trace is.
enum Phase {
    Off,
    /// With what is to be called when it ends, for a trace that is not the program's to stop.
    On(Option<Done>),
    /// `stop` was called.
    Stopping(Done),
    /// Ended early; `stop` has yet to ask why.
    Failed(Result<Report, Failure>),
}

struct State {
    phase: Phase,
    /// Where the streamed trace goes from the next generation on.
    joining: Option<Outlet>,
    /// Who is to record from the next generation on.
    recorder: Option<Arc<Recorder>>,
    /// Who records now.
    recording: Option<Arc<Recorder>>,
    /// Who is to get what is recorded up to the next cut.
    snapshots: Vec<Kept>,
    /// The generation is to end now.
    is_asked: bool,
    /// The thread that cuts is there.
    has_thread: bool,
    /// Its state, from who made its first cut.
    first: Option<Cutter>,
    last_generation: u32,
    /// The last trace.
    number: u64,
}

struct Session {
    state: Mutex<State>,
    /// For the thread that cuts.
    wake: Condvar,
    /// For those who wait for it.
    turned: Condvar,
}

static SESSION: Session = Session {
    state: Mutex::new(State {
        phase: Phase::Off,
        joining: None,
        recorder: None,
        recording: None,
        snapshots: Vec::new(),
        is_asked: false,
        has_thread: false,
        first: None,
        last_generation: 0,
        number: 0,
    }),
    wake: Condvar::new(),
    turned: Condvar::new(),
};

/// The thread that cuts is to look.
pub(super) fn wake() {
    SESSION.wake.notify_one();
}

/// Waits as that thread does.
#[cfg(test)]
pub(super) fn wait() {
    SESSION.wake.wait(&mut SESSION.state.lock());
}

/// A trace among those of the process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(u64);

impl State {
    fn next_generation(&mut self) -> u32 {
        self.last_generation += 1;
        self.last_generation
    }

    fn is_streaming(&self) -> bool {
        matches!(self.phase, Phase::On(_) | Phase::Stopping(_))
    }

    /// The generation is to end now.
    fn ask(&mut self) {
        self.is_asked = true;
        SESSION.wake.notify_one();
    }
}

/// Whose events there are.
fn world() -> Result<&'static dyn World, StartFailure> {
    let world = *WORLD.get().ok_or(StartFailure::NoRuntime)?;
    if is_forked() { Err(StartFailure::Forked) } else { Ok(world) }
}

/// Starts a trace. If `ended` is given, it is the whole run's: no [`stop`] ends it, but
/// [`end_whole_run`] or an error does, and `ended` is called then.
pub(crate) fn start(
    out: Out,
    settings: Settings,
    ended: Option<Done>,
) -> Result<Number, StartFailure> {
    let world = world()?;
    if SESSION.state.lock().is_streaming() {
        return Err(StartFailure::AlreadyEnabled);
    }
    // What is the user's (the writer, the log) is used while no lock is held only.
    let sampling = match settings.profile_hz {
        0 => None,
        hz => Some(world.sample(hz).map_err(StartFailure::Samples)?),
    };
    let outlet = Outlet::new(out, settings, sampling, broke, Box::new(finished));
    let outlet = outlet.map_err(StartFailure::Thread)?;
    let mut state = SESSION.state.lock();
    if state.is_streaming() {
        drop(state);
        outlet.never();
        return Err(StartFailure::AlreadyEnabled);
    }
    state.joining = Some(outlet);
    let is_whole_run = ended.is_some();
    let earlier = std::mem::replace(&mut state.phase, Phase::On(ended));
    if let Err(error) = listen(&mut state, world) {
        state.phase = earlier;
        let outlet = state.joining.take();
        drop(state);
        outlet.into_iter().for_each(Outlet::never);
        return Err(StartFailure::Thread(error));
    }
    if is_whole_run {
        WHOLE_RUN.store(LASTS, Ordering::Relaxed);
    }
    state.number += 1;
    let number = state.number;
    // Not longer than it is this trace that joins.
    while state.joining.is_some() && state.number == number {
        SESSION.turned.wait(&mut state);
    }
    drop(state);
    if let Phase::Failed(Err(failure)) = earlier {
        log::error!("gort: the trace before ended early: {failure:?}");
    }
    Ok(Number(number))
}

/// Starts a recorder.
pub(crate) fn start_recorder(recorder: &Arc<Recorder>) -> Result<(), StartFailure> {
    let world = world()?;
    let mut state = SESSION.state.lock();
    if state.recorder.is_some() {
        return Err(StartFailure::AlreadyEnabled);
    }
    state.recorder = Some(Arc::clone(recorder));
    if let Err(error) = listen(&mut state, world) {
        state.recorder = None;
        return Err(StartFailure::Thread(error));
    }
    wait_for_recording(&mut state, |state| is_same(&state.recorder, recorder));
    Ok(())
}

/// Stops this recorder, if it is the one that records. It is off on return if `waits`.
pub(crate) fn stop_recorder(recorder: &Arc<Recorder>, waits: bool) {
    if is_forked() {
        return;
    }
    let mut state = SESSION.state.lock();
    if !is_same(&state.recorder, recorder) {
        return;
    }
    state.recorder = None;
    flight_recorder::end_watch();
    state.ask();
    if waits {
        wait_for_recording(&mut state, |state| state.recorder.is_none());
    }
}

/// Waits until who records is who is to, or somebody else changes that once more.
fn wait_for_recording(state: &mut MutexGuard<'_, State>, is_still_so: impl Fn(&State) -> bool) {
    let is_due = |state: &State| match (&state.recorder, &state.recording) {
        (Some(a), Some(b)) => !Arc::ptr_eq(a, b),
        (None, None) => false,
        _ => true,
    };
    while is_still_so(state) && is_due(state) {
        SESSION.turned.wait(state);
    }
}

fn is_same(a: &Option<Arc<Recorder>>, b: &Arc<Recorder>) -> bool {
    a.as_ref().is_some_and(|a| Arc::ptr_eq(a, b))
}

/// Has what this recorder has kept, up to now, given to `kept`. False: it does not record.
pub(crate) fn snapshot(recorder: &Arc<Recorder>, kept: Kept) -> bool {
    if is_forked() {
        return false;
    }
    let mut state = SESSION.state.lock();
    if !is_same(&state.recording, recorder) {
        return false;
    }
    state.snapshots.push(kept);
    state.ask();
    true
}

/// There is somebody new who listens: has the thread that cuts begin a generation for him, or starts
/// it and begins one here.
fn listen(state: &mut State, world: &'static dyn World) -> io::Result<()> {
    if state.has_thread {
        state.ask();
        return Ok(());
    }
    clock::calibrate();
    unwind_tables::prepare();
    let builder = std::thread::Builder::new().name("gort-trace".into());
    // It waits for the lock, so it begins when the first generation has.
    builder.spawn(move || run(world))?;
    state.has_thread = true;
    let mut first = Cutter::new(world);
    first.turn(state);
    state.first = Some(first);
    Ok(())
}

/// Stops the trace, or only if it is this one. `done` is called when the last byte is written;
/// false: there is no such trace of the program's own, and it is not called.
pub(crate) fn stop(only: Option<Number>, done: Done) -> bool {
    if is_forked() {
        return false;
    }
    let mut state = SESSION.state.lock();
    if only.is_some_and(|Number(number)| number != state.number) {
        return false;
    }
    match std::mem::replace(&mut state.phase, Phase::Off) {
        Phase::On(None) => {
            state.phase = Phase::Stopping(done);
            state.ask();
            true
        }
        Phase::Failed(result) => {
            drop(state);
            done(result);
            true
        }
        other => {
            state.phase = other;
            false
        }
    }
}

/// Whether the caller is the user's writer, or what goes with it: it cannot wait for itself.
pub(crate) fn is_in_writer() -> bool {
    outlet::is_here()
}

/// The writing has failed.
fn broke() {
    SESSION.state.lock().ask();
}

/// The streamed trace is written, or as much of it as could be.
fn finished(result: Result<Report, Failure>) {
    let mut state = SESSION.state.lock();
    match std::mem::replace(&mut state.phase, Phase::Off) {
        Phase::Stopping(done) | Phase::On(Some(done)) => {
            drop(state);
            done(result);
        }
        _ => state.phase = Phase::Failed(result),
    }
}

/// How far the whole run's trace is: [`LASTS`] or not.
static WHOLE_RUN: AtomicU32 = AtomicU32::new(0);
const LASTS: u32 = 1;

/// Begins and ends of writes to its file: odd while one is under way.
static WRITES: AtomicU32 = AtomicU32::new(0);

/// How long a process that ends waits for one write...
const PATIENCE: Duration = Duration::from_secs(2);
/// ...and for all there is to do. Names are looked up, which takes a while in a large program.
const LIMIT: Duration = Duration::from_secs(30);

/// A write to the whole run's file, of some piece of it.
pub(crate) fn in_write<R>(write: impl FnOnce() -> R) -> R {
    WRITES.fetch_add(1, Ordering::Relaxed);
    let result = write();
    WRITES.fetch_add(1, Ordering::Relaxed);
    result
}

/// Called when the whole run's trace is written, or never will be.
pub(crate) fn whole_run_ended() {
    // ORDERING: Release, pairs with the Acquire in `end_whole_run`: all is written.
    WHOLE_RUN.store(0, Ordering::Release);
    futex::wake(&WHOLE_RUN, i32::MAX);
}

/// Ends the whole run's trace, if there is one, and waits until it is written, though not for ever.
/// False: it is not.
///
/// For the end of the process, by any thread that is not inside the runtime. It uses nothing of the
/// thread's own, which may be gone by now.
pub(crate) fn end_whole_run() -> bool {
    let lasts = || {
        // ORDERING: Acquire, pairs with the Release in `whole_run_ended`.
        WHOLE_RUN.load(Ordering::Acquire) == LASTS
    };
    if !lasts() || is_forked() {
        return true;
    }
    let begin = Instant::now();
    let Some(mut state) = SESSION.state.try_lock_for(PATIENCE) else { return false };
    match std::mem::replace(&mut state.phase, Phase::Off) {
        Phase::On(Some(ended)) => state.phase = Phase::Stopping(ended),
        other => state.phase = other,
    }
    state.ask();
    drop(state);
    let (mut seen, mut since) = (0, begin);
    while lasts() {
        futex::wait(&WHOLE_RUN, LASTS, Some(PATIENCE / 20));
        let now = WRITES.load(Ordering::Relaxed);
        if now != seen || now.is_multiple_of(2) {
            (seen, since) = (now, Instant::now());
        }
        if since.elapsed() >= PATIENCE || begin.elapsed() >= LIMIT {
            return !lasts();
        }
    }
    true
}

/// The thread that cuts.
struct Cutter {
    world: &'static dyn World,
    outlet: Option<Outlet>,
    recorder: Option<Arc<Recorder>>,
    since_sweep: u32,
}

/// The thread. Whatever happens, tracing ends and those who wait get their answers.
fn run(world: &'static dyn World) {
    world.thread_begins();
    let first = SESSION.state.lock().first.take();
    let mut cutter = first.expect("it was put there under the same lock");
    let cut = AssertUnwindSafe(|| cutter.cut_until_nobody_listens());
    if catch_unwind(cut).is_err() {
        cutter.die();
    }
    world.thread_ends();
}

/// A generation that has just ended, and who it is for.
struct Over {
    leftovers: generation::Leftovers,
    /// It is the streamed trace's last one, which goes here.
    last_outlet: Option<Outlet>,
    /// It came before the streamed trace's first one.
    is_before: bool,
    recorder: Option<Arc<Recorder>>,
    snapshots: Vec<Kept>,
    /// Nobody listens any more.
    is_last: bool,
}

impl Cutter {
    fn new(world: &'static dyn World) -> Cutter {
        Cutter { world, outlet: None, recorder: None, since_sweep: 0 }
    }

    fn cut_until_nobody_listens(&mut self) {
        loop {
            self.sweep();
            unwind_tables::prepare(); // there may be more libraries by now
            let mut state = self.wait_for_the_end();
            let over = self.turn(&mut state);
            drop(state);
            let is_last = over.is_last;
            self.hand_on(over);
            if is_last && self.is_needless() {
                return;
            }
        }
    }

    /// Nobody listens. True: nor has anybody begun to, and the thread is none any more.
    fn is_needless(&mut self) -> bool {
        let mut state = SESSION.state.lock();
        if state.joining.is_none() && state.recorder.is_none() {
            state.has_thread = false;
            buf::forget_spare();
            return true;
        }
        // From here on there are events again. What came before was handed on.
        self.turn(&mut state);
        false
    }

    /// Writes the statuses that nobody has written yet: always where the generation may be the first
    /// of a file, so that all of it stands on its own.
    fn sweep(&mut self) {
        let begins =
            self.recorder.is_some() || self.outlet.as_ref().is_some_and(Outlet::rolls_over);
        if begins || self.since_sweep == 0 || self.world.goroutines() <= SWEEP_ALWAYS {
            generation::sweep(self.world);
        }
        self.since_sweep = (self.since_sweep + 1) % SWEEP_EVERY;
        // Statuses are not what makes a generation long.
        held::fill_with(self.generation_bytes());
    }

    /// How many bytes end a generation.
    fn generation_bytes(&self) -> usize {
        let limits = [
            self.outlet.as_ref().map(|outlet| outlet.limit()),
            self.recorder.as_ref().map(|recorder| recorder.max_bytes()),
        ];
        let least = limits.into_iter().flatten().min().unwrap_or(usize::MAX);
        (least / GENERATION_SHARE).clamp(LEAST_BYTES, GENERATION_BYTES)
    }

    /// Waits until the generation is to end.
    fn wait_for_the_end(&mut self) -> MutexGuard<'static, State> {
        let end = Instant::now() + Duration::from_nanos(GENERATION_NS.load(Ordering::Relaxed));
        let mut state = SESSION.state.lock();
        loop {
            if let Some(recorder) = &self.recorder {
                recorder.watch_if_due();
                if let Some(late) = flight_recorder::take_late() {
                    MutexGuard::unlocked(&mut state, || recorder.tell(late));
                }
            }
            if state.is_asked || held::is_full() || Instant::now() >= end {
                return state;
            }
            SESSION.wake.wait_until(&mut state, end);
        }
    }

    /// Ends the generation, if there was one, and begins another one for all who listen then.
    fn turn(&mut self, state: &mut State) -> Over {
        state.is_asked = false;
        let recorder = self.recorder.take();
        let last_outlet = self
            .outlet
            .take_if(|outlet| outlet.is_over() || matches!(state.phase, Phase::Stopping(_)));
        let is_before = state.joining.is_some();
        if let Some(joining) = state.joining.take() {
            joining.begin();
            self.outlet = Some(joining);
            self.since_sweep = 0;
            // Who stopped it meanwhile has asked for two ends, of which this was one.
            state.is_asked = matches!(state.phase, Phase::Stopping(_));
        }
        self.recorder = state.recorder.clone();
        let is_last = self.outlet.is_none() && self.recorder.is_none();
        let next = if is_last { 0 } else { state.next_generation() };
        // Neither generation may find the limit of the other, if that is lower.
        held::raise_limit(self.limit());
        let leftovers = generation::cut(self.world, next);
        held::set(self.generation_bytes(), self.limit());
        if leftovers.is_of_none() {
            flight_recorder::events_begin();
        }
        state.recording = self.recorder.clone();
        let snapshots = std::mem::take(&mut state.snapshots);
        SESSION.turned.notify_all();
        Over { leftovers, last_outlet, is_before, recorder, snapshots, is_last }
    }

    /// Gives a generation to those who listened.
    fn hand_on(&mut self, over: Over) {
        let Over { leftovers, last_outlet, is_before, recorder, snapshots, .. } = over;
        let sealed = Sealed::new(leftovers).map(Arc::new);
        let snapshot = |recorder: &Arc<Recorder>| {
            recorder.keep(sealed.as_ref());
            recorder.snapshot()
        };
        let kept = recorder.as_ref().map_or_else(Snapshot::empty, snapshot);
        snapshots.into_iter().for_each(|f| f(kept.clone()));
        if let Some(mut outlet) = last_outlet {
            outlet.put(sealed.as_ref());
            outlet.end();
        } else if let Some(outlet) = self.outlet.as_mut().filter(|_| !is_before) {
            outlet.put(sealed.as_ref());
            if outlet.is_over() {
                SESSION.state.lock().ask();
            }
        }
    }

    /// This thread has panicked: nobody gets any more.
    fn die(&mut self) {
        let mut state = SESSION.state.lock();
        drop(generation::cut(self.world, 0));
        let joining = state.joining.take();
        let snapshots = std::mem::take(&mut state.snapshots);
        (state.recorder, state.recording) = (None, None);
        state.has_thread = false;
        buf::forget_spare();
        SESSION.turned.notify_all();
        drop(state);
        snapshots.into_iter().for_each(|f| f(Snapshot::empty()));
        self.outlet.take().into_iter().for_each(Outlet::end_by_death);
        joining.iter().for_each(Outlet::begin);
        joining.into_iter().for_each(Outlet::end_by_death);
    }

    /// The most bytes that the next generation may have.
    fn limit(&self) -> usize {
        let room = self.outlet.as_ref().map_or(0, Outlet::room);
        let for_recorder = self.recorder.as_ref().map_or(0, |_| RECORDER_LIMIT_BYTES);
        room.max(for_recorder)
    }
}
