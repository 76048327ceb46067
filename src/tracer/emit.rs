//! One function per event: what the scheduler and the annotations call.
//!
//! Every function writes its event and makes the change of state that belongs to it in the same
//! breath, so that no generation can end between the two. The caller is inside the runtime (see
//! `sched::door`), where the generation stands still.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::wire::encode::{Clocks, NONE};
use crate::wire::event::EventType;
use crate::wire::reason::WaitReason;

use super::buf::{Buf, Chunk, NO_THREAD, Ship, Stream};
use super::messages::{self, Messages};
use super::stack_table::{self, Cache, Site};
use super::status::{Entered, StateWord, Status};
use super::string_table::{self, reason_id};
use super::unwind::{Bounds, Pcs};
use super::walks::Walks;
use super::{clock, flight_recorder, generation, unwind_tables};

/// How many event types there are, 0 included.
pub(crate) const EVENT_TYPES: usize = 53;

/// Status codes of a processor on the wire.
const PROC_RUNNING: u64 = 1;
const PROC_IDLE: u64 = 2;

/// What a status says of a goroutine besides the status.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    /// Its number, unique in the process.
    pub(crate) id: u64,
    /// Where it was spawned.
    pub(crate) site: Site,
    /// The number of the stack it parked with, 0 for none.
    pub(crate) parked_stack: u32,
}

/// A goroutine as the tracer sees it.
pub(crate) trait Traced {
    /// Its state.
    fn state(&self) -> &StateWord;
    /// Its number. Only while it lives, as its state says.
    fn number(&self) -> u64;
    /// Who it is. As above.
    fn identity(&self) -> Identity;
    /// Its name and labels, if it has any and this was not asked in `generation` since they changed.
    /// Its owner's.
    fn new_label(&self, generation: u32) -> Option<Cow<'_, str>>;
    /// The low bits of the time of its last event that others may follow from. Its owner's.
    fn last_event(&self) -> &AtomicU32;
}

/// Numbers of processors in traces: dense from 0, as viewers draw a row for each up to the last.
static NEXT_PROC: AtomicU64 = AtomicU64::new(0);

/// A processor's trace data, or the data of those without a processor.
pub(crate) struct ProcTrace {
    /// The processor's number in traces.
    id: u64,
    buf: Buf,
    stacks: Cache,
    walks: Walks,
    strings: string_table::Cache,
    messages: Messages,
    unwind: unwind_tables::Cache,
    /// The generation that knows this processor's status.
    known_in: u32,
    /// The processor's own sequence number in that generation.
    seq: u64,
    /// When its last thread parted with it, or the generation began.
    parted: u64,
    /// Events emitted, by type: a count kept beside the buffers, for tests and summaries.
    pub(crate) counts: [u64; EVENT_TYPES],
}

impl ProcTrace {
    /// The data of a processor.
    pub(crate) fn new(ship: Ship) -> ProcTrace {
        ProcTrace { id: NEXT_PROC.fetch_add(1, Ordering::Relaxed), ..ProcTrace::of_none(ship) }
    }

    /// The data of those without a processor.
    fn of_none(ship: Ship) -> ProcTrace {
        ProcTrace {
            id: NONE,
            buf: Buf::new(ship),
            stacks: Cache::new(),
            walks: Walks::new(),
            strings: string_table::Cache::new(),
            messages: Messages::new(ship),
            unwind: unwind_tables::Cache::new(),
            known_in: 0,
            seq: 0,
            parted: 0,
            counts: [0; EVENT_TYPES],
        }
    }

    #[inline]
    fn event<const N: usize>(
        &mut self,
        stream: &mut Stream,
        time: u64,
        event: EventType,
        args: [u64; N],
    ) {
        self.counts[event as usize] += 1;
        self.buf.event(stream, time, event, args);
    }

    /// The generation is over: what is left of it.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Chunk> {
        self.buf.take().into_iter().chain(self.messages.take())
    }

    /// The processor's status in `generation`, since `began`, is being written.
    fn enter_generation(&mut self, generation: u32, began: u64) {
        self.known_in = generation;
        self.seq = 0;
        self.parted = began;
    }
}

/// A processor and a thread together, in one generation: the right to emit.
pub(crate) struct Emitter<'a> {
    proc: &'a mut ProcTrace,
    stream: &'a mut Stream,
    generation: u32,
}

