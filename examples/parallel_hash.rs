//! SHA-256 of every file below a folder, some at a time: one goroutine walks the tree, a bounded
//! number of workers hash, and the results come out sorted. After the program in "Go Concurrency
//! Patterns: Pipelines and cancellation" (Sameer Ajmani, 2014).
//!
//! ```text
//! cargo run --release --example parallel_hash -- [FOLDER]
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use gort::chan::Sender;
use gort::sync::ErrGroup;
use gort::{Context, context, select};
use sha2::{Digest, Sha256};

const WORKERS: usize = 8;

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map_or_else(|| PathBuf::from("src"), PathBuf::from);
    // SAFETY: no goroutine here keeps anything of its thread's own over a call that blocks.
    let sums = unsafe { gort::run(|| sum_all(folder)) }?;
    for (path, sum) in sums {
        println!("{sum}  {}", path.display());
    }
    Ok(())
}

/// The sums of all files, by their paths, or the first error.
fn sum_all(folder: PathBuf) -> io::Result<BTreeMap<PathBuf, String>> {
    let (group, ctx) = ErrGroup::with_context(&context::background());
    let (found, paths) = gort::chan(WORKERS);
    let (summed, sums) = gort::chan(WORKERS);
    let walk_ctx = ctx.clone();
    group.go(move || walk(&walk_ctx, &folder, &found));
    for _ in 0..WORKERS {
        let (ctx, paths, summed) = (ctx.clone(), paths.clone(), summed.clone());
        group.go(move || {
            for path in paths {
                let sum = Sha256::digest(fs::read(&path)?);
                let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
                send(&ctx, &summed, (path, hex))?;
            }
            Ok(())
        });
    }
    drop((paths, summed));
    let sums = sums.into_iter().collect();
    group.wait().map(|()| sums)
}

/// Finds the files below a folder.
fn walk(ctx: &Context, folder: &Path, found: &Sender<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(ctx, &entry.path(), found)?;
        } else if kind.is_file() {
            send(ctx, found, entry.path())?;
        }
    }
    Ok(())
}

/// Sends, unless another member of the group has failed.
fn send<T>(ctx: &Context, tx: &Sender<T>, value: T) -> io::Result<()> {
    select! {
        send(tx, value) -> sent => sent.map_err(|_| io::Error::other("nobody receives")),
        recv(ctx.done()) -> _ => Err(io::Error::other("cancelled")),
    }
}
