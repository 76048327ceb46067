//! Why a goroutine stopped: one enum for the scheduler, the dumps, the traces and the analyses.

/// Why a goroutine waits or gave way.
///
/// Each has two texts, as in Go (`runtime/runtime2.go`, `runtime/traceruntime.go`): dumps are more
/// exact than traces, whose tools match on the words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(dead_code, reason = "most are of the modules to come")]
pub(crate) enum WaitReason {
    /// Nothing yet: it has never waited.
    None,
    /// A receive from an empty channel.
    ChanReceive,
    /// A receive from a channel that never has a value, Go's nil channel.
    ChanReceiveNil,
    /// A send to a full or unbuffered channel.
    ChanSend,
    /// A select.
    Select,
    /// A select that nothing can end.
    SelectNoCases,
    /// A sleep.
    Sleep,
    /// The end of another goroutine.
    Join,
    /// A semaphore, and whatever has no reason of its own.
    Semacquire,
    /// A mutex.
    MutexLock,
    /// The shared side of a read-write lock.
    RwMutexRLock,
    /// The exclusive side of a read-write lock.
    RwMutexLock,
    /// A condition variable.
    CondWait,
    /// A wait group.
    WaitGroupWait,
    /// A barrier.
    BarrierWait,
    /// A future, by `block_on`.
    Future,
    /// The function of a bubble, by whoever made the bubble.
    SynctestRun,
    /// Everybody else in a bubble.
    SynctestWait,
    /// Gave way by `gosched`.
    Gosched,
    /// A socket.
    Network,
    /// Stands for a plain thread, which is not annotating just now.
    Outside,
}

/// The texts of traces, each once.
pub(crate) const TRACE_TEXTS: [&str; 12] = [
    "unspecified",
    "chan receive",
    "chan send",
    "select",
    "forever",
    "sleep",
    "sync",
    "sync.(*Cond).Wait",
    "synctest",
    "runtime.Gosched",
    "system goroutine wait",
    "network",
];

impl WaitReason {
    /// All reasons; the position is the enum's number.
    pub(crate) const ALL: [WaitReason; 21] = [
        WaitReason::None,
        WaitReason::ChanReceive,
        WaitReason::ChanReceiveNil,
        WaitReason::ChanSend,
        WaitReason::Select,
        WaitReason::SelectNoCases,
        WaitReason::Sleep,
        WaitReason::Join,
        WaitReason::Semacquire,
        WaitReason::MutexLock,
        WaitReason::RwMutexRLock,
        WaitReason::RwMutexLock,
        WaitReason::CondWait,
        WaitReason::WaitGroupWait,
        WaitReason::BarrierWait,
        WaitReason::Future,
        WaitReason::SynctestRun,
        WaitReason::SynctestWait,
        WaitReason::Gosched,
        WaitReason::Network,
        WaitReason::Outside,
    ];

    /// The reason with this number.
    pub(crate) fn from_number(number: u8) -> WaitReason {
        WaitReason::ALL.get(usize::from(number)).copied().unwrap_or(WaitReason::None)
    }

    /// The text in dumps of goroutines.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            WaitReason::None => "",
            WaitReason::ChanReceive => "chan receive",
            WaitReason::ChanReceiveNil => "chan receive (nil chan)",
            WaitReason::ChanSend => "chan send",
            WaitReason::Select => "select",
            WaitReason::SelectNoCases => "select (no cases)",
            WaitReason::Sleep => "sleep",
            WaitReason::Join => "join",
            WaitReason::Semacquire => "semacquire",
            WaitReason::MutexLock => "sync.Mutex.Lock",
            WaitReason::RwMutexRLock => "sync.RWMutex.RLock",
            WaitReason::RwMutexLock => "sync.RWMutex.Lock",
            WaitReason::CondWait => "sync.Cond.Wait",
            WaitReason::WaitGroupWait => "sync.WaitGroup.Wait",
            WaitReason::BarrierWait => "barrier",
            WaitReason::Future => "future",
            WaitReason::SynctestRun => "synctest.Run",
            WaitReason::SynctestWait => "synctest.Wait",
            WaitReason::Gosched => "runtime.Gosched",
            WaitReason::Network => "IO wait",
            WaitReason::Outside => "system goroutine wait",
        }
    }

    /// Which of [`TRACE_TEXTS`] it has in traces.
    pub(crate) const fn trace_text(self) -> usize {
        match self {
            WaitReason::None | WaitReason::Future => 0,
            WaitReason::ChanReceive | WaitReason::ChanReceiveNil => 1,
            WaitReason::ChanSend => 2,
            WaitReason::Select => 3,
            WaitReason::SelectNoCases => 4,
            WaitReason::Sleep => 5,
            WaitReason::Join
            | WaitReason::Semacquire
            | WaitReason::MutexLock
            | WaitReason::RwMutexRLock
            | WaitReason::RwMutexLock
            | WaitReason::WaitGroupWait
            | WaitReason::BarrierWait => 6,
            WaitReason::CondWait => 7,
            WaitReason::SynctestRun | WaitReason::SynctestWait => 8,
            WaitReason::Gosched => 9,
            WaitReason::Outside => 10,
            WaitReason::Network => 11,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_their_numbers() {
        for (number, reason) in WaitReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
            assert_eq!(WaitReason::from_number(number as u8), reason);
            assert!(reason.trace_text() < TRACE_TEXTS.len());
        }
        assert_eq!(WaitReason::from_number(200), WaitReason::None);
    }
}
