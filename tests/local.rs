//! `local!`: goroutine-locals.

#[path = "support/process.rs"]
mod process;
#[path = "support/runtime.rs"]
mod runtime;

use std::cell::{Cell, RefCell};
use std::panic::{catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use gort::local::AccessError;
use gort::{Goexit, JoinHandle, block_on, chan, go, goexit, gosched, sleep};
use process::process;
use runtime::run;

gort::local! {
    /// Documented, and visible.
    pub static COUNT: Cell<u32> = const { Cell::new(5) };
    static NAMES: RefCell<Vec<&'static str>> = RefCell::new(vec!["first"]);
    static ID: Option<u64> = gort::id();
    static SHARED: Rc<Cell<u32>> = Rc::default();
    static NOTHING: () = ();
}

#[test]
fn each_goroutine_and_thread_has_its_own() {
    let own = || {
        assert_eq!(COUNT.get(), 5);
        COUNT.set(COUNT.get() + 1);
        assert_eq!((COUNT.replace(9), COUNT.take(), COUNT.get()), (6, 9, 0));
        NAMES.with_borrow_mut(|names| names.push("second"));
        assert_eq!(NAMES.with_borrow(Vec::len), 2);
        assert_eq!(NAMES.replace(vec![]), ["first", "second"]);
        NAMES.set(vec!["third"]);
        assert_eq!((NAMES.take(), NAMES.take()), (vec!["third"], vec![]));
        assert_eq!(ID.with(Option::clone), gort::id());
        NOTHING.with(|()| ());
    };
    run(move || {
        own();
        for _ in 0..200 {
            go(own).join().unwrap();
        }
        let handles: Vec<_> = (0..200).map(|_| go(own)).collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
    });
    for _ in 0..3 {
        thread::spawn(own).join().unwrap();
    }
}

#[test]
fn setting_makes_no_first_value() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    gort::local! {
        static CELL: Cell<usize> = Cell::new(MADE.fetch_add(1, Ordering::SeqCst));
        static REF: RefCell<usize> = RefCell::new(MADE.fetch_add(1, Ordering::SeqCst))
    }
    let set = || {
        CELL.set(77);
        REF.set(78);
        CELL.set(CELL.get() + 1);
        REF.set(REF.take() + 1);
        assert_eq!((CELL.get(), REF.take()), (78, 79));
    };
    set();
    run(|| go(set).join().unwrap());
    assert_eq!(MADE.load(Ordering::SeqCst), 0);
}

#[test]
fn a_value_stays_with_its_goroutine() {
    run(|| {
        let handles: Vec<_> = (0..50)
            .map(|n| {
                go(move || {
                    // Not `Send`, and borrowed over calls that block.
                    SHARED.with(|shared| {
                        for step in 0..50 {
                            shared.set(n * step);
                            gosched();
                            if step % 10 == 0 {
                                sleep(Duration::from_micros(50));
                            }
                            assert_eq!(SHARED.with(Rc::clone).get(), n * step);
                        }
                    });
                    block_on(async { SHARED.with(|shared| shared.get()) })
                })
            })
            .collect();
        for (n, handle) in handles.into_iter().enumerate() {
            assert_eq!(handle.join().unwrap() as usize, n * 49);
        }
    });
}

#[test]
fn a_first_value_may_use_others_and_block() {
    gort::local! {
        static OUTER: u32 = INNER.with(|inner| inner + 1);
        static INNER: u32 = {
            sleep(Duration::from_micros(100));
            COUNT.get()
        };
        static PANICS: u32 = match COUNT.replace(1) {
            5 => resume_unwind(Box::new("not yet")),
            n => n,
        };
    }
    let nested = || {
        assert_eq!(OUTER.with(|outer| *outer), 6);
        assert!(catch_unwind(|| PANICS.with(|_| ())).is_err());
        assert_eq!(PANICS.with(|n| *n), 1);
    };
    run(|| go(nested).join().unwrap());
    thread::spawn(nested).join().unwrap();
}

#[test]
fn many_keys() {
    macro_rules! keys {
        ($($name:ident)*) => {
            gort::local! { $(static $name: RefCell<String> = RefCell::new(stringify!($name).into());)* }
            fn all() -> Vec<String> {
                vec![$($name.with_borrow_mut(|text| { text.push('!'); text.clone() })),*]
            }
        };
    }
    keys!(A B C D E F G H I J K L M N O P Q R S T U V W X Y Z);
    let check = || {
        let plain: Vec<_> = ('A'..='Z').map(|c| format!("{c}!")).collect();
        assert_eq!(all(), plain);
        assert!(all().iter().all(|text| text.ends_with("!!")));
    };
    run(|| {
        let handles: Vec<_> = (0..100).map(|_| go(check)).collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
    });
    thread::spawn(check).join().unwrap();
}

/// The order in which the [`Tracked`] of one test were destroyed.
static DESTROYED: Mutex<Vec<(Option<u64>, u32)>> = Mutex::new(Vec::new());

struct Tracked(u32);

impl Drop for Tracked {
    fn drop(&mut self) {
        DESTROYED.lock().unwrap().push((gort::id(), self.0));
    }
}

fn destroyed_by(id: Option<u64>) -> Vec<u32> {
    let all = DESTROYED.lock().unwrap();
    all.iter().filter(|entry| entry.0 == id).map(|entry| entry.1).collect()
}

gort::local! {
    static ONE: Tracked = Tracked(1);
    static TWO: Tracked = Tracked(2);
    static NEVER_USED: Tracked = Tracked(3);
}

