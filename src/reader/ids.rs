//! Who an event is about, and when it was.

use std::fmt;

/// Makes a number of its own kind, with a value for nobody.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl $name {
            /// Nobody.
            pub const NONE: $name = $name(-1);

            /// The number, unless it is [`NONE`](Self::NONE).
            pub fn get(self) -> Option<i64> {
                (self != $name::NONE).then_some(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A goroutine's number, its own in the whole life of the program.
    GoID
}
id! {
    /// A processor's number: from 0 to `GOMAXPROCS` - 1.
    ProcID
}
id! {
    /// A thread's number, the system's.
    ThreadID
}

/// A moment, in nanoseconds of the machine's monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// Nanoseconds since an earlier moment.
    pub fn since(self, earlier: Time) -> i64 {
        self.0.wrapping_sub(earlier.0)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A task's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskID(pub u64);

impl TaskID {
    /// No task: the parent of one that has none.
    pub const NONE: TaskID = TaskID(u64::MAX);
    /// What regions and logs outside of tasks belong to.
    pub const BACKGROUND: TaskID = TaskID(0);
}

impl fmt::Display for TaskID {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text of an event: [`Generation::text`](super::Generation::text) of the event's generation has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StringId(pub(crate) u32);

impl StringId {
    /// The empty text.
    pub const EMPTY: StringId = StringId(0);
}

/// A stack of an event: [`Generation::stack`](super::Generation::stack) of the event's generation has
/// its frames.
///
/// Within a generation equal ids are equal stacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackId(pub(crate) u32);

impl StackId {
    /// No stack.
    pub const NONE: StackId = StackId(0);

    /// Whether there is no stack.
    pub fn is_none(self) -> bool {
        self == StackId::NONE
    }
}

/// A state of a goroutine.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GoState {
    /// Nothing is known of it yet.
    Undetermined,
    /// It does not exist.
    NotExist,
    /// Waits for a processor.
    Runnable,
    /// Runs.
    Running,
    /// Waits for something else than a processor.
    Waiting,
    /// In a system call.
    Syscall,
}

impl GoState {
    pub(crate) const ALL: [GoState; 6] = [
        GoState::Undetermined,
        GoState::NotExist,
        GoState::Runnable,
        GoState::Running,
        GoState::Waiting,
        GoState::Syscall,
    ];

    /// Whether the goroutine is bound to a thread.
    pub fn is_executing(self) -> bool {
        matches!(self, GoState::Running | GoState::Syscall)
    }

    /// Its name, as Go's tools print it.
    pub fn name(self) -> &'static str {
        match self {
            GoState::Undetermined => "Undetermined",
            GoState::NotExist => "NotExist",
            GoState::Runnable => "Runnable",
            GoState::Running => "Running",
            GoState::Waiting => "Waiting",
            GoState::Syscall => "Syscall",
        }
    }
}

/// A state of a processor.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProcState {
    /// Nothing is known of it yet.
    Undetermined,
    /// It does not exist.
    NotExist,
    /// A thread has it.
    Running,
    /// No thread has it.
    Idle,
}

impl ProcState {
    pub(crate) const ALL: [ProcState; 4] =
        [ProcState::Undetermined, ProcState::NotExist, ProcState::Running, ProcState::Idle];

    /// Its name, as Go's tools print it.
    pub fn name(self) -> &'static str {
        match self {
            ProcState::Undetermined => "Undetermined",
            ProcState::NotExist => "NotExist",
            ProcState::Running => "Running",
            ProcState::Idle => "Idle",
        }
    }
}
