//! Makes the calls, writes their trace to a file, and says what is to be found in it.

#[path = "../../calls.rs"]
mod calls;

fn main() {
    let file = std::env::args().nth(1).expect("the file for the trace");
    for wanted in calls::trace_to(file.as_ref()) {
        println!("{wanted}");
    }
}