impl<'a> Emitter<'a> {
    #[inline]
    pub(crate) fn new(
        proc: &'a mut ProcTrace,
        stream: &'a mut Stream,
        generation: u32,
    ) -> Emitter<'a> {
        Emitter { proc, stream, generation }
    }

    /// The number of a stack of the goroutine spawned at `site`.
    pub(crate) fn stack<const ROOM: usize>(&mut self, site: Site, pcs: &Pcs<ROOM>) -> u32 {
        self.proc.stacks.intern(site, pcs, self.generation).id
    }

    /// The number of the stack from the frame at `frame` up, if it was walked there before; else 0.
    ///
    /// # Safety
    /// The stack is the caller's own.
    #[inline(always)]
    pub(crate) unsafe fn known_stack(&mut self, site: Site, frame: usize, bounds: Bounds) -> u32 {
        // SAFETY: by the caller's promise; nothing is remembered where frame pointers do not hold.
        unsafe { self.proc.walks.find(site, frame, bounds, self.generation) }
    }

    /// As [`Emitter::stack`], of what [`super::unwind::walk_frames`] just made of the frame at `frame`, for
    /// [`Emitter::known_stack`].
    ///
    /// # Safety
    /// As there.
    pub(crate) unsafe fn learn_stack<const ROOM: usize>(
        &mut self,
        site: Site,
        pcs: &Pcs<ROOM>,
        frame: usize,
        bounds: Bounds,
    ) -> u32 {
        let stack = self.proc.stacks.intern(site, pcs, self.generation);
        // Where the table is full, the stack is less than was walked.
        if stack.pcs.len() == pcs.len() {
            // SAFETY: by the caller's promise.
            unsafe { self.proc.walks.remember(frame, bounds, stack) };
        }
        stack.id
    }

    /// The number of the stack of a goroutine spawned at `site` that has not begun.
    #[inline]
    pub(crate) fn entry_stack(&mut self, site: Site) -> u32 {
        self.proc.stacks.intern_entry(site, self.generation)
    }

    /// What the processor remembers of walks of stacks.
    #[inline]
    pub(crate) fn unwind_cache(&mut self) -> &mut unwind_tables::Cache {
        &mut self.proc.unwind
    }

    /// The number of a text that may well come again.
    #[inline]
    pub(crate) fn string(&mut self, text: &str) -> u64 {
        let look_up = |text: &str| generation::strings(|s| s.id(text));
        self.proc.strings.id(text, self.generation, look_up)
    }

    /// The number of a text that comes once.
    pub(crate) fn message(&mut self, text: &str) -> u64 {
        self.proc.messages.add(text, || generation::strings(|s| s.take_block(messages::BLOCK)))
    }

    /// Writes an event that follows from what this thread did before.
    #[inline]
    fn event<const N: usize>(&mut self, event: EventType, args: [u64; N]) -> u64 {
        let time = self.stream.time(None);
        self.proc.event(self.stream, time, event, args);
        time
    }

    /// Writes the goroutine's status, if this generation has none yet.
    #[inline]
    fn status(&mut self, g: &impl Traced) {
        if let Entered::WriteStatus(status) = g.state().enter_generation(self.generation) {
            self.write_status(g.identity(), status);
        }
    }

    #[cold]
    fn write_status(&mut self, g: Identity, status: Status) {
        debug_assert!(status != Status::Syscall, "each generation begins with these");
        let thread = if status == Status::Running { self.stream.thread() } else { NO_THREAD };
        self.event(EventType::GoStatusStack, status_args(g, status, thread, self.generation));
    }

    /// The processor, idle until now, runs on this thread.
    pub(crate) fn proc_start(&mut self) {
        let p = self.proc.id;
        if self.proc.known_in != self.generation {
            // A processor younger than the generation.
            self.proc.enter_generation(self.generation, 0);
            self.event(EventType::ProcStatus, [p, PROC_IDLE]);
        }
        self.stream.skip_past(self.proc.parted);
        self.proc.seq += 1;
        self.event(EventType::ProcStart, [p, self.proc.seq]);
    }

    /// This thread's processor goes idle.
    pub(crate) fn proc_stop(&mut self) {
        self.proc.parted = self.event(EventType::ProcStop, []);
        self.proc.buf.close_segment();
    }

    /// The number of processors changed, or a generation begins. Needs a running goroutine.
    pub(crate) fn procs_change(&mut self, procs: u32) {
        self.event(EventType::ProcsChange, [procs.into(), 0]);
    }

    /// A goroutine is born, runnable; `creator_stack` is where.
    #[inline]
    pub(crate) fn go_create(&mut self, g: &impl Traced, creator_stack: u32) {
        let start = self.entry_stack(g.identity().site);
        g.state().born(Status::Runnable, self.generation);
        let args = [g.number(), start.into(), creator_stack.into()];
        note_time(g, self.event(EventType::GoCreate, args));
    }

    /// A goroutine starts to run on this thread.
    #[inline]
    pub(crate) fn go_start(&mut self, g: &impl Traced) {
        self.status(g);
        let seq = g.state().set_numbered(Status::Running);
        let cause = g.last_event().load(Ordering::Relaxed);
        let now = self.stream.time_at_once(Some(cause));
        self.proc.event(self.stream, now, EventType::GoStart, [g.number(), seq.into()]);
        let waited = (now as u32).wrapping_sub(cause);
        if flight_recorder::is_late(waited) {
            flight_recorder::note_late(g.number(), waited, now);
        }
    }

    /// The current goroutine gives way.
    #[inline]
    pub(crate) fn go_stop(&mut self, g: &impl Traced, reason: WaitReason, stack: u32) {
        g.state().set(Status::Runnable);
        note_time(g, self.event(EventType::GoStop, [reason_id(reason), stack.into()]));
        self.stream.set_fresh(true);
    }

    /// The current goroutine blocks.
    #[inline]
    pub(crate) fn go_block(&mut self, g: &impl Traced, reason: WaitReason, stack: u32) {
        g.state().set(Status::Waiting);
        note_time(g, self.event(EventType::GoBlock, [reason_id(reason), stack.into()]));
        self.stream.set_fresh(true);
    }

    /// A blocked goroutine becomes runnable; `stack` is the waker's.
    #[inline]
    pub(crate) fn go_unblock(&mut self, g: &impl Traced, stack: u32) {
        self.unblock(g, stack, Stream::time);
    }

    /// As [`Emitter::go_unblock`], by a worker between two goroutines, which delivers one after the other
    /// and runs one of them next: they take the time of the first.
    #[inline]
    pub(crate) fn go_unblock_by_worker(&mut self, g: &impl Traced) {
        self.unblock(g, 0, Stream::time_at_once);
        self.stream.set_fresh(true);
    }

    /// The time follows from the goroutine's last event, perhaps another thread's.
    #[inline(always)]
    fn unblock(
        &mut self,
        g: &impl Traced,
        stack: u32,
        time: impl FnOnce(&mut Stream, Option<u32>) -> u64,
    ) {
        self.status(g);
        let seq = g.state().set_numbered(Status::Runnable);
        let cause = g.last_event().load(Ordering::Relaxed);
        let time = time(self.stream, Some(cause));
        let args = [g.number(), seq.into(), stack.into()];
        self.proc.event(self.stream, time, EventType::GoUnblock, args);
        note_time(g, time);
    }

    /// The current goroutine is in a call that may block, or in code that computes for long, and
    /// is about to lose its processor. Returns the time.
    pub(crate) fn go_syscall_begin(&mut self, g: &impl Traced, stack: u32) -> u64 {
        g.state().set(Status::Syscall);
        self.proc.seq += 1;
        let time = self.event(EventType::GoSyscallBegin, [self.proc.seq, stack.into()]);
        note_time(g, time);
        time
    }

    /// This emitter's thread takes the processor from another thread, whose system call began at
    /// `begin`. Returns the time.
    pub(crate) fn proc_steal(&mut self, from: u64, begin: u64) -> u64 {
        self.stream.skip_past(begin);
        self.proc.seq += 1;
        let args = [self.proc.id, self.proc.seq, from];
        self.proc.parted = self.event(EventType::ProcSteal, args);
        self.proc.buf.close_segment();
        self.proc.parted
    }

    /// The goroutine that this thread ran without a processor is runnable.
    pub(crate) fn go_syscall_end_blocked(&mut self, g: &impl Traced) {
        g.state().set(Status::Runnable);
        note_time(g, self.event(EventType::GoSyscallEndBlocked, []));
    }

    /// The current goroutine ends.
    #[inline]
    pub(crate) fn go_destroy(&mut self, g: &impl Traced) {
        g.state().set(Status::Dead);
        self.event(EventType::GoDestroy, []);
        self.stream.set_fresh(true);
    }

    /// The thread looks for work, or does something else that takes its time.
    #[inline]
    pub(crate) fn time_passes(&mut self) {
        self.stream.set_fresh(false);
    }

    /// A task begins.
    pub(crate) fn user_task_begin(&mut self, task: u64, parent: u64, name: u64, stack: u32) {
        self.event(EventType::UserTaskBegin, [task, parent, name, stack.into()]);
    }

    /// A task ends.
    pub(crate) fn user_task_end(&mut self, task: u64, stack: u32) {
        self.event(EventType::UserTaskEnd, [task, stack.into()]);
    }

    /// A region of the current goroutine begins.
    pub(crate) fn user_region_begin(&mut self, task: u64, name: u64, stack: u32) {
        self.event(EventType::UserRegionBegin, [task, name, stack.into()]);
    }

    /// The innermost region of the current goroutine ends.
    pub(crate) fn user_region_end(&mut self, task: u64, name: u64, stack: u32) {
        self.event(EventType::UserRegionEnd, [task, name, stack.into()]);
    }

    /// A message.
    pub(crate) fn user_log(&mut self, task: u64, category: u64, message: u64, stack: u32) {
        self.event(EventType::UserLog, [task, category, message, stack.into()]);
    }

    /// BORROW: a new generation begins while this thread runs the processor and perhaps `g`.
    pub(crate) fn still_running(&mut self, g: Option<&dyn Traced>, began: u64) {
        self.proc.enter_generation(self.generation, began);
        self.stream.skip_past(began);
        self.event(EventType::ProcStatus, [self.proc.id, PROC_RUNNING]);
        let Some(g) = g else { return };
        if let Entered::WriteStatus(status) = g.state().enter_generation(self.generation) {
            self.write_status(g.identity(), status);
        }
        self.label(g);
    }

    /// Writes the current goroutine's name and labels, if it has any that this generation lacks.
    pub(crate) fn label(&mut self, g: &dyn Traced) {
        if let Some(label) = g.new_label(self.generation) {
            let label = self.string(&label);
            self.event(EventType::GoLabel, [label]);
        }
    }
}

