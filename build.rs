//! Tells the tracer whether this build promises frame pointers. It looks for itself at run time,
//! too: what was compiled elsewhere may not keep the promise.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    println!("cargo::rustc-check-cfg=cfg(gort_frame_pointers)");
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if keeps_frame_pointers(&arch, &flags) {
        println!("cargo::rustc-cfg=gort_frame_pointers");
    }
}

/// Whether code for this architecture, compiled with these flags, has frame pointers in all
/// functions that call others. Flags are separated by 0x1f; the last word on a matter counts.
pub(crate) fn keeps_frame_pointers(arch: &str, flags: &str) -> bool {
    // Rust's targets have them there, whatever the flags.
    if arch == "aarch64" {
        return true;
    }
    let flags = flags.replace("--codegen", "-C").replace("-C\u{1f}", "-C").replace("-C=", "-C");
    let mut values = flags.split('\u{1f}').filter_map(|flag| {
        let (name, value) = flag.split_once('=').unwrap_or((flag, "yes"));
        (name.replace('_', "-") == "-Cforce-frame-pointers").then_some(value)
    });
    values
        .next_back()
        .is_some_and(|value| matches!(value, "y" | "yes" | "on" | "true" | "always" | "non-leaf"))
}
