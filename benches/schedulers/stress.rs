//! The bench as a stress tool: a workload again and again, each round checked.

use std::time::Duration;

use crate::child::{self, Failure, Run};
use crate::load;
use crate::options::Options;
use crate::system::System;
use crate::workload::Workload;

/// Says how it went; whether it went well.
pub(crate) fn run(workload: Workload, seconds: u64, gort: &System, options: &Options) -> bool {
    let name = workload.name;
    let n = workload.load(options.n_scale).n;
    match rounds(workload, seconds, gort, options) {
        Ok(run) => {
            let [rounds, took_s] = run.figures[..] else { unreachable!("the child counts two") };
            println!("{name:<22}{rounds:>10} rounds of {n} in {took_s:.1} s, all right");
            true
        }
        Err(failure) => {
            println!("{name:<22}FAILED: {failure}");
            false
        }
    }
}

fn rounds(
    workload: Workload,
    seconds: u64,
    gort: &System,
    options: &Options,
) -> Result<Run, Failure> {
    let (warm_up, load) = (workload.warm_up(options.n_scale), workload.load(options.n_scale));
    let mut command = gort.command(options.procs, warm_up, load)?;
    command.env(load::SECONDS, seconds.to_string());
    if let Some(file) = &options.trace {
        command.env(load::TRACE_FILE, file);
    }
    child::run(&mut command, Duration::from_secs(seconds + options.time_limit_s))
}