/// The arguments of a goroutine's status.
fn status_args(g: Identity, status: Status, thread: u64, generation: u32) -> [u64; 4] {
    // Where a running goroutine is, nobody knows; where it last waited, it is not.
    let parked_stack = if status == Status::Running { 0 } else { g.parked_stack };
    let stack = match parked_stack {
        0 => stack_table::intern(g.site, &[], generation),
        parked => {
            stack_table::mark(parked, generation);
            parked
        }
    };
    [g.id, thread, status as u64, stack.into()]
}

/// Keeps the time of the goroutine's last event for those that follow from it.
#[inline]
fn note_time(g: &(impl Traced + ?Sized), time: u64) {
    g.last_event().store(time as u32, Ordering::Relaxed);
}

/// The number of the first segment of the side's events. All that [`Side::swept`] writes has
/// smaller numbers and so comes first in the one stream that the file has for both.
const FIRST_EVENT_SEGMENT: u64 = 1 << 63;

/// Events of those without a processor: no thread of the trace, under a lock of the tracer's.
pub(crate) struct Side {
    events: (ProcTrace, Stream),
    /// Statuses, all as of the generation's beginning, at whatever time they are written.
    statuses: (ProcTrace, Stream),
    /// Annotations of plain threads. The format wants a processor for them, so they have one in
    /// the trace that does not exist otherwise, and the stream is each thread's in turn.
    outside: Option<(ProcTrace, Stream)>,
    ship: Ship,
    /// The clocks when the generation began.
    clocks: Clocks,
}

