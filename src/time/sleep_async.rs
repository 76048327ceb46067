//! [`sleep_async`]: sleeping as a future.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use super::moment_ns;
use crate::sched::Inside;
use crate::sched::clock::Clock;
use crate::sched::timer_state::Arming;
use crate::sched::timers::{Fire, Timer};
use crate::sched::waker::wake_from_inside;

/// A future that is ready once `duration` is over, counted from this call.
///
/// It may be polled by whomever, [`block_on`](crate::block_on) or another runtime, and dropped at
/// any time. In a [test bubble](crate::test::bubble) a [`block_on`](crate::block_on) does not let
/// time pass, since it cannot know what its future waits for: there, goroutines [`sleep`](super::sleep).
///
/// # Panics
/// If no [`run`](crate::run) has begun yet.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// // SAFETY: nothing here keeps a thread's own data over a blocking call.
/// unsafe {
///     gort::run(|| gort::block_on(gort::time::sleep_async(Duration::from_millis(1))));
/// }
/// ```
pub fn sleep_async(duration: Duration) -> Sleep {
    let clock = Clock::current();
    let when_ns = moment_ns(clock.now_ns(), duration);
    Sleep { clock, when_ns, alarm: None }
}

/// A sleep in progress. From [`sleep_async`].
#[must_use = "futures do nothing unless they are polled"]
pub struct Sleep {
    clock: Clock,
    when_ns: u64,
    /// From the first poll that had to wait.
    alarm: Option<Arc<Alarm>>,
}

struct Alarm {
    timer: Timer,
    state: Mutex<State>,
}

/// Under the alarm's lock, which is held inside only. Wakers are user code: they are moved in and
/// out under it, never called or dropped.
struct State {
    arming: Arming,
    waker: Option<Waker>,
    over: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.clock.check("poll of a sleep");
        if self.when_ns <= self.clock.now_ns() {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let Some(alarm) = &self.alarm else {
            self.alarm = Some(Alarm::start(&self.clock, self.when_ns, waker));
            return Poll::Pending;
        };
        let rt = Inside::enter();
        let mut state = alarm.state.lock();
        let (former, over) = (state.waker.replace(waker), state.over);
        drop(state);
        drop(rt);
        drop(former);
        if over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let Some(alarm) = self.alarm.take() else { return };
        let rt = Inside::enter();
        let mut state = alarm.state.lock();
        state.arming.disarm();
        let waker = state.waker.take();
        let share = alarm.timer.withdraw();
        drop(state);
        drop(rt);
        drop((share, waker));
    }
}

impl Alarm {
    fn start(clock: &Clock, when_ns: u64, waker: Waker) -> Arc<Alarm> {
        let mut arming = Arming::default();
        let turn = arming.arm();
        let state = Mutex::new(State { arming, waker: Some(waker), over: false });
        let alarm = Arc::new(Alarm { timer: Timer::call(), state });
        let rt = Inside::enter();
        let owner: Arc<Alarm> = Arc::clone(&alarm);
        // SAFETY: the timer is its owner's and in no heap; nobody else knows it yet.
        unsafe { clock.keep(&rt, &alarm.timer, when_ns, owner, turn) };
        drop(rt);
        alarm
    }
}

impl Fire for Alarm {
    fn fire(self: Arc<Self>, rt: &Inside, turn: u64) {
        let mut state = self.state.lock();
        if !state.arming.claim(turn) {
            return;
        }
        state.over = true;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            wake_from_inside(rt, waker);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").finish_non_exhaustive()
    }
}
