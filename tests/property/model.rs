//! The model: Go's channels, as a sequential program would have them.

use std::collections::{BTreeMap, VecDeque};

use crate::program::{Arm, CAPACITIES, Command, Operation, Patience};

/// A value, by its number.
pub(crate) type Value = usize;

/// How an operation ended. Values that come back are not told apart: they are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// An operation, or the arm of a select with this number.
    Did(usize, Did),
    /// It could not be done at once, or not in time.
    GaveUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    Sent,
    Received(Value),
    Closed,
}

/// What ended after a command, by the number of the operation.
pub(crate) type Ends = BTreeMap<usize, End>;

/// Somebody in a queue: the operation, which of its arms, and the value to be sent.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    operation: usize,
    arm: usize,
    value: Value,
}

#[derive(Debug, Default)]
struct Channel {
    capacity: usize,
    buffer: VecDeque<Value>,
    closed: bool,
    senders: VecDeque<Waiter>,
    receivers: VecDeque<Waiter>,
    /// Futures that receive: served after the others, in any order.
    tasks: Vec<Waiter>,
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Model {
    channels: Vec<Channel>,
    cancelled: bool,
    now_ms: u64,
    /// When operations that wait give up.
    deadlines: BTreeMap<usize, u64>,
    /// Arms that wait for the context's end.
    done: Vec<Waiter>,
    /// What must have ended after the command, so far.
    expected: Ends,
}

/// The first value of an operation's arms: each arm that sends has one of its own.
pub(crate) fn first_value(operation: usize) -> Value {
    operation * 16
}

/// The first in a queue. A select that stands there more than once has its arms there in any
/// order, so it is the arm that was.
fn first(queue: &VecDeque<Waiter>, ended: &Ends) -> Option<Waiter> {
    let front = queue.front()?;
    let was = |w: &&Waiter| {
        w.operation == front.operation
            && matches!(ended.get(&w.operation), Some(End::Did(arm, _)) if *arm == w.arm)
    };
    Some(*queue.iter().find(was).unwrap_or(front))
}

impl Model {
    pub(crate) fn new() -> Model {
        let channels = CAPACITIES.map(|capacity| Channel { capacity, ..Channel::default() });
        Model {
            channels: channels.into(),
            cancelled: false,
            now_ms: 0,
            deadlines: BTreeMap::new(),
            done: Vec::new(),
            expected: Ends::new(),
        }
    }

    /// Does a command, whose operation, if it has one, has this number, and compares what ended.
    pub(crate) fn step(
        &mut self,
        number: usize,
        command: &Command,
        ended: &Ends,
    ) -> Result<(), String> {
        self.expected.clear();
        match command {
            Command::Start(operation) => self.start(number, operation, ended),
            Command::Close(channel) => self.close(*channel, ended),
            Command::Cancel => self.cancel(ended),
            Command::Pass(ms) => self.pass(*ms),
        }
        let expected = &self.expected;
        if expected == ended {
            return Ok(());
        }
        Err(format!("after step {number}, {command:?}: ended {ended:?}, expected {expected:?}"))
    }

    fn start(&mut self, number: usize, operation: &Operation, ended: &Ends) {
        let (arms, patience) = match operation {
            Operation::Send(channel, patience) => (vec![Arm::Send(*channel)], *patience),
            Operation::Receive(channel, patience) => (vec![Arm::Receive(*channel)], *patience),
            Operation::Select(arms, patience) => (arms.clone(), *patience),
        };
        let waiter = |arm| Waiter { operation: number, arm, value: first_value(number) + arm };
        let ready: Vec<usize> = (0..arms.len()).filter(|&n| self.is_ready(arms[n])).collect();
        if !ready.is_empty() {
            // Each of them may be chosen; the one that was is.
            let chosen = match ended.get(&number) {
                Some(End::Did(arm, _)) if ready.contains(arm) => *arm,
                _ => ready[0],
            };
            let did = self.act(arms[chosen], waiter(chosen), ended);
            self.expected.insert(number, End::Did(chosen, did));
            return;
        }
        match patience {
            Patience::None | Patience::Fickle => {
                self.expected.insert(number, End::GaveUp);
                return;
            }
            Patience::Millis(ms) => drop(self.deadlines.insert(number, self.now_ms + ms)),
            Patience::Endless | Patience::Future => {}
        }
        let is_future = patience == Patience::Future;
        arms.iter().enumerate().for_each(|(n, arm)| self.line_up(*arm, waiter(n), is_future));
        self.tell_tasks(&arms, ended);
    }

    fn is_ready(&self, arm: Arm) -> bool {
        match arm {
            Arm::Off => false,
            Arm::Done => self.cancelled,
            Arm::Send(n) => {
                let c = &self.channels[n];
                c.closed || !c.receivers.is_empty() || c.buffer.len() < c.capacity
            }
            Arm::Receive(n) => {
                let c = &self.channels[n];
                c.closed || !c.senders.is_empty() || !c.buffer.is_empty()
            }
        }
    }

