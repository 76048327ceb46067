//! The workloads about blocking, sockets, locks and selects on threads of the system, one for each
//! goroutine.

#[path = "../../../../common/mod.rs"]
mod common;
#[path = "../../../../load.rs"]
mod load;

mod blockers;
mod hogs;
mod locks;
mod select;
mod tcp_echo;

use std::thread::JoinHandle;
use std::time::Instant;

use load::{Kind, Load, Outcome};

/// The harness confines it to GOMAXPROCS processors.
fn main() {
    let [warm_up, load] = load::from_arguments();
    run(warm_up);
    load::report(run(load));
}

fn run(load: Load) -> Outcome {
    let start = Instant::now();
    match load.kind {
        Kind::Hogs => return hogs::run(load),
        Kind::Blockers(way) => return blockers::run(load, way),
        Kind::TcpEcho => return tcp_echo::run(load),
        Kind::Select => select::run(load),
        Kind::Mutex => locks::mutex(load),
        Kind::RwMutex => locks::rwmutex(load),
        _ => unreachable!("the harness asks for the kinds above"),
    }
    start.elapsed().into()
}

fn join_sum(handles: Vec<JoinHandle<u64>>) -> u64 {
    handles.into_iter().map(|handle| handle.join().unwrap()).sum()
}
