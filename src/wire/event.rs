//! The events of the format: one table, which writers, readers and tests share.
//!
//! On the wire an event is its number (one byte) and its arguments (numbers, see
//! [`varint`](super::varint)) in the order given here. The names of events and arguments are the
//! ones `go tool trace -d=wire` prints. An argument whose name is `stack` or ends in `_stack` is
//! the id of a stack, one that ends in `_string` the id of a string; 0 is none of either.
//!
//! Events in a thread's stream are *timed*: their first argument is the time since the event
//! before. *Structural* ones make up the frame around them: batches, tables, the clock.

use super::version::Version;

/// What the format says about an event.
#[derive(Debug)]
pub(crate) struct Spec {
    /// The event.
    pub(crate) event: EventType,
    /// Its name, as Go's tools print it.
    pub(crate) name: &'static str,
    /// The names of its arguments, in wire order.
    pub(crate) args: &'static [&'static str],
    /// The first version that knows it.
    pub(crate) since: Version,
    /// Whether it belongs to the frame of a trace and never to a thread's stream of events.
    pub(crate) structural: bool,
}

impl Spec {
    /// Whether its first argument is the time since the event before it.
    ///
    /// So it is for all events of a thread's stream, and for the structural `ClockSnapshot`.
    pub(crate) const fn timed(&self) -> bool {
        matches!(self.args, [first, ..] if matches!(first.as_bytes(), b"dt"))
    }

    /// Whether bytes follow its arguments, with their length before them.
    pub(crate) fn has_data(&self) -> bool {
        matches!(self.event, EventType::String | EventType::ExperimentalBatch)
    }
}

