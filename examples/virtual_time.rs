//! A test that takes an hour and ends at once: in a bubble the clock is virtual. It moves on when
//! everybody in the bubble waits, straight to the next timer.
//!
//! ```text
//! cargo run --release --example virtual_time
//! ```

use std::time::Duration;

use gort::chan::{Receiver, RecvTimeoutError};
use gort::time::{Instant, Ticker};
use gort::{context, select, sleep, test};

const MINUTE: Duration = Duration::from_secs(60);

fn main() {
    let real = std::time::Instant::now();
    // SAFETY: no goroutine here keeps anything of its thread's own over a call that blocks.
    unsafe {
        gort::run(|| {
            test::bubble(a_deadline_after_an_hour);
            test::bubble(nothing_is_sent_before_its_time);
        });
    }
    assert!(real.elapsed() < MINUTE, "that was no virtual time");
    println!("two tests of more than an hour passed");
}

fn a_deadline_after_an_hour() {
    let (ctx, _cancel) = context::with_timeout(&context::background(), 60 * MINUTE);
    let begin = Instant::now();
    let ticker = Ticker::new(10 * MINUTE);
    let mut ticks = 0;
    loop {
        select! {
            recv(ticker.receiver()) -> _ => ticks += 1,
            recv(ctx.done()) -> _ => break,
        }
    }
    // To the nanosecond, whatever else the machine has to do.
    assert_eq!(begin.elapsed(), 60 * MINUTE);
    assert!(ticks == 5 || ticks == 6, "both are due after an hour");
}

fn nothing_is_sent_before_its_time() {
    let (tx, rx) = gort::chan(0);
    gort::go(move || {
        sleep(90 * MINUTE);
        tx.send("now").unwrap();
    });
    test::wait(); // until the other goroutine waits as well
    assert_eq!(rx.try_recv().ok(), None);
    let receive = |rx: &Receiver<&'static str>| rx.recv_timeout(89 * MINUTE);
    assert_eq!(receive(&rx), Err(RecvTimeoutError::Timeout));
    assert_eq!(receive(&rx), Ok("now"));
}
