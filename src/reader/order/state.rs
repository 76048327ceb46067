//! What goroutines, processors and threads are doing at a point of the trace.

use crate::reader::hash::Map;
use crate::reader::ids::{GoID, GoState, ProcID, ProcState, ThreadID};

/// No place in a table.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// A goroutine's state, in the format's words.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GoStatus {
    /// A value that no writer should use, which Go's reader lets pass.
    Bad,
    Runnable,
    Running,
    Syscall,
    Waiting,
    /// No state that the format knows: it does not exist.
    Gone,
}

impl GoStatus {
    pub(crate) fn from_number(number: u8) -> Option<GoStatus> {
        use GoStatus::{Bad, Runnable, Running, Syscall, Waiting};
        [Bad, Runnable, Running, Syscall, Waiting].get(usize::from(number)).copied()
    }

    pub(crate) fn state(self) -> GoState {
        match self {
            GoStatus::Bad => GoState::Undetermined,
            GoStatus::Runnable => GoState::Runnable,
            GoStatus::Running => GoState::Running,
            GoStatus::Syscall => GoState::Syscall,
            GoStatus::Waiting => GoState::Waiting,
            GoStatus::Gone => GoState::NotExist,
        }
    }
}

/// A processor's state, in the format's words.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcStatus {
    /// A value that no writer should use, which Go's reader lets pass.
    Bad,
    Running,
    Idle,
    /// Its goroutine is in a system call.
    Syscall,
    /// So it was, but the thread is not known any more.
    Abandoned,
}

impl ProcStatus {
    pub(crate) fn from_number(number: u8) -> Option<ProcStatus> {
        use ProcStatus::{Abandoned, Bad, Idle, Running, Syscall};
        [Bad, Running, Idle, Syscall, Abandoned].get(usize::from(number)).copied()
    }

    pub(crate) fn state(self) -> ProcState {
        match self {
            ProcStatus::Bad => ProcState::Undetermined,
            ProcStatus::Running | ProcStatus::Syscall => ProcState::Running,
            ProcStatus::Idle | ProcStatus::Abandoned => ProcState::Idle,
        }
    }
}

/// How many numbered events there were of something, in a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sequence {
    pub(crate) generation: u64,
    pub(crate) number: u64,
}

impl Sequence {
    /// Whether an event with this number comes next.
    #[inline(always)]
    pub(crate) fn is_next(self, next: Sequence) -> bool {
        next.generation == self.generation && next.number == self.number.wrapping_add(1)
    }
}

/// A processor.
#[derive(Debug)]
pub(crate) struct Proc {
    pub(crate) sequence: Sequence,
    pub(crate) status: ProcStatus,
    /// Whether it sweeps.
    pub(crate) sweeps: bool,
    /// The threads that came to it, the last one last; those before that have left it may be there.
    holders: Vec<u32>,
}

/// All processors that were ever heard of.
#[derive(Debug, Default)]
pub(crate) struct Procs {
    slots: Vec<Proc>,
    by_id: Map<i64, u32>,
}

impl Procs {
    pub(crate) fn find(&self, id: ProcID) -> Option<u32> {
        self.by_id.get(&id.0).copied()
    }

    #[inline(always)]
    pub(crate) fn at(&mut self, slot: u32) -> &mut Proc {
        &mut self.slots[slot as usize]
    }

    pub(crate) fn insert(&mut self, id: ProcID, status: ProcStatus, generation: u64) -> u32 {
        let sequence = Sequence { generation, number: 0 };
        self.slots.push(Proc { sequence, status, sweeps: false, holders: Vec::new() });
        let slot = self.slots.len() as u32 - 1;
        self.by_id.insert(id.0, slot);
        slot
    }

    /// A thread has come to a processor.
    pub(crate) fn add_holder(&mut self, id: ProcID, slot: u32, thread: u32, threads: &Threads) {
        let holders = &mut self.slots[slot as usize].holders;
        threads.drop_others(id, holders);
        if holders.last() != Some(&thread) {
            holders.push(thread);
        }
    }

    /// A thread that has this processor: of several, of which only a damaged trace tells, the one that
    /// came last.
    pub(crate) fn holder(&mut self, id: ProcID, threads: &Threads) -> Option<u32> {
        let slot = self.find(id)?;
        let holders = &mut self.slots[slot as usize].holders;
        threads.drop_others(id, holders);
        holders.last().copied()
    }
}

/// A thread.
///
/// What changes stands apart: two fields side by side are read as one, for which the processor waits
/// where one of them was just written. For the same reason nobody copies it as a whole who need not.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Thread {
    pub(crate) goroutine: GoID,
    /// Where the goroutine was when it came to the thread.
    pub(crate) goroutine_slot: u32,
    /// Whether any of its events was looked at yet.
    pub(crate) is_known: bool,
    pub(crate) id: ThreadID,
    pub(crate) proc: ProcID,
    /// Where the processor is.
    pub(crate) proc_slot: u32,
}

/// All threads that were ever heard of. The first is none.
#[derive(Debug)]
pub(crate) struct Threads {
    slots: Vec<Thread>,
    by_id: Map<i64, u32>,
}

/// The place of no thread.
pub(crate) const NO_THREAD: u32 = 0;

impl Threads {
    pub(crate) fn new() -> Threads {
        Threads { slots: vec![Thread::new(ThreadID::NONE)], by_id: Map::default() }
    }

    /// The place of a thread, which has one from then on.
    pub(crate) fn place(&mut self, id: ThreadID) -> u32 {
        if id == ThreadID::NONE {
            return NO_THREAD;
        }
        let next = self.slots.len() as u32;
        let slot = *self.by_id.entry(id.0).or_insert(next);
        if slot == next {
            self.slots.push(Thread::new(id));
        }
        slot
    }

    /// A thread that is known.
    pub(crate) fn find(&self, id: ThreadID) -> Option<u32> {
        let slot = *self.by_id.get(&id.0)?;
        self.slots[slot as usize].is_known.then_some(slot)
    }

    #[inline(always)]
    pub(crate) fn get(&self, slot: u32) -> &Thread {
        &self.slots[slot as usize]
    }

    #[inline(always)]
    pub(crate) fn at(&mut self, slot: u32) -> &mut Thread {
        &mut self.slots[slot as usize]
    }

    /// Drops the last ones that have not got this processor. Who gets it again is added again.
    fn drop_others(&self, id: ProcID, threads: &mut Vec<u32>) {
        while threads.last().is_some_and(|&last| self.get(last).proc != id) {
            threads.pop();
        }
    }
}

impl Thread {
    fn new(id: ThreadID) -> Thread {
        let (goroutine, proc) = (GoID::NONE, ProcID::NONE);
        let [goroutine_slot, proc_slot] = [NOWHERE; 2];
        Thread { id, goroutine, proc, goroutine_slot, proc_slot, is_known: false }
    }

    #[inline(always)]
    pub(crate) fn set_goroutine(&mut self, id: GoID, slot: u32) {
        (self.goroutine, self.goroutine_slot) = (id, slot);
    }

    #[inline(always)]
    pub(crate) fn leave_goroutine(&mut self) {
        self.set_goroutine(GoID::NONE, NOWHERE);
    }

    #[inline(always)]
    pub(crate) fn set_proc(&mut self, id: ProcID, slot: u32) {
        (self.proc, self.proc_slot) = (id, slot);
    }

    #[inline(always)]
    pub(crate) fn leave_proc(&mut self) {
        self.set_proc(ProcID::NONE, NOWHERE);
    }
}