/// Makes [`EventType`] and [`SPECS`] of one table, so that they cannot disagree.
macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $name:ident = $number:literal, $kind:ident, $since:ident, [$($arg:literal),*];
    )*) => {
        /// An event of the format; as a `u8` it is the number on the wire.
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum EventType {
            $($(#[$doc])* $name = $number,)*
        }

        /// All events, by number: from 1 to [`LAST`] without gaps, then those of experiments.
        pub(crate) static SPECS: [Spec; LAST as usize + EXPERIMENTAL] = [$(
            Spec {
                event: EventType::$name,
                name: stringify!($name),
                args: &[$($arg),*],
                since: Version::$since,
                structural: events!(@$kind),
            },
        )*];
    };
    (@structural) => { true };
    (@stream) => { false };
}

/// The highest event number outside of experiments.
pub(crate) const LAST: u8 = EventType::EndOfGeneration as u8;

/// The lowest event number of experiments.
const FIRST_EXPERIMENTAL: u8 = EventType::Span as u8;

/// How many events belong to experiments.
const EXPERIMENTAL: usize =
    EventType::GoroutineStackFree as usize - FIRST_EXPERIMENTAL as usize + 1;

events! {
    /// Begins a batch; its data follows.
    EventBatch = 1, structural, Go122, ["gen", "m", "time", "size"];
    /// First byte of a batch with a part of the table of stacks.
    Stacks = 2, structural, Go122, [];
    /// A stack: its frames follow, each as function address, function name, file name, line.
    Stack = 3, structural, Go122, ["id", "nframes"];
    /// First byte of a batch with a part of the table of strings.
    Strings = 4, structural, Go122, [];
    /// A string: its length and its bytes follow.
    String = 5, structural, Go122, ["id"];
    /// First byte of a batch with CPU samples.
    CPUSamples = 6, structural, Go122, [];
    /// A CPU sample; its time is absolute.
    CPUSample = 7, structural, Go122, ["time", "m", "p", "g", "stack"];
    /// How many units of time make a second.
    Frequency = 8, structural, Go122, ["freq"];

    /// The number of processors is, or becomes, this.
    ProcsChange = 9, stream, Go122, ["dt", "procs_value", "stack"];
    /// This thread takes an idle processor.
    ProcStart = 10, stream, Go122, ["dt", "p", "p_seq"];
    /// This thread's processor goes idle.
    ProcStop = 11, stream, Go122, ["dt"];
    /// A processor in a system call is taken from thread `m`.
    ProcSteal = 12, stream, Go122, ["dt", "p", "p_seq", "m"];
    /// The state of a processor before its first event of the generation.
    ProcStatus = 13, stream, Go122, ["dt", "p", "pstatus"];

    /// A goroutine is made, runnable. `new_stack` is where it will start.
    GoCreate = 14, stream, Go122, ["dt", "new_g", "new_stack", "stack"];
    /// A goroutine appears in a system call: a foreign thread calls in.
    GoCreateSyscall = 15, stream, Go122, ["dt", "new_g"];
    /// A runnable goroutine runs, on this thread.
    GoStart = 16, stream, Go122, ["dt", "g", "g_seq"];
    /// The running goroutine ends.
    GoDestroy = 17, stream, Go122, ["dt"];
    /// This thread's goroutine ends in a system call: a foreign thread goes away.
    GoDestroySyscall = 18, stream, Go122, ["dt"];
    /// The running goroutine gives way, and stays runnable.
    GoStop = 19, stream, Go122, ["dt", "reason_string", "stack"];
    /// The running goroutine waits.
    GoBlock = 20, stream, Go122, ["dt", "reason_string", "stack"];
    /// A waiting goroutine becomes runnable.
    GoUnblock = 21, stream, Go122, ["dt", "g", "g_seq", "stack"];
    /// The running goroutine enters a system call.
    GoSyscallBegin = 22, stream, Go122, ["dt", "p_seq", "stack"];
    /// The system call ends, and the thread still has its processor.
    GoSyscallEnd = 23, stream, Go122, ["dt"];
    /// The system call ends, and the thread had lost its processor: the goroutine is runnable.
    GoSyscallEndBlocked = 24, stream, Go122, ["dt"];
    /// The state of a goroutine before its first event of the generation.
    GoStatus = 25, stream, Go122, ["dt", "g", "m", "gstatus"];

    /// Everything else is being stopped.
    STWBegin = 26, stream, Go122, ["dt", "kind_string", "stack"];
    /// Everything else goes on.
    STWEnd = 27, stream, Go122, ["dt"];

    /// The garbage collector is at work as the generation begins.
    GCActive = 28, stream, Go122, ["dt", "gc_seq"];
    /// A garbage collection begins.
    GCBegin = 29, stream, Go122, ["dt", "gc_seq", "stack"];
    /// A garbage collection ends.
    GCEnd = 30, stream, Go122, ["dt", "gc_seq"];
    /// The processor is sweeping as the generation begins.
    GCSweepActive = 31, stream, Go122, ["dt", "p"];
    /// This processor begins to sweep.
    GCSweepBegin = 32, stream, Go122, ["dt", "stack"];
    /// This processor has swept.
    GCSweepEnd = 33, stream, Go122, ["dt", "swept_value", "reclaimed_value"];
    /// The goroutine is assisting the collector as the generation begins.
    GCMarkAssistActive = 34, stream, Go122, ["dt", "g"];
    /// The running goroutine begins to assist the collector.
    GCMarkAssistBegin = 35, stream, Go122, ["dt", "stack"];
    /// The running goroutine has assisted the collector.
    GCMarkAssistEnd = 36, stream, Go122, ["dt"];
    /// The heap has this many bytes.
    HeapAlloc = 37, stream, Go122, ["dt", "heapalloc_value"];
    /// The heap may grow to this many bytes before the next collection.
    HeapGoal = 38, stream, Go122, ["dt", "heapgoal_value"];

    /// The running goroutine gets a label.
    GoLabel = 39, stream, Go122, ["dt", "label_string"];
    /// A task begins.
    UserTaskBegin = 40, stream, Go122, ["dt", "task", "parent_task", "name_string", "stack"];
    /// A task ends.
    UserTaskEnd = 41, stream, Go122, ["dt", "task", "stack"];
    /// The running goroutine enters a region.
    UserRegionBegin = 42, stream, Go122, ["dt", "task", "name_string", "stack"];
    /// The running goroutine leaves its innermost region.
    UserRegionEnd = 43, stream, Go122, ["dt", "task", "name_string", "stack"];
    /// A message.
    UserLog = 44, stream, Go122, ["dt", "task", "key_string", "value_string", "stack"];

    /// The running goroutine waits, and a waiting one runs in its place.
    GoSwitch = 45, stream, Go123, ["dt", "g", "g_seq"];
    /// The running goroutine ends, and a waiting one runs in its place.
    GoSwitchDestroy = 46, stream, Go123, ["dt", "g", "g_seq"];
    /// A goroutine is made, waiting.
    GoCreateBlocked = 47, stream, Go123, ["dt", "new_g", "new_stack", "stack"];
    /// [`GoStatus`](Self::GoStatus) with the goroutine's stack.
    GoStatusStack = 48, stream, Go123, ["dt", "g", "m", "gstatus", "stack"];

    /// Begins a batch in the format of an experiment; its data follows.
    ExperimentalBatch = 49, structural, Go123, ["exp", "gen", "m", "time"];
    /// First byte of a batch with the frequency and a snapshot of the clocks.
    Sync = 50, structural, Go125, [];
    /// The clocks at one moment: the trace's own (`dt`), monotonic nanoseconds, wall clock.
    ClockSnapshot = 51, structural, Go125, ["dt", "mono", "sec", "nsec"];
    /// Ends a generation; stands alone, outside of any batch.
    EndOfGeneration = 52, structural, Go126, [];

    /// A span of the heap is there.
    Span = 128, stream, Go123, ["dt", "id", "npages_value", "kindclass"];
    /// A span of the heap is taken.
    SpanAlloc = 129, stream, Go123, ["dt", "id", "npages_value", "kindclass"];
    /// A span of the heap is given back.
    SpanFree = 130, stream, Go123, ["dt", "id"];
    /// An object is on the heap.
    HeapObject = 131, stream, Go123, ["dt", "id", "type"];
    /// An object is allocated.
    HeapObjectAlloc = 132, stream, Go123, ["dt", "id", "type"];
    /// An object is freed.
    HeapObjectFree = 133, stream, Go123, ["dt", "id"];
    /// A goroutine has a stack.
    GoroutineStack = 134, stream, Go123, ["dt", "id", "order"];
    /// A goroutine's stack is allocated.
    GoroutineStackAlloc = 135, stream, Go123, ["dt", "id", "order"];
    /// A goroutine's stack is freed.
    GoroutineStackFree = 136, stream, Go123, ["dt", "id"];
}

impl EventType {
    /// What the format says about this event.
    pub(crate) fn spec(self) -> &'static Spec {
        &SPECS[place(self as u8)]
    }

    /// Its name, as Go's tools print it.
    pub(crate) fn name(self) -> &'static str {
        self.spec().name
    }

    /// The event with this number.
    pub(crate) fn from_number(number: u8) -> Option<EventType> {
        if !matches!(number, 1..=LAST | FIRST_EXPERIMENTAL..) {
            return None;
        }
        Some(SPECS.get(place(number))?.event)
    }

    /// The event with this number, if the version knows it.
    pub(crate) fn in_version(number: u8, version: Version) -> Option<EventType> {
        let event = EventType::from_number(number)?;
        // Go's table for a version is the first part of the whole one, which has the experiments last.
        let first = if event.is_experimental() { Version::Go126 } else { event.spec().since };
        (version >= first).then_some(event)
    }

    /// Whether it belongs to an experiment.
    pub(crate) fn is_experimental(self) -> bool {
        self as u8 >= FIRST_EXPERIMENTAL
    }

    /// The event with this name.
    pub(crate) fn from_name(name: &str) -> Option<EventType> {
        Some(SPECS.iter().find(|spec| spec.name == name)?.event)
    }
}

