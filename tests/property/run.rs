//! Running a program on gort, beside the model.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll, Wake, Waker};
use std::time::Duration;

use gort::chan::{Receiver, RecvError, Sender};
use gort::context::{self, CancelFunc};
use gort::select::Select;
use gort::{Context, chan, go, sleep, test};

use crate::model::{Did, End, Ends, Model, first_value};
use crate::program::{Arm, CAPACITIES, Command, Operation, Patience};

/// How often each value was made (once) and dropped (once more).
struct Ledger(Vec<AtomicU8>);

/// A value that is entered in the ledger.
struct Token {
    value: usize,
    ledger: Arc<Ledger>,
}

impl Token {
    fn new(value: usize, ledger: &Arc<Ledger>) -> Token {
        assert_eq!(ledger.0[value].fetch_add(1, Ordering::SeqCst), 0);
        Token { value, ledger: Arc::clone(ledger) }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.ledger.0[self.value].fetch_add(1, Ordering::SeqCst);
    }
}

/// What the goroutines of a program share.
#[derive(Clone)]
struct World {
    channels: Arc<Vec<(Sender<Token>, Receiver<Token>)>>,
    ctx: Context,
    ledger: Arc<Ledger>,
    ends: Arc<Mutex<Ends>>,
}

/// Runs a program, and says where it differs from the model.
pub(crate) fn compare(commands: &[Command]) -> Result<(), String> {
    let commands: Vec<Command> = commands.iter().cloned().chain(Model::last_commands()).collect();
    let values = first_value(commands.len());
    let ledger = Arc::new(Ledger((0..values).map(|_| AtomicU8::new(0)).collect()));
    let entries = Arc::clone(&ledger);
    let program = move || test::bubble(move || run(&commands, entries));
    // SAFETY: nothing here keeps a thread's own data over a blocking call.
    unsafe { gort::run(program) }?;
    let strange = ledger.0.iter().position(|n| !matches!(n.load(Ordering::SeqCst), 0 | 2));
    match strange {
        Some(value) => Err(format!("value {value} was not dropped once")),
        None => Ok(()),
    }
}

/// All commands are run, also after a difference: so all goroutines end.
fn run(commands: &[Command], ledger: Arc<Ledger>) -> Result<(), String> {
    let (ctx, cancel) = context::with_cancel(&context::background());
    let channels = Arc::new(CAPACITIES.map(chan).into());
    let world = World { channels, ctx, ledger, ends: Arc::default() };
    let mut model = Model::new();
    let mut result = Ok(());
    for (number, command) in commands.iter().enumerate() {
        world.step(number, command, &cancel);
        test::wait();
        let ended: Ends = std::mem::take(&mut *world.ends.lock().unwrap());
        if result.is_ok() {
            result = model.step(number, command, &ended);
        }
    }
    result
}

impl World {
    fn step(&self, number: usize, command: &Command, cancel: &CancelFunc) {
        match command {
            Command::Start(operation) => {
                let (world, operation) = (self.clone(), operation.clone());
                go(move || {
                    let end = world.perform(number, &operation);
                    world.ends.lock().unwrap().insert(number, end);
                });
            }
            // A second time it is an error, of which other tests speak.
            Command::Close(n) => {
                let _ = self.channels[*n].0.close();
            }
            Command::Cancel => cancel.cancel(),
            Command::Pass(ms) => sleep(Duration::from_millis(*ms)),
        }
    }

    fn perform(&self, number: usize, operation: &Operation) -> End {
        match operation {
            Operation::Send(n, patience) => self.send(*n, first_value(number), *patience),
            Operation::Receive(n, patience) => self.receive(*n, *patience),
            Operation::Select(arms, patience) => self.select(number, arms, *patience),
        }
    }

    fn send(&self, n: usize, value: usize, patience: Patience) -> End {
        use gort::chan::{SendTimeoutError, TrySendError};
        let (tx, token) = (&self.channels[n].0, Token::new(value, &self.ledger));
        let sent = match patience {
            Patience::Endless => tx.send(token).map_err(|_| Did::Closed),
            Patience::Future | Patience::Fickle => {
                wait_for(tx.send_async(token)).map_err(|_| Did::Closed)
            }
            Patience::None => match tx.try_send(token) {
                Ok(()) => Ok(()),
                Err(TrySendError::Closed(_)) => Err(Did::Closed),
                Err(TrySendError::Full(_)) => return End::GaveUp,
            },
            Patience::Millis(ms) => match tx.send_timeout(token, Duration::from_millis(ms)) {
                Ok(()) => Ok(()),
                Err(SendTimeoutError::Closed(_)) => Err(Did::Closed),
                Err(SendTimeoutError::Timeout(_)) => return End::GaveUp,
            },
        };
        End::Did(0, sent.err().unwrap_or(Did::Sent))
    }

    fn receive(&self, n: usize, patience: Patience) -> End {
        use gort::chan::{RecvTimeoutError, TryRecvError};
        let rx = &self.channels[n].1;
        let received = match patience {
            Patience::Endless => rx.recv(),
            Patience::Future => wait_for(rx.recv_async()),
            Patience::Fickle => match poll_once(rx.recv_async()) {
                Some(received) => received,
                None => return End::GaveUp,
            },
            Patience::None => match rx.try_recv() {
                Err(TryRecvError::Empty) => return End::GaveUp,
                received => received.map_err(|_| RecvError),
            },
            Patience::Millis(ms) => match rx.recv_timeout(Duration::from_millis(ms)) {
                Err(RecvTimeoutError::Timeout) => return End::GaveUp,
                received => received.map_err(|_| RecvError),
            },
        };
        End::Did(0, received.map_or(Did::Closed, |token| Did::Received(token.value)))
    }

    fn select(&self, number: usize, arms: &[Arm], patience: Patience) -> End {
        let never = chan::never::<()>();
        let mut select = Select::new();
        for (n, arm) in arms.iter().enumerate() {
            select = match arm {
                Arm::Off => select.recv(&never, |_| unreachable!("it is switched off")),
                Arm::Done => select.recv(self.ctx.done(), move |_| End::Did(n, Did::Closed)),
                Arm::Receive(channel) => select.recv(&self.channels[*channel].1, move |got| {
                    End::Did(n, got.map_or(Did::Closed, |token| Did::Received(token.value)))
                }),
                Arm::Send(channel) => {
                    let token = Token::new(first_value(number) + n, &self.ledger);
                    select.send(&self.channels[*channel].0, token, move |sent| {
                        End::Did(n, sent.map_or(Did::Closed, |()| Did::Sent))
                    })
                }
            };
        }
        match patience {
            Patience::None => select.poll().unwrap_or(End::GaveUp),
            Patience::Millis(ms) => select.after(Duration::from_millis(ms), || End::GaveUp).wait(),
            _ => select.wait(),
        }
    }
}

/// A waker that rings by a channel of the bubble, so that waiting for it is a durable wait. To gort
/// it is somebody else's.
struct Bell(Sender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // It may ring already.
        let _ = self.0.try_send(());
    }
}

fn wait_for<F: Future>(future: F) -> F::Output {
    let (ring, rung) = chan(1);
    let waker = Waker::from(Arc::new(Bell(ring)));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Task::from_waker(&waker)) {
            return value;
        }
        rung.recv().expect("the waker is here");
    }
}

fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
