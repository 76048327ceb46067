//! Programs: what the goroutines do.

/// Channels without and with a buffer.
pub(crate) const CAPACITIES: [usize; 4] = [0, 0, 1, 2];

/// Which commands occur besides sends, receives and closing.
#[derive(Clone, Copy)]
pub(crate) struct Kinds {
    pub(crate) selects: bool,
    pub(crate) futures: bool,
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// A goroutine starts an operation.
    Start(Operation),
    /// The channel is closed.
    Close(usize),
    /// The context is cancelled.
    Cancel,
    /// So many milliseconds pass.
    Pass(u64),
}

/// What a goroutine does. Channels by their number.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Send(usize, Patience),
    Receive(usize, Patience),
    Select(Vec<Arm>, Patience),
}

/// How long an operation may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as it takes.
    Endless,
    /// It does not wait.
    None,
    /// So many milliseconds.
    Millis(u64),
    /// It is a future, and takes as long as it takes.
    Future,
    /// It is a future that is polled once and then dropped.
    Fickle,
}

/// An arm of a select.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arm {
    Send(usize),
    Receive(usize),
    /// One that is switched off.
    Off,
    /// The context's end.
    Done,
}

/// Takes choices out of a number.
struct Choices(u64);

impl Choices {
    fn below(&mut self, n: u64) -> u64 {
        let choice = self.0 % n;
        self.0 /= n;
        choice
    }

    fn channel(&mut self) -> usize {
        self.below(CAPACITIES.len() as u64) as usize
    }

    fn patience(&mut self, kinds: Kinds, receives: bool) -> Patience {
        match self.below(if kinds.futures { 9 } else { 6 }) {
            0..=2 => Patience::Endless,
            3 => Patience::None,
            4 | 5 => Patience::Millis(1 + self.below(5)),
            8 if receives => Patience::Fickle,
            _ => Patience::Future,
        }
    }

    fn select(&mut self) -> Operation {
        let patience = match self.below(4) {
            0 => Patience::None,
            1 => Patience::Millis(1 + self.below(5)),
            _ => Patience::Endless,
        };
        let count = 1 + self.below(4);
        let arms = (0..count).map(|_| match self.below(8) {
            0..=2 => Arm::Send(self.channel()),
            3..=5 => Arm::Receive(self.channel()),
            6 => Arm::Off,
            _ => Arm::Done,
        });
        let arms: Vec<Arm> = arms.collect();
        let is_stuck = patience == Patience::Endless && arms.iter().all(|a| matches!(a, Arm::Off));
        Operation::Select(arms, if is_stuck { Patience::Millis(1) } else { patience })
    }
}

impl Command {
    /// The command that a number stands for; small numbers for simple ones.
    pub(crate) fn decode(number: u64, kinds: Kinds) -> Command {
        let mut choices = Choices(number);
        match choices.below(if kinds.selects { 18 } else { 12 }) {
            0..=4 => {
                let channel = choices.channel();
                Command::Start(Operation::Send(channel, choices.patience(kinds, false)))
            }
            5..=9 => {
                let channel = choices.channel();
                Command::Start(Operation::Receive(channel, choices.patience(kinds, true)))
            }
            10 => Command::Pass(1 + choices.below(4)),
            // Rarely: a closed channel is no longer of much interest.
            11 if choices.below(3) == 0 => Command::Close(choices.channel()),
            12 if choices.below(3) == 0 => Command::Cancel,
            11 | 12 => Command::Pass(1),
            _ => Command::Start(choices.select()),
        }
    }
}
