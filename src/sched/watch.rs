//! Who watches a goroutine: the leak check under which it was started.
//!
//! A check has a number. It lies with the goroutine (or plain thread) that made the check, and
//! passes on to all that is started from there, so it finds descendants also where those between
//! have ended, at no cost for goroutines that nobody watches. A check made under another one is
//! part of it.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::g::{Extras, FLAG_WATCHED};
use super::{current_g, tls};

/// The checks ever made, each with the one around it; 0: none.
static AROUND: Mutex<Option<HashMap<u32, u32>>> = Mutex::new(None);

/// The check that watches the caller, 0 for none.
fn current() -> u32 {
    match current_g() {
        Some(g) => g.extras().map_or(0, Extras::watch),
        None => tls::watch(),
    }
}

fn set_current(check: u32) {
    match current_g() {
        Some(g) => {
            g.extras_or_new().watch.store(check, Ordering::Relaxed);
            if check == 0 { g.clear_flag(FLAG_WATCHED) } else { g.set_flag(FLAG_WATCHED) }
        }
        None => tls::set_watch(check),
    }
}

/// From here on a new check watches what the caller starts.
pub(crate) fn begin() -> u32 {
    let around = current();
    let check = {
        let mut all = AROUND.lock();
        let all = all.get_or_insert_default();
        let check = all.len() as u32 + 1;
        all.insert(check, around);
        check
    };
    set_current(check);
    check
}

/// The check watches nothing new that the caller starts, who began it.
pub(crate) fn end(check: u32) {
    // Where checks end in another order than the reverse, the newest one goes on.
    if current() == check {
        set_current(around(check));
    }
}

/// Whether what `inner` watches is also `outer`'s.
pub(crate) fn is_within(mut inner: u32, outer: u32) -> bool {
    while inner != 0 && inner != outer {
        inner = around(inner);
    }
    inner == outer
}

fn around(check: u32) -> u32 {
    AROUND.lock().as_ref().and_then(|all| all.get(&check).copied()).unwrap_or(0)
}
