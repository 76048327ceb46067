//! Tickers.

use super::*;

#[test]
fn a_ticker_keeps_to_the_beat() {
    run(|| {
        let ticker = Ticker::new(millis(2));
        assert_eq!((ticker.receiver().len(), ticker.receiver().cap()), (0, 0));
        let begin = Instant::now();
        let ticks: Vec<_> = ticker.receiver().iter().take(10).collect();
        assert!(ticks.is_sorted() && begin.elapsed() >= millis(18), "{ticks:?} from {begin:?}");
        ticker.stop();
        assert!(ticker.receiver().recv_timeout(WHILE).is_err());
        ticker.reset(millis(1));
        ticker.receiver().recv().unwrap();
    });
}

#[test]
fn a_slow_receiver_misses_ticks() {
    run(|| {
        let ticker = Ticker::new(millis(1));
        sleep(millis(30));
        // One is kept, the others were left out, and those to come are as usual.
        let begin = Instant::now();
        let first = ticker.receiver().try_recv().unwrap();
        assert!(first < begin);
        let ticks: Vec<_> = ticker.receiver().iter().take(5).collect();
        assert!(ticks[4] - begin >= millis(3), "{ticks:?} from {begin:?}");
    });
}

#[test]
fn a_tick_is_taken_back() {
    run(|| {
        let ticker = Ticker::new(millis(1));
        for _ in 0..20 {
            sleep(millis(3));
            ticker.reset(NEVER);
            assert_eq!(ticker.receiver().try_recv(), Err(TryRecvError::Empty));
            ticker.reset(millis(1));
            sleep(millis(3));
            ticker.stop();
            assert_eq!(ticker.receiver().try_recv(), Err(TryRecvError::Empty));
            ticker.reset(millis(1));
        }
    });
}

#[test]
fn a_period_of_zero_is_a_panic() {
    run(|| {
        let ticker = Ticker::new(NEVER);
        let calls: [&dyn Fn(); 3] =
            [&|| drop(Ticker::new(Duration::ZERO)), &|| ticker.reset(Duration::ZERO), &|| {
                drop(time::tick(Duration::ZERO))
            }];
        for call in calls {
            let payload = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"gort: a ticker's period of zero"));
        }
    });
}

#[test]
fn tick_ticks_while_somebody_receives() {
    run(|| {
        let begin = Instant::now();
        assert_eq!(time::tick(millis(1)).into_iter().take(5).count(), 5);
        assert!(begin.elapsed() >= millis(4));
    });
}
