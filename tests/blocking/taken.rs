//! Goroutines that block or compute without a word to gort.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use gort::{chan, go, gosched, sleep};

use super::{Hogs, PATIENCE, eventually, figure, on_processors};

#[test]
fn a_std_channel_between_goroutines_on_one_processor() {
    on_processors("taken::a_std_channel_between_goroutines_on_one_processor", &["1", "2"], || {
        let (tx, rx) = mpsc::sync_channel(0);
        let sender = go(move || (0..20).for_each(|n| tx.send(n).unwrap()));
        assert!(rx.iter().eq(0..20));
        sender.join().unwrap();
        if gort::gomaxprocs(0) == 1 {
            assert!(figure("/gort/sched/taken/blocked:events") > 0);
        }
    });
}

#[test]
fn a_std_mutex_whose_owner_sleeps() {
    on_processors("taken::a_std_mutex_whose_owner_sleeps", &["1", "2"], || {
        let mutex = Arc::new(Mutex::new(0));
        let goroutines: Vec<_> = (0..10)
            .map(|_| {
                let mutex = mutex.clone();
                go(move || {
                    for _ in 0..3 {
                        let mut n = mutex.lock().unwrap();
                        thread::sleep(Duration::from_millis(1));
                        *n += 1;
                    }
                })
            })
            .collect();
        goroutines.into_iter().for_each(|g| g.join().unwrap());
        assert_eq!(*mutex.lock().unwrap(), 30);
    });
}

#[test]
fn plain_pipes() {
    on_processors("taken::plain_pipes", &["1", "2"], || {
        let (readers, writers): (Vec<_>, Vec<_>) =
            (0..32).map(|_| std::io::pipe().unwrap()).unzip();
        let readers: Vec<_> = readers
            .into_iter()
            .map(|mut reader| {
                go(move || {
                    let mut text = String::new();
                    reader.read_to_string(&mut text).unwrap();
                    text
                })
            })
            .collect();
        gosched();
        let beats = go(|| (0..50).for_each(|_| sleep(Duration::from_micros(100))));
        beats.join().unwrap();
        for mut writer in writers {
            writer.write_all(b"there").unwrap();
        }
        assert!(readers.into_iter().all(|reader| reader.join().unwrap() == "there"));
    });
}

#[test]
fn endless_loops_leave_processors_to_others() {
    on_processors("taken::endless_loops_leave_processors_to_others", &["1", "2"], || {
        let hogs = Hogs::new(4);
        // The first slices have to pass; from then on processors are free.
        (0..10).for_each(|_| sleep(Duration::from_millis(1)));
        let begin = Instant::now();
        (0..100).for_each(|_| sleep(Duration::from_millis(1)));
        assert!(begin.elapsed() < PATIENCE / 4, "{:?}", begin.elapsed());
        let (tx, rx) = chan(0);
        let sender = go(move || (0..100).for_each(|n| tx.send(n).unwrap()));
        assert!(rx.iter().eq(0..100));
        sender.join().unwrap();
        assert!(figure("/gort/sched/taken/computing:events") > 0);
        drop(hogs);
    });
}

/// Beyond the limit of threads that compute without a processor, slices grow, but not for ever.
#[test]
fn more_endless_loops_than_the_limit() {
    on_processors("taken::more_endless_loops_than_the_limit", &["1", "2"], || {
        let hogs = Hogs::new(9);
        let begin = Instant::now();
        sleep(Duration::from_millis(1));
        assert!(begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
        drop(hogs);
    });
}

/// Alone, a goroutine that computes keeps its processor: nobody else has a use for it.
#[test]
fn who_computes_alone_keeps_its_processor() {
    on_processors("taken::who_computes_alone_keeps_its_processor", &["1", "2"], || {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(100) {
            std::hint::spin_loop();
        }
        assert_eq!(figure("/gort/sched/taken/computing:events"), 0);
    });
}

/// Goroutines that lose their processors all the time, within calls and without.
#[test]
fn a_mixture_of_everything() {
    on_processors("taken::a_mixture_of_everything", &["1", "2", "4"], || {
        let stop = Arc::new(AtomicBool::new(false));
        let (tx, rx) = chan::<u64>(4);
        let mut goroutines = Vec::new();
        for n in 0..24_u64 {
            let (stop, tx) = (stop.clone(), tx.clone());
            goroutines.push(go(move || {
                let mut sent = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    match (n + sent) % 6 {
                        0 => thread::sleep(Duration::from_micros(300)),
                        1 => gort::blocking(|| thread::sleep(Duration::from_micros(100))),
                        2 => spin(Duration::from_micros(200)),
                        3 => spin(Duration::from_millis(12)),
                        4 => sleep(Duration::from_micros(100)),
                        _ => gosched(),
                    }
                    tx.send(1).unwrap();
                    sent += 1;
                }
                sent
            }));
        }
        drop(tx);
        let receiver = go(move || rx.iter().sum::<u64>());
        sleep(Duration::from_millis(1500));
        stop.store(true, Ordering::Relaxed);
        let sent: u64 = goroutines.into_iter().map(|g| g.join().unwrap()).sum();
        assert_eq!(receiver.join().unwrap(), sent);
        eventually("all have ended", || gort::num_goroutine() == 1);
    });
}

fn spin(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}
