//! Something of all that there is, at a steady rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gort::chan::{Receiver, Sender};
use gort::{Context, JoinHandle, chan, go, sleep, trace};

/// Pairs of goroutines that play.
const PAIRS: u64 = 8;
/// Goroutines that wait all the time, as in a server.
const WAITING: usize = 1000;
/// Turns of a pair from one look at the clock to the next.
const TURNS: u64 = 100;
/// Events of so many turns, and of what else there is in a round, roughly.
const EVENTS: u64 = 6 * TURNS + 10;

/// The load. It ends with [`Load::stop`].
pub(crate) struct Load {
    shared: Arc<Shared>,
    players: Vec<JoinHandle<()>>,
    waiting: Sender<()>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    rounds: AtomicU64,
}

impl Load {
    pub(crate) fn start(events_per_s: u64) -> Load {
        let shared = Arc::new(Shared::default());
        let (waiting, wait) = chan(0);
        for _ in 0..WAITING {
            let wait: Receiver<()> = wait.clone();
            go(move || _ = wait.recv());
        }
        let pause = Duration::from_secs(1).mul_f64((PAIRS * EVENTS) as f64 / events_per_s as f64);
        let player = |_| {
            let shared = Arc::clone(&shared);
            go(move || play(&shared, pause))
        };
        let players = (0..PAIRS).map(player).collect();
        Load { shared, players, waiting }
    }

    /// Rounds played until now.
    pub(crate) fn rounds(&self) -> u64 {
        self.shared.rounds.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.players.into_iter().for_each(|player| player.join().expect("players do not panic"));
        drop(self.waiting);
    }
}

/// Plays a round each `pause`.
fn play(shared: &Shared, pause: Duration) {
    let ((ping, pinged), (pong, ponged)) = (chan(0), chan(0));
    let partner =
        go(move || pinged.iter().for_each(|n: u64| pong.send(n).expect("somebody plays")));
    let ctx = Context::background();
    let mut next = Instant::now();
    while !shared.is_over.load(Ordering::Relaxed) {
        trace::with_region(&ctx, "round", || {
            for n in 0..TURNS {
                ping.send(n).expect("the partner plays");
                assert_eq!(ponged.recv(), Ok(n));
            }
            go(|| ()).join().expect("nothing panics");
        });
        trace::log(&ctx, "load", "a round");
        shared.rounds.fetch_add(1, Ordering::Relaxed);
        next = (next + pause).max(Instant::now() - 10 * pause);
        sleep(next.saturating_duration_since(Instant::now()));
    }
    drop(ping);
    partner.join().expect("nothing panics");
}