impl Side {
    pub(crate) fn new(ship: Ship) -> Side {
        let mut events = Stream::new(NO_THREAD);
        events.next_segment = FIRST_EVENT_SEGMENT;
        Side {
            events: (ProcTrace::of_none(ship), events),
            statuses: (ProcTrace::of_none(ship), Stream::new(NO_THREAD)),
            outside: None,
            ship,
            clocks: clock::snapshot(),
        }
    }

    /// Generation `generation` begins, or none if it is 0, and the one before ends, which began at
    /// the clocks returned.
    pub(crate) fn begin(&mut self, generation: u32, clocks: Clocks) -> Clocks {
        self.events.1.skip_past(clocks.time);
        let before = std::mem::replace(&mut self.clocks, clocks);
        if generation != 0
            && let Some((mut proc, stream)) = self.outside.take()
        {
            self.still_idle(&mut proc, generation);
            self.outside = Some((proc, stream));
        }
        before
    }

    /// When the generation began.
    pub(crate) fn began(&self) -> u64 {
        self.clocks.time
    }

    fn status<const N: usize>(&mut self, event: EventType, args: [u64; N]) {
        let (proc, stream) = &mut self.statuses;
        proc.event(stream, self.clocks.time, event, args);
    }

    /// A plain thread makes a goroutine runnable.
    pub(crate) fn go_unblock(&mut self, g: &impl Traced, generation: u32) {
        let (proc, stream) = &mut self.events;
        Emitter::new(proc, stream, generation).go_unblock(g, 0);
    }

