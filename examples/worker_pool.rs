//! A bounded number of workers with a common fate: the first error cancels the context, whoever
//! is still at work stops early, and `wait` returns that error.
//!
//! ```text
//! cargo run --release --example worker_pool
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gort::sync::ErrGroup;
use gort::{Context, context, select};

/// So many jobs at a time.
const LIMIT: usize = 8;

fn main() {
    // SAFETY: no goroutine here keeps anything of its thread's own over a call that blocks.
    unsafe {
        gort::run(|| {
            let (done, result) = work_through(100, None);
            println!("{done} jobs done: {result:?}");

            let (done, result) = work_through(100, Some(40));
            assert!(done < 100, "the error came too late");
            println!("not all jobs done: {}", result.unwrap_err());
        });
    }
}

/// Does the jobs, of which one may fail. How many were done, and the first error.
fn work_through(jobs: usize, bad: Option<usize>) -> (usize, Result<(), String>) {
    let (group, ctx) = ErrGroup::with_context(&context::background());
    group.set_limit(LIMIT);
    let done = Arc::new(AtomicUsize::new(0));
    for job in 0..jobs {
        if ctx.err().is_some() {
            break;
        }
        let (ctx, done) = (ctx.clone(), Arc::clone(&done));
        group.go(move || {
            if bad == Some(job) {
                return Err(format!("job {job} failed"));
            }
            work(&ctx, job)?;
            done.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
    }
    let result = group.wait();
    (done.load(Ordering::Relaxed), result)
}

/// Takes its time, but stops when the others have no more use for it.
fn work(ctx: &Context, job: usize) -> Result<(), String> {
    select! {
        after(Duration::from_millis(1 + job as u64 % 3)) => Ok(()),
        recv(ctx.done()) -> _ => Err(format!("job {job}: {}", context::cause(ctx).unwrap())),
    }
}
