//! Messages: formatted only where a trace is taken.

use std::cell::Cell;
use std::fmt;

use gort::{Context, trace};

use crate::support::Go;
use crate::{annotations, traced, traced_in_many_generations};

/// Counts how often it is shown.
struct Shown<'a>(&'a Cell<u32>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.set(self.0.get() + 1);
        f.write_str("shown")
    }
}

#[test]
fn messages_are_formatted_while_a_trace_is_taken() {
    let Some(tools) = Go::find("formatted messages") else { return };
    let text = traced(&tools, || {
        let (ctx, count) = (Context::background(), Cell::new(0));
        trace::logf!(&ctx, "category", "{} {:>3}", Shown(&count), 7);
        trace::logf!(&ctx, "", "plain");
        trace::eventf!("event", "{}", Shown(&count));
        let n = count.get();
        trace::eventf!("event", "{n} times",);
    });
    assert_eq!(
        annotations(&text),
        ["Log category: shown   7", "Log : plain", "Log event: shown", "Log event: 2 times"]
    );
}

#[test]
fn without_a_trace_nothing_is_evaluated() {
    let _alone = crate::alone();
    let count = Cell::new(0);
    let counted = || {
        count.set(count.get() + 1);
        Context::background()
    };
    assert!(!trace::is_enabled());
    trace::logf!(&counted(), "", "{}", Shown(&count));
    trace::eventf!("", "{} {:?}", Shown(&count), counted());
    assert_eq!(count.get(), 0);
}

#[test]
fn long_messages_are_cut_and_failing_ones_kept_as_far_as_they_go() {
    struct Fails;
    impl fmt::Display for Fails {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("so far")?;
            Err(fmt::Error)
        }
    }
    struct Long;
    impl fmt::Display for Long {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            // As `to_string` would panic otherwise, so may others.
            (0..10_000).for_each(|_| f.write_str("ä-").unwrap());
            Ok(())
        }
    }
    let Some(tools) = Go::find("messages that are cut") else { return };
    let text = traced(&tools, || {
        trace::eventf!("", "{} and no further", Fails);
        trace::eventf!("", "{}", Long);
    });
    let long = "ä-".repeat(341);
    assert_eq!(
        annotations(&text),
        ["Log : so far".to_owned(), format!("Log : {long}-").replace("--", "-")]
    );
}

/// Each party's messages come from numbers that it has for itself, in each generation anew, beside the
/// numbers of all other texts.
#[test]
fn nobody_says_what_another_one_said() {
    const PARTIES: usize = 6;
    const MESSAGES: usize = 1500;
    let Some(tools) = Go::find("messages of many") else { return };
    let test = "logs::nobody_says_what_another_one_said";
    let say = |who: usize| {
        for n in 0..MESSAGES {
            let (category, long) = (format!("{who} {}", n / 100), "x".repeat(n % 300));
            trace::log(&Context::background(), &category, &format!("{who} {n} {long}"));
            if n % 150 == 0 {
                gort::gomaxprocs(1 + who + n / 150 % 3);
            }
            if n % 10 == 0 {
                gort::sleep(std::time::Duration::from_micros(300));
            }
        }
    };
    let Some(text) = traced_in_many_generations(&tools, test, || {
        let before = gort::gomaxprocs(4);
        let all = gort::sync::WaitGroup::new();
        (0..PARTIES / 2).for_each(|who| drop(all.go(move || say(who))));
        std::thread::scope(|threads| {
            (PARTIES / 2..PARTIES).for_each(|who| drop(threads.spawn(move || say(who))));
        });
        all.wait();
        gort::gomaxprocs(before);
    }) else {
        return;
    };
    let mut said = annotations(&text);
    let expected = (0..PARTIES).flat_map(|who| {
        let message = move |n| {
            let long = "x".repeat(n % 300);
            format!("Log {who} {}: {who} {n} {long}", n / 100)
        };
        (0..MESSAGES).map(message)
    });
    let mut expected: Vec<String> = expected.collect();
    said.sort_unstable();
    expected.sort_unstable();
    assert!(said == expected, "{} of {}", said.len(), expected.len());
}
