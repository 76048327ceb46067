//! One function per event: what the scheduler and the annotations call.
//!
//! Every function writes its event and makes the change of state that belongs to it in the same
//! breath, so that no generation can end between the two. The caller is inside the runtime (see
//! `sched::door`), where the generation stands still.

use crate::wire::event::EventType;
use crate::wire::reason::WaitReason;

use super::buf::{Buf, NO_THREAD, Ship, Stream};
use super::stack_table::{self, Cache, Site};
use super::status::{Entered, StateWord, Status};
use super::string_table::reason_id;

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
    /// Who it is. Only while it lives, as its state says.
    fn identity(&self) -> Identity;
}

/// A processor's trace data, or the data of those without a processor.
pub(crate) struct ProcTrace {
    buf: Buf,
    stacks: Cache,
    /// The generation that knows this processor's status.
    known_in: u32,
    /// The processor's own sequence number in that generation.
    seq: u64,
    /// Events emitted, by type: a count kept beside the buffers, for tests and summaries.
    pub(crate) counts: [u64; EVENT_TYPES],
}

impl ProcTrace {
    pub(crate) fn new(ship: Ship) -> ProcTrace {
        ProcTrace {
            buf: Buf::new(ship),
            stacks: Cache::new(),
            known_in: 0,
            seq: 0,
            counts: [0; EVENT_TYPES],
        }
    }

    /// The thread parts with the processor.
    pub(crate) fn part(&mut self) {
        self.buf.close_segment();
    }

    /// The generation is over: what is left of it.
    pub(crate) fn take(&mut self) -> Option<super::buf::Chunk> {
        self.buf.take()
    }

    /// The processor's status in `generation` is being written.
    fn enter_generation(&mut self, generation: u32) {
        self.known_in = generation;
        self.seq = 0;
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
    #[inline]
    pub(crate) fn stack(&mut self, site: Site, pcs: &[usize]) -> u32 {
        self.proc.stacks.intern(site, pcs, self.generation)
    }

    #[inline]
    fn event<const N: usize>(&mut self, event: EventType, args: [u64; N]) {
        self.proc.counts[event as usize] += 1;
        self.proc.buf.event(self.stream, event, args);
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
        let stack = match g.parked_stack {
            0 => stack_table::intern(g.site, &[], self.generation),
            parked => {
                stack_table::mark(parked, self.generation);
                parked
            }
        };
        let thread = if status == Status::Running { self.stream.thread() } else { NO_THREAD };
        self.event(EventType::GoStatusStack, [g.id, thread, status as u64, stack.into()]);
    }

    /// The processor `p`, idle until now, runs on this thread.
    pub(crate) fn proc_start(&mut self, p: u32) {
        if self.proc.known_in != self.generation {
            // A processor younger than the generation.
            self.proc.enter_generation(self.generation);
            self.event(EventType::ProcStatus, [p.into(), PROC_IDLE]);
        }
        self.proc.seq += 1;
        self.event(EventType::ProcStart, [p.into(), self.proc.seq]);
    }

    /// This thread's processor goes idle.
    pub(crate) fn proc_stop(&mut self) {
        self.event(EventType::ProcStop, []);
        self.proc.part();
    }

    /// The number of processors changed, or a generation begins. Needs a running goroutine.
    pub(crate) fn procs_change(&mut self, procs: u32) {
        self.event(EventType::ProcsChange, [procs.into(), 0]);
    }

    /// A goroutine is born, runnable; `creator_stack` is where.
    #[inline]
    pub(crate) fn go_create(&mut self, g: &impl Traced, creator_stack: u32) {
        let start = self.stack(g.identity().site, &[]);
        g.state().born(Status::Runnable, self.generation);
        self.event(EventType::GoCreate, [g.identity().id, start.into(), creator_stack.into()]);
    }

    /// A goroutine starts to run on this thread.
    #[inline]
    pub(crate) fn go_start(&mut self, g: &impl Traced) {
        self.status(g);
        let seq = g.state().set_numbered(Status::Running);
        self.event(EventType::GoStart, [g.identity().id, seq.into()]);
    }

    /// The current goroutine gives way.
    #[inline]
    pub(crate) fn go_stop(&mut self, g: &impl Traced, reason: WaitReason, stack: u32) {
        g.state().set(Status::Runnable);
        self.event(EventType::GoStop, [reason_id(reason), stack.into()]);
    }

    /// The current goroutine blocks.
    #[inline]
    pub(crate) fn go_block(&mut self, g: &impl Traced, reason: WaitReason, stack: u32) {
        g.state().set(Status::Waiting);
        self.event(EventType::GoBlock, [reason_id(reason), stack.into()]);
    }

    /// A blocked goroutine becomes runnable; `stack` is the waker's.
    #[inline]
    pub(crate) fn go_unblock(&mut self, g: &impl Traced, stack: u32) {
        self.status(g);
        let seq = g.state().set_numbered(Status::Runnable);
        self.event(EventType::GoUnblock, [g.identity().id, seq.into(), stack.into()]);
    }

    /// The current goroutine ends.
    #[inline]
    pub(crate) fn go_destroy(&mut self, g: &impl Traced) {
        g.state().set(Status::Dead);
        self.event(EventType::GoDestroy, []);
    }

    /// The current goroutine's label.
    pub(crate) fn go_label(&mut self, label: u64) {
        self.event(EventType::GoLabel, [label]);
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

    /// BORROW: a new generation begins while this thread runs processor `p` and perhaps `g`.
    pub(crate) fn still_running(&mut self, p: u32, g: Option<&dyn Traced>) {
        self.proc.enter_generation(self.generation);
        self.event(EventType::ProcStatus, [p.into(), PROC_RUNNING]);
        let Some(g) = g else { return };
        if let Entered::WriteStatus(status) = g.state().enter_generation(self.generation) {
            self.write_status(g.identity(), status);
        }
    }
}

/// Events of those without a processor: no thread of the trace, under a lock of the tracer's.
pub(crate) struct Side {
    proc: ProcTrace,
    stream: Stream,
}

impl Side {
    pub(crate) fn new(ship: Ship) -> Side {
        Side { proc: ProcTrace::new(ship), stream: Stream::new(NO_THREAD) }
    }

    fn emitter(&mut self, generation: u32) -> Emitter<'_> {
        Emitter::new(&mut self.proc, &mut self.stream, generation)
    }

    /// A plain thread makes a goroutine runnable.
    pub(crate) fn go_unblock(&mut self, g: &impl Traced, generation: u32) {
        self.emitter(generation).go_unblock(g, 0);
    }

    /// A new generation begins while processor `p` is idle.
    pub(crate) fn still_idle(&mut self, p: u32, proc: &mut ProcTrace, generation: u32) {
        proc.enter_generation(generation);
        self.emitter(generation).event(EventType::ProcStatus, [p.into(), PROC_IDLE]);
    }

    /// The sweep found a goroutine that nobody touched in this generation.
    pub(crate) fn swept(&mut self, g: Identity, status: Status, generation: u32) {
        self.emitter(generation).write_status(g, status);
    }

    pub(crate) fn take(&mut self) -> Option<super::buf::Chunk> {
        self.proc.take()
    }

    pub(crate) fn counts(&mut self) -> &mut [u64; EVENT_TYPES] {
        &mut self.proc.counts
    }
}
