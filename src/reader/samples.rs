//! CPU samples of a generation.

use super::bytes::Cursor;
use super::clock::Unit;
use super::error::{Error, ErrorKind};
use super::event::{Context, Event};
use super::ids::{GoID, ProcID, StackId, ThreadID, Time};
use super::sort;
use super::stacks::Stacks;
use crate::wire::event::EventType;

/// A CPU sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) time: Time,
    context: Context,
    stack: StackId,
}

impl Sample {
    pub(crate) fn event(&self) -> Event {
        Event { stack: self.stack, ..Event::new(EventType::CPUSample, self.time, self.context) }
    }
}

/// Samples while their batches are read: time, thread, processor, goroutine, stack.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<[u64; 5]>);

impl Samples {
    /// Adds the samples of a batch. Errors have the place in `data`.
    pub(crate) fn add(&mut self, data: &[u8]) -> Result<(), Error> {
        let mut cursor = Cursor::new(data, 1);
        while !cursor.is_at_end() {
            let at = cursor.at() as u64;
            self.0.push(sample(&mut cursor).map_err(|error| error.at(at))?);
        }
        Ok(())
    }

    /// The samples by time.
    ///
    /// A stack that is not there is none: Go's reader does not look, and dies when it is asked for.
    pub(crate) fn finish(self, unit: Unit, stacks: &Stacks) -> Vec<Sample> {
        let sample = |&[time, thread, proc, goroutine, stack]: &[u64; 5]| Sample {
            time: Time(unit.ns(time)),
            context: Context {
                thread: ThreadID(thread as i64),
                proc: ProcID(proc as i64),
                goroutine: if goroutine == 0 { GoID::NONE } else { GoID(goroutine as i64) },
            },
            stack: stacks.find(stack).unwrap_or(StackId::NONE),
        };
        let mut samples: Vec<_> = self.0.iter().map(sample).collect();
        sort::by_time(&mut samples, |sample| sample.time);
        samples
    }
}

fn sample(cursor: &mut Cursor<'_>) -> Result<[u64; 5], Error> {
    let marker = cursor.byte().unwrap_or_default();
    if marker != EventType::CPUSample as u8 {
        let what = format!("expected a CPU sample, found a byte {marker}");
        return Err(Error::new(ErrorKind::Table, what));
    }
    let mut fields = [0; 5];
    let names = EventType::CPUSample.spec().args;
    for (field, name) in fields.iter_mut().zip(names) {
        let number = cursor.number();
        *field =
            number.map_err(|why| why.error(ErrorKind::Table, &format!("a sample's {name}")))?;
    }
    Ok(fields)
}
