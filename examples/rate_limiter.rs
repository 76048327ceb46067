//! Requests at a steady rate, with a burst allowed at first: a ticker hands out permits, and a
//! buffered channel keeps those that nobody has used yet.
//!
//! ```text
//! cargo run --release --example rate_limiter
//! ```

use std::time::Duration;

use gort::chan::Receiver;
use gort::time::{Instant, Ticker};
use gort::{Context, context, select};

const EVERY: Duration = Duration::from_millis(10);
const BURST: usize = 3;
const REQUESTS: usize = 10;

fn main() {
    // SAFETY: no goroutine here keeps anything of its thread's own over a call that blocks.
    unsafe { gort::run(serve) }
}

fn serve() {
    let (ctx, _cancel) = context::with_cancel(&context::background());
    let permits = limiter(&ctx);
    let begin = Instant::now();
    for request in 1..=REQUESTS {
        permits.recv().expect("the limiter lasts as long as the context");
        if request == BURST {
            assert!(begin.elapsed() < EVERY * 5, "the burst came late");
        }
    }
    // Not counting the burst, and the first tick may have come with it.
    let least = EVERY * (REQUESTS - BURST - 1) as u32;
    assert!(begin.elapsed() >= least, "too fast: {:?}", begin.elapsed());
    println!("{REQUESTS} requests, {BURST} of them at once and then one each {EVERY:?}");
}

/// Gives `BURST` permits at once and one each `EVERY` after that.
fn limiter(ctx: &Context) -> Receiver<()> {
    let (tx, permits) = gort::chan(BURST);
    (0..BURST).for_each(|_| tx.send(()).expect("there is room"));
    let ctx = ctx.clone();
    gort::go(move || {
        let ticker = Ticker::new(EVERY);
        loop {
            select! {
                recv(ticker.receiver()) -> _ => {}
                recv(ctx.done()) -> _ => return,
            }
            // Full: whoever comes next may have a burst again. Closed: nobody comes any more.
            if let Err(gort::chan::TrySendError::Closed(())) = tx.try_send(()) {
                return;
            }
        }
    });
    permits
}