#[test]
fn they_are_destroyed_youngest_first_before_the_joiner_wakes() {
    run(|| {
        for _ in 0..100 {
            let handle = go(|| {
                ONE.with(|_| ());
                TWO.with(|_| ());
                if gort::id().is_none() {
                    NEVER_USED.with(|_| ());
                }
            });
            let id = handle.id();
            handle.join().unwrap();
            assert_eq!(destroyed_by(Some(id)), [2, 1]);
        }
        let use_both = || {
            TWO.with(|_| ());
            ONE.with(|_| ());
        };
        let panicked: JoinHandle<()> = go(move || {
            use_both();
            resume_unwind(Box::new(1));
        });
        let exited: JoinHandle<()> = go(move || {
            use_both();
            goexit();
        });
        let ids = [panicked.id(), exited.id()];
        assert_eq!(panicked.join().unwrap_err().downcast_ref(), Some(&1));
        assert!(exited.join().unwrap_err().is::<Goexit>());
        for id in ids {
            assert_eq!(destroyed_by(Some(id)), [1, 2]);
        }
    });
    thread::spawn(|| ONE.with(|_| ())).join().unwrap();
    assert_eq!(destroyed_by(None), [1]);
}

#[test]
fn destructors_block_and_use_others() {
    struct Late(&'static str);
    impl Drop for Late {
        fn drop(&mut self) {
            // Itself it finds no more, in whatever state; others it finds, and makes.
            assert_eq!(LATE.try_with(|_| ()), Err(AccessError::clone(&error())));
            gosched();
            sleep(Duration::from_micros(100));
            let (tx, rx) = chan(1);
            tx.send(OTHER.with(|other| other.0)).unwrap();
            SEEN.lock().unwrap().push((self.0, rx.recv().unwrap()));
        }
    }
    struct Other(&'static str);
    impl Drop for Other {
        fn drop(&mut self) {
            SEEN.lock().unwrap().push(("other", self.0));
            // It may not come back either.
            assert!(LATE.try_with(|_| ()).is_err() && OTHER.try_with(|_| ()).is_err());
            assert!(catch_unwind(|| OTHER.with(|_| ())).is_err());
        }
    }
    fn error() -> AccessError {
        let error = LATE.try_with(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "gort: the goroutine-local is destroyed already");
        error
    }
    gort::local! {
        static LATE: Late = Late("late");
        static OTHER: Other = Other("made late");
    }
    static SEEN: Mutex<Vec<(&str, &str)>> = Mutex::new(Vec::new());
    let late = || LATE.with(|late| assert_eq!(late.0, "late"));
    run(|| go(late).join().unwrap());
    assert_eq!(
        std::mem::take(&mut *SEEN.lock().unwrap()),
        [("late", "made late"), ("other", "made late")]
    );
    thread::spawn(late).join().unwrap();
    assert_eq!(
        std::mem::take(&mut *SEEN.lock().unwrap()),
        [("late", "made late"), ("other", "made late")]
    );
}

#[test]
fn a_result_nobody_takes_may_use_them_in_its_destructor() {
    struct Uses;
    impl Drop for Uses {
        fn drop(&mut self) {
            assert!(TWO.try_with(|_| ()).is_err());
            ONE.with(|_| ());
        }
    }
    run(|| {
        let (tx, rx) = chan::<()>(0);
        let handle = go(move || {
            TWO.with(|_| ());
            let _ = rx.recv();
            Uses
        });
        let id = handle.id();
        drop(handle);
        drop(tx);
        while destroyed_by(Some(id)).len() < 2 {
            sleep(Duration::from_micros(100));
        }
        assert_eq!(destroyed_by(Some(id)), [2, 1]);
    });
}

#[test]
fn goexit_in_a_destructor_ends_only_that() {
    struct Exits;
    impl Drop for Exits {
        fn drop(&mut self) {
            goexit();
        }
    }
    gort::local! { static EXITS: Exits = Exits }
    run(|| {
        let handle = go(|| {
            ONE.with(|_| ());
            EXITS.with(|_| ());
            5
        });
        let id = handle.id();
        assert_eq!(handle.join().unwrap(), 5);
        assert_eq!(destroyed_by(Some(id)), [1]);
    });
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a bomb");
    }
}

gort::local! { static BOMB: Bomb = Bomb }

#[test]
fn a_panic_in_a_destructor_is_not_lost() {
    let Some(output) = process("a_panic_in_a_destructor_is_not_lost", &[]) else {
        run(|| {
            let _ = go(|| BOMB.with(|_| ())).join();
            unreachable!("the process ends");
        });
        return;
    };
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("a bomb") && said.contains("joined by nobody"), "{said}");
}

#[test]
fn a_panic_in_a_destructor_where_panics_are_logged() {
    let test = "a_panic_in_a_destructor_where_panics_are_logged";
    let Some(output) = process(test, &[]) else {
        let builder = gort::Builder::new().detached_panic(gort::DetachedPanic::Log);
        let main = || {
            let handle = go(|| {
                ONE.with(|_| ());
                BOMB.with(|_| ());
                6
            });
            let id = handle.id();
            // The result is the goroutine's all the same, and the other values are destroyed.
            assert_eq!((handle.join().unwrap(), destroyed_by(Some(id))), (6, vec![1]));
        };
        // SAFETY: nothing here keeps a thread's own data over a blocking call.
        unsafe { builder.run(main) }.unwrap();
        return;
    };
    process::assert_success(&output);
}
