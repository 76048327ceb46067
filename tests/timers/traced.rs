//! What timers do in a trace, read by Go's own reader.

use std::fs::File;

use gort::trace;

use super::*;
use support::Go;

#[test]
fn what_the_clock_starts_is_in_traces() {
    let Some(go) = Go::find("timers in traces") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("timers.trace");
    let out = File::create(&file).unwrap();
    run(|| {
        trace::start(out).unwrap();
        let all = WaitGroup::new();
        for n in 0..200 {
            let (delay, done) = (Duration::from_micros(n * 7), all.clone());
            all.add(1);
            time::after_func(delay, move || done.done());
            all.go(move || time::after(delay).recv().unwrap());
            all.go(move || block_on(time::sleep_async(delay)));
            let (tx, done) = (Timer::new(delay), all.clone());
            all.add(1);
            thread::spawn(move || {
                time::after_func(delay, || ());
                tx.receiver().recv().unwrap();
                done.done();
            });
        }
        all.wait();
        gort::test::bubble(|| {
            let ticker = Ticker::new(NEVER);
            assert_eq!(ticker.receiver().iter().take(20).count(), 20);
            time::after_func(NEVER, || sleep(NEVER));
            sleep(3 * NEVER);
            gort::test::wait();
        });
        trace::stop().unwrap();
    });
    go.check(std::slice::from_ref(&file)).unwrap();
    let text = go.parsed(&file).unwrap();
    assert!(text.contains("synctest"), "no wait of a bubble");
}