    /// An operation that is ready.
    fn act(&mut self, arm: Arm, waiter: Waiter, ended: &Ends) -> Did {
        match arm {
            Arm::Off => unreachable!("it is never ready"),
            Arm::Done => Did::Closed,
            Arm::Send(n) => self.send(n, waiter.value, ended),
            Arm::Receive(n) => self.receive(n, ended),
        }
    }

    fn send(&mut self, n: usize, value: Value, ended: &Ends) -> Did {
        if self.channels[n].closed {
            return Did::Closed;
        }
        if let Some(receiver) = first(&self.channels[n].receivers, ended) {
            self.end(receiver, Did::Received(value));
            return Did::Sent;
        }
        self.channels[n].buffer.push_back(value);
        self.serve_task(n, ended);
        Did::Sent
    }

    fn receive(&mut self, n: usize, ended: &Ends) -> Did {
        let channel = &mut self.channels[n];
        let value = channel.buffer.pop_front();
        let sender = first(&channel.senders, ended);
        if let Some(sender) = sender {
            self.end(sender, Did::Sent);
        }
        match (value, sender) {
            (Some(value), sender) => {
                self.channels[n].buffer.extend(sender.map(|sender| sender.value));
                Did::Received(value)
            }
            (None, Some(sender)) => Did::Received(sender.value),
            (None, None) => Did::Closed,
        }
    }

    fn line_up(&mut self, arm: Arm, waiter: Waiter, is_future: bool) {
        match arm {
            Arm::Off => {}
            Arm::Done => self.done.push(waiter),
            Arm::Send(n) => self.channels[n].senders.push_back(waiter),
            Arm::Receive(n) if is_future => self.channels[n].tasks.push(waiter),
            Arm::Receive(n) => self.channels[n].receivers.push_back(waiter),
        }
    }

    /// Somebody lined up to send: of the futures that wait for it one receives. Where several
    /// arms of a select send to futures, any of them may be first.
    fn tell_tasks(&mut self, arms: &[Arm], ended: &Ends) {
        let sends = arms.iter().filter_map(|arm| match arm {
            Arm::Send(n) if !self.channels[*n].tasks.is_empty() => Some(*n),
            _ => None,
        });
        let channels: Vec<usize> = sends.collect();
        let was_told = |n: &usize| {
            let of_channel = |w: &Waiter| ended.contains_key(&w.operation);
            self.channels[*n].tasks.iter().any(of_channel)
        };
        let chosen = channels.iter().copied().find(was_told).or(channels.first().copied());
        if let Some(n) = chosen {
            self.serve_task(n, ended);
        }
    }

    /// There is something to receive: a future takes it, if one waits.
    fn serve_task(&mut self, n: usize, ended: &Ends) {
        let tasks = &self.channels[n].tasks;
        let told = tasks.iter().position(|task| ended.contains_key(&task.operation));
        if let Some(task) = tasks.get(told.unwrap_or(0)).copied() {
            let did = self.receive(n, ended);
            self.end(task, did);
        }
    }

    /// An operation that waited ends, and leaves all queues.
    fn end(&mut self, waiter: Waiter, did: Did) {
        self.expected.insert(waiter.operation, End::Did(waiter.arm, did));
        self.forget(waiter.operation);
    }

    fn forget(&mut self, operation: usize) {
        let stays = |waiter: &Waiter| waiter.operation != operation;
        for channel in &mut self.channels {
            channel.senders.retain(stays);
            channel.receivers.retain(stays);
            channel.tasks.retain(stays);
        }
        self.done.retain(stays);
        self.deadlines.remove(&operation);
    }

    fn close(&mut self, n: usize, ended: &Ends) {
        let channel = &mut self.channels[n];
        channel.closed = true;
        let mut waiters: VecDeque<Waiter> = channel.receivers.iter().copied().collect();
        waiters.extend(channel.senders.iter().chain(&channel.tasks));
        while let Some(waiter) = first(&waiters, ended) {
            self.end(waiter, Did::Closed);
            waiters.retain(|other| other.operation != waiter.operation);
        }
    }

    fn cancel(&mut self, ended: &Ends) {
        self.cancelled = true;
        let mut waiters: VecDeque<Waiter> = self.done.iter().copied().collect();
        while let Some(waiter) = first(&waiters, ended) {
            self.end(waiter, Did::Closed);
            waiters.retain(|other| other.operation != waiter.operation);
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        let due = self.deadlines.iter().filter(|(_, when)| **when <= self.now_ms);
        for operation in due.map(|(operation, _)| *operation).collect::<Vec<_>>() {
            self.expected.insert(operation, End::GaveUp);
            self.forget(operation);
        }
    }

    /// The commands that end whatever still waits.
    pub(crate) fn last_commands() -> impl Iterator<Item = Command> {
        let close = (0..CAPACITIES.len()).map(Command::Close);
        close.chain([Command::Cancel, Command::Pass(10)])
    }
}
