//! What the system lets the children have: open files and processors.

use std::io;
use std::mem;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Lets this process, and the children it starts from now on, open as many files as they may.
pub(crate) fn raise_open_files() {
    // SAFETY: a structure of two numbers, for which zero is a value.
    let mut limit: libc::rlimit = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a live structure of the right type, for the time of the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } == 0 {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: as above. Where it fails the limit is what it was, and the runs will tell.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    }
}

/// Lets a program run on the first so many processors only: threads know no GOMAXPROCS.
pub(crate) fn confine(command: &mut Command, procs: usize) {
    let confine = move || {
        // SAFETY: a set of bits, for which zero is a value.
        let mut allowed: libc::cpu_set_t = unsafe { mem::zeroed() };
        let bytes = mem::size_of_val(&allowed);
        // SAFETY: the set is live and as large as said.
        if unsafe { libc::sched_getaffinity(0, bytes, &mut allowed) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: as above.
        let mut chosen: libc::cpu_set_t = unsafe { mem::zeroed() };
        let all = 0..libc::CPU_SETSIZE as usize;
        // SAFETY: the numbers are below the size of the sets.
        let may_use = all.filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &allowed) });
        // SAFETY: as above.
        may_use.take(procs).for_each(|cpu| unsafe { libc::CPU_SET(cpu, &mut chosen) });
        // SAFETY: the set is live and as large as said.
        match unsafe { libc::sched_setaffinity(0, bytes, &chosen) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec the closure makes system calls only and takes no memory.
    unsafe { command.pre_exec(confine) };
}
