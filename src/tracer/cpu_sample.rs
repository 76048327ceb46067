//! CPU samples: where threads were, between the events of a trace.
//!
//! ```text
//! a tick's handler: generation, time, stack --sampler--> PENDING --cut--> writer
//! ```
//! Each sample says which generation it was taken in, and goes there, or, where it was collected
//! late, to a later one: readers merge samples with the events by time, and what is too late for its
//! time comes first in its generation. What is of an earlier trace goes nowhere.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::stack_table::Site;
use super::string_table::StringTable;
use super::writer::Symbols;
use crate::sys::modules;
use crate::wire::encode::{NONE, SampleRecord, SamplesBuilder, StacksBuilder};

/// Bytes that samples may take which wait for the writer. Beyond they are lost, and counted.
const MAX_BYTES: usize = 64 << 20;

/// A thread was there at that time.
pub(crate) struct CpuSample {
    /// The generation it was taken in.
    pub(crate) generation: u32,
    /// By the trace's clock.
    pub(crate) time: u64,
    pub(crate) thread: u64,
    /// The processor that the thread had, if any.
    pub(crate) proc: Option<u32>,
    /// The goroutine that it ran, 0 for none.
    pub(crate) goroutine: u64,
    /// Where the goroutine comes from.
    pub(crate) site: Option<Site>,
    /// Return addresses, innermost first.
    pub(crate) pcs: Box<[usize]>,
}

impl CpuSample {
    fn bytes(&self) -> usize {
        size_of::<CpuSample>() + size_of_val(&*self.pcs)
    }
}

/// Samples that wait.
struct Pending {
    /// The first generation of the trace; 0: there is none.
    first: u32,
    samples: Vec<CpuSample>,
    bytes: usize,
    lost: u64,
    unsampled: u64,
}

static PENDING: Mutex<Pending> = Mutex::new(Pending::of(0));

/// The samples of a generation.
pub(super) struct Samples {
    list: Vec<CpuSample>,
    bytes: usize,
    /// How many there was no room for.
    pub(super) lost: u64,
    /// Threads that are not sampled, at most.
    pub(super) unsampled: u64,
}

impl Pending {
    const fn of(first: u32) -> Pending {
        Pending { first, samples: Vec::new(), bytes: 0, lost: 0, unsampled: 0 }
    }

    fn add(&mut self, sample: CpuSample) {
        if self.first == 0 || sample.generation < self.first {
            return;
        }
        if self.bytes + sample.bytes() > MAX_BYTES {
            self.lost += 1;
            return;
        }
        self.bytes += sample.bytes();
        self.samples.push(sample);
    }

    /// Takes what belongs to the generation, or did to an earlier one.
    fn take(&mut self, generation: u32) -> Samples {
        let is_due = |sample: &CpuSample| sample.generation <= generation;
        let (list, later): (Vec<_>, _) = self.samples.drain(..).partition(is_due);
        let bytes = list.iter().map(CpuSample::bytes).sum();
        self.samples = later;
        self.bytes -= bytes;
        let lost = std::mem::take(&mut self.lost);
        Samples { list, bytes, lost, unsampled: std::mem::take(&mut self.unsampled) }
    }
}

/// Tracing begins with this generation.
pub(super) fn begin(first: u32) {
    *PENDING.lock() = Pending::of(first);
}

/// Adds a sample to the trace that is being taken, if that is the one it was taken in.
pub(crate) fn add(sample: CpuSample) {
    PENDING.lock().add(sample);
}

/// So many samples are lost.
pub(crate) fn add_lost(number: u64) {
    PENDING.lock().lost += number;
}

/// So many threads are not sampled, for want of timers.
pub(crate) fn note_unsampled(threads: usize) {
    let mut pending = PENDING.lock();
    pending.unsampled = pending.unsampled.max(threads as u64);
}

