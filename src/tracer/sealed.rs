//! A generation that is over, in memory: its events as the file has them, and what its tables are
//! made of. The stream and the flight recorder share it.
//!
//! It is made at the cut, of the chunks that the threads have filled: batches are put together and
//! names are looked up when somebody wants it written, and no cut ever waits for that.

use super::cpu_sample::Samples;
use super::emit::EVENT_TYPES;
use super::events::Events;
use super::generation::Leftovers;
use super::stack_table::{self, Stack};
use super::string_table::StringTable;
use super::writer::Symbols;
use crate::wire::encode::{self, Clocks, StacksBuilder, StringsBuilder};
use crate::wire::version::Version;

/// See the module documentation.
pub(crate) struct Sealed {
    generation: u32,
    /// The clocks when it began.
    clocks: Clocks,
    events: Events,
    stacks: Vec<&'static Stack>,
    strings: StringTable,
    pub(super) samples: Samples,
    /// Events, by type.
    pub(super) counts: [u64; EVENT_TYPES],
}

impl Sealed {
    /// Before the next cut but one, as stacks remember two generations. `None`: something of it
    /// had to be dropped.
    pub(super) fn new(leftovers: Leftovers) -> Option<Sealed> {
        let Leftovers { generation, chunks, strings, samples, clocks, counts, whole } = leftovers;
        let stacks = stack_table::used(generation);
        whole.then(|| {
            let events = Events::new(generation.into(), chunks);
            Sealed { generation, clocks, events, stacks, strings, samples, counts }
        })
    }

    /// When it began, on the trace's clock.
    pub(super) fn began(&self) -> u64 {
        self.clocks.time
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        let tables = self.strings.bytes() + size_of_val(&*self.stacks) + self.samples.bytes();
        self.events.held() + tables
    }

    /// What comes first in the file.
    pub(super) fn events(&self) -> &Events {
        &self.events
    }

    /// What comes behind the events. The clock, without which no reader takes a generation for
    /// whole, is last: where a file is cut short there is no generation or all of it.
    pub(super) fn rest(&self, version: Version, symbols: &mut Symbols) -> Vec<u8> {
        let (number, began) = (u64::from(self.generation), self.clocks.time);
        let mut bytes = Vec::new();
        let mut names = self.strings.more();
        let mut stacks = StacksBuilder::new(number, began);
        let mut next = 1;
        for stack in &self.stacks {
            stacks.add(stack.id.into(), &symbols.resolve(stack, &mut names));
            next = next.max(u64::from(stack.id) + 1);
        }
        let tables = (&mut stacks, &mut names);
        self.samples.write(number, began, next, symbols, tables).finish(&mut bytes);
        stacks.finish(&mut bytes);
        let mut strings = StringsBuilder::new(number, began);
        for (id, text, keep) in self.strings.iter().chain(names.iter()) {
            strings.add(id, text, keep);
        }
        strings.finish(&mut bytes);
        encode::clock_batch(&mut bytes, version, number, &self.clocks);
        encode::end_of_generation(&mut bytes, version);
        bytes
    }
}
