//! What a count depends on besides the source.

use std::process::Command;

/// The compiler, the machine's kind, the C library, whose allocator is part of a path, and what is
/// compiled in.
pub(crate) fn name() -> String {
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let rustc = rustc.unwrap_or_else(|error| format!("no rustc: {error}"));
    let arch = std::env::consts::ARCH;
    [rustc, arch.to_owned(), c_library(), features()].join("; ")
}

fn features() -> String {
    let features = [
        ("symbolize", cfg!(feature = "symbolize")),
        ("unwind", cfg!(feature = "unwind")),
        ("pprof", cfg!(feature = "pprof")),
        ("http", cfg!(feature = "http")),
        ("tracing", cfg!(feature = "tracing")),
    ];
    let names: Vec<&str> = features.iter().filter(|(_, is_on)| *is_on).map(|f| f.0).collect();
    format!("with {}", names.join(" "))
}

#[cfg(target_env = "gnu")]
fn c_library() -> String {
    // SAFETY: the library's own text, which lives as long as the process and ends with NUL.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    format!("glibc {}", version.to_string_lossy())
}

#[cfg(not(target_env = "gnu"))]
fn c_library() -> String {
    "not glibc".to_owned()
}