/// The samples of a generation that is over, and late ones. With `last`, there are no more.
pub(super) fn take(generation: u32, last: bool) -> Samples {
    let mut pending = PENDING.lock();
    let samples = pending.take(generation);
    if last {
        *pending = Pending::of(0);
    }
    samples
}

impl Samples {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes them, with their stacks, whose numbers begin at `first_stack`.
    pub(super) fn write(
        &self,
        generation: u64,
        time: u64,
        first_stack: u64,
        symbols: &mut Symbols,
        (stacks, strings): (&mut StacksBuilder, &mut StringTable),
    ) -> SamplesBuilder {
        let mut records = SamplesBuilder::new(generation, time);
        let code = if self.list.is_empty() { Vec::new() } else { modules::loaded() };
        let mut known = HashMap::new();
        for sample in &self.list {
            let pcs = code_of(&sample.pcs, &code);
            let next = first_stack + known.len() as u64;
            let stack = *known.entry((sample.site.map(Site::key), pcs)).or_insert(next);
            if stack == next {
                stacks.add(stack, &symbols.resolve_sampled(sample.site, pcs, strings));
            }
            records.add(record(sample, stack));
        }
        records
    }
}

fn record(sample: &CpuSample, stack: u64) -> SampleRecord {
    let &CpuSample { time, thread, goroutine, .. } = sample;
    SampleRecord { time, thread, proc: sample.proc.map_or(NONE, u64::from), goroutine, stack }
}

/// The stack up to where it leads to what is no code: functions without frame pointers, as in the C
/// library, break the chain.
fn code_of<'a>(pcs: &'a [usize], code: &[modules::Module]) -> &'a [usize] {
    let is_code = |pc: usize| code.iter().any(|module| module.contains(pc.wrapping_sub(1)));
    let end = pcs.iter().skip(1).position(|&pc| !is_code(pc)).map_or(pcs.len(), |n| n + 1);
    &pcs[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(generation: u32) -> CpuSample {
        let pcs = [0x1234].into();
        CpuSample { generation, time: 1, thread: 2, proc: None, goroutine: 0, site: None, pcs }
    }

    fn generations(samples: &Samples) -> Vec<u32> {
        samples.list.iter().map(|sample| sample.generation).collect()
    }

    #[test]
    fn each_goes_to_its_generation_or_a_later_one() {
        let mut pending = Pending::of(5);
        // Of the trace before, of this generation, of the next, which has begun.
        [4, 5, 6, 5].into_iter().for_each(|generation| pending.add(sample(generation)));
        assert_eq!(generations(&pending.take(5)), [5, 5]);
        pending.add(sample(5)); // late
        assert_eq!(generations(&pending.take(6)), [6, 5]);
        assert_eq!(pending.take(7).len(), 0);
        assert_eq!(pending.bytes, 0);
    }

    #[test]
    fn without_a_trace_there_are_none() {
        let mut pending = Pending::of(0);
        pending.add(sample(0));
        pending.add(sample(7));
        assert_eq!(pending.take(u32::MAX).len(), 0);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let mut pending = Pending::of(1);
        let room = MAX_BYTES / sample(1).bytes();
        (0..room + 3).for_each(|_| pending.add(sample(1)));
        let taken = pending.take(1);
        assert_eq!((taken.len(), taken.lost), (room, 3));
        pending.add(sample(2));
        let taken = pending.take(2);
        assert_eq!((taken.len(), taken.lost), (1, 0));
    }

    #[test]
    fn a_stack_ends_where_there_is_no_code() {
        let code = modules::loaded();
        let here = code_of as fn(_, _) -> _ as usize + 1;
        // The interrupted instruction stays, wherever it is: in what was unloaded, or made.
        assert_eq!(code_of(&[here, here, 0x10, here], &code), [here, here]);
        assert_eq!(code_of(&[0x10, here], &code), [0x10, here]);
        assert_eq!(code_of(&[0x10], &code), [0x10]);
    }
}