    /// Writes what plain thread `thread` annotates, as the goroutine `g` that stands for it: `f`
    /// gets the emitter while that runs, and whether it ends then.
    pub(crate) fn annotate(
        &mut self,
        thread: u64,
        g: &impl Traced,
        generation: u32,
        ends: bool,
        f: impl FnOnce(&mut Emitter<'_>),
    ) {
        let ship = self.ship;
        let new = || (ProcTrace::new(ship), Stream::new(thread));
        let (proc, stream) = self.outside.get_or_insert_with(new);
        stream.thread = thread;
        let mut e = Emitter::new(proc, stream, generation);
        e.proc_start();
        if g.state().status() == Status::Created {
            e.go_create(g, 0);
        } else {
            e.go_unblock(g, 0);
        }
        e.go_start(g);
        e.label(g);
        f(&mut e);
        if ends {
            e.go_destroy(g);
        } else {
            e.go_block(g, WaitReason::Outside, 0);
        }
        e.proc_stop();
    }

    /// A new generation begins while a processor is idle.
    pub(crate) fn still_idle(&mut self, proc: &mut ProcTrace, generation: u32) {
        proc.enter_generation(generation, self.clocks.time);
        self.status(EventType::ProcStatus, [proc.id, PROC_IDLE]);
    }

    /// A new generation begins while `g` is on a thread that has no processor.
    pub(crate) fn still_away(&mut self, g: &dyn Traced, thread: u64, generation: u32) {
        if let Entered::WriteStatus(status) = g.state().enter_generation(generation) {
            debug_assert!(status == Status::Syscall);
            let args = status_args(g.identity(), status, thread, generation);
            self.status(EventType::GoStatusStack, args);
        }
    }

    /// A worker without a processor ends its goroutine's system call.
    pub(crate) fn go_syscall_end_blocked(
        &mut self,
        g: &impl Traced,
        stream: &mut Stream,
        generation: u32,
    ) {
        stream.skip_past(self.clocks.time);
        Emitter::new(&mut self.events.0, stream, generation).go_syscall_end_blocked(g);
        // The thread goes on elsewhere: what it writes here the next time comes after that.
        self.events.0.buf.close_segment();
    }

    /// The sweep found a goroutine that nobody touched in this generation.
    pub(crate) fn swept(&mut self, g: Identity, status: Status, generation: u32) {
        let args = status_args(g, status, NO_THREAD, generation);
        self.status(EventType::GoStatusStack, args);
    }

    /// The generation is over: what is left of it.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Chunk> {
        self.procs().flat_map(ProcTrace::take)
    }

    fn procs(&mut self) -> impl Iterator<Item = &mut ProcTrace> {
        let outside = self.outside.iter_mut().map(|(proc, _)| proc);
        [&mut self.statuses.0, &mut self.events.0].into_iter().chain(outside)
    }

    pub(crate) fn counts(&mut self) -> impl Iterator<Item = &mut [u64; EVENT_TYPES]> {
        self.procs().map(|proc| &mut proc.counts)
    }
}