/// Where an event's number stands in [`SPECS`].
const fn place(number: u8) -> usize {
    match number.checked_sub(FIRST_EXPERIMENTAL) {
        Some(at) => LAST as usize + at as usize,
        None => number as usize - 1,
    }
}

/// The state of a goroutine in a `GoStatus` or `GoStatusStack` event.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum GoState {
    /// Waits for a processor.
    Runnable = 1,
    /// Runs on the thread that writes the event.
    Running = 2,
    /// In a system call, on the thread the event names.
    Syscall = 3,
    /// Waits for something else than a processor.
    Waiting = 4,
}

/// The state of a processor in a `ProcStatus` event.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ProcState {
    /// Held by the thread that writes the event.
    Running = 1,
    /// Held by no thread.
    Idle = 2,
    /// Its goroutine is in a system call, on the thread that writes the event.
    Syscall = 3,
    /// As `Syscall`, in a generation where the first news of it is that it is taken away.
    SyscallAbandoned = 4,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// The most arguments an event of a thread's stream has, the time included.
    const MAX_STREAM_ARGS: usize = 5;

    #[test]
    fn the_table_is_in_order_of_numbers() {
        assert_eq!(SPECS.len(), 52 + 9);
        for (spec, number) in SPECS.iter().zip((1..=LAST).chain(128..=136)) {
            assert_eq!(spec.event as u8, number, "{}", spec.name);
            assert!(std::ptr::eq(spec.event.spec(), spec));
        }
    }

    #[test]
    fn lookups() {
        for spec in &SPECS {
            assert_eq!(EventType::from_number(spec.event as u8), Some(spec.event));
            assert_eq!(EventType::from_name(spec.name), Some(spec.event));
            assert_eq!(format!("{:?}", spec.event), spec.event.name());
        }
        for number in (0..=u8::MAX).filter(|n| !matches!(n, 1..=LAST | 128..=136)) {
            assert_eq!(EventType::from_number(number), None, "{number}");
        }
        for name in ["", "goStart", "GoStart ", "None"] {
            assert_eq!(EventType::from_name(name), None, "{name:?}");
        }
        let names: HashSet<_> = SPECS.iter().map(|spec| spec.name).collect();
        assert_eq!(names.len(), SPECS.len());
    }

    #[test]
    fn numbers_and_arguments_of_the_format() {
        let wire = |name: &str| {
            let spec = EventType::from_name(name).unwrap().spec();
            (spec.event as u8, spec.args.join(" "))
        };
        assert_eq!(wire("EventBatch"), (1, "gen m time size".into()));
        assert_eq!(wire("ProcSteal"), (12, "dt p p_seq m".into()));
        assert_eq!(wire("GoCreate"), (14, "dt new_g new_stack stack".into()));
        assert_eq!(wire("GoUnblock"), (21, "dt g g_seq stack".into()));
        assert_eq!(wire("GoStatus"), (25, "dt g m gstatus".into()));
        assert_eq!(wire("UserLog"), (44, "dt task key_string value_string stack".into()));
        assert_eq!(wire("GoStatusStack"), (48, "dt g m gstatus stack".into()));
        assert_eq!(wire("EndOfGeneration"), (52, String::new()));
    }

    #[test]
    fn every_version_knows_a_first_part_of_the_table() {
        let known = Version::ALL
            .map(|version| (0..=u8::MAX).filter_map(|n| EventType::in_version(n, version)).count());
        assert_eq!(known, [44, 49, 51, 52 + 9]);
        assert!(SPECS[..usize::from(LAST)].is_sorted_by_key(|spec| spec.since));
    }

    #[test]
    fn what_stands_in_a_stream_is_timed() {
        for spec in &SPECS {
            let snapshot = spec.event == EventType::ClockSnapshot;
            assert_eq!(spec.timed(), !spec.structural || snapshot, "{}", spec.name);
            assert!(spec.structural || spec.args.len() <= MAX_STREAM_ARGS, "{}", spec.name);
            let unique: HashSet<_> = spec.args.iter().collect();
            assert_eq!(unique.len(), spec.args.len(), "{}", spec.name);
        }
        // The bytes that say what a batch holds cannot begin a thread's stream.
        for event in ["Strings", "Stacks", "CPUSamples", "Frequency", "Sync"] {
            assert!(EventType::from_name(event).unwrap().spec().structural);
        }
    }
}
