//! The workloads about blocking and sockets on threads of the system, one for each goroutine.

#[path = "../../../../common/mod.rs"]
mod common;
#[path = "../../../../load.rs"]
mod load;

mod blockers;
mod hogs;
mod tcp_echo;

use std::thread::JoinHandle;

use load::{Kind, Load, Outcome};

/// The harness confines it to GOMAXPROCS processors.
fn main() {
    let [warm_up, load] = load::from_arguments();
    run(warm_up);
    load::report(run(load));
}

fn run(load: Load) -> Outcome {
    match load.kind {
        Kind::Hogs => hogs::run(load),
        Kind::Blockers(way) => blockers::run(load, way),
        Kind::TcpEcho => tcp_echo::run(load),
        _ => unreachable!("the harness asks for the kinds above"),
    }
}

fn join_sum(handles: Vec<JoinHandle<u64>>) -> u64 {
    handles.into_iter().map(|handle| handle.join().unwrap()).sum()
}
