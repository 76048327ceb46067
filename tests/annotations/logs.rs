//! Messages: formatted only where a trace is taken.

use std::cell::Cell;
use std::fmt;

use gort::{Context, trace};

use crate::support::Go;
use crate::{annotations, traced};

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
