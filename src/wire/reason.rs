//! Why a goroutine stopped: one enum for the scheduler, the dumps, the traces and the analyses.

/// Why a goroutine waits or gave way, with the words of Go's tools, which match on them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum WaitReason {
    /// A receive from an empty channel.
    ChanReceive,
    /// A send to a full or unbuffered channel.
    ChanSend,
    /// A wait group, a join, a lock.
    Sync,
    /// A sleep.
    Sleep,
    /// Gave way by `gosched`.
    Gosched,
    /// Stands for a plain thread, which is not annotating just now.
    Outside,
}

impl WaitReason {
    /// All reasons; the position is the enum's number.
    pub(crate) const ALL: [WaitReason; 6] = [
        WaitReason::ChanReceive,
        WaitReason::ChanSend,
        WaitReason::Sync,
        WaitReason::Sleep,
        WaitReason::Gosched,
        WaitReason::Outside,
    ];

    /// The text in Go's traces and dumps.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            WaitReason::ChanReceive => "chan receive",
            WaitReason::ChanSend => "chan send",
            WaitReason::Sync => "sync",
            WaitReason::Sleep => "sleep",
            WaitReason::Gosched => "runtime.Gosched",
            WaitReason::Outside => "system goroutine wait",
        }
    }
}
