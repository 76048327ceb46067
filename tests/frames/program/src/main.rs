//! Makes the calls, writes their trace to a file, and says what is to be found in it.

#[path = "../../calls.rs"]
mod calls;

use std::time::Duration;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, moment_ms] = &arguments[..] else { panic!("the trace's file, and a moment") };
    let moment = Duration::from_millis(moment_ms.parse().expect("milliseconds"));
    for wanted in calls::trace_to(file.as_ref(), moment) {
        println!("{wanted}");
    }
}
