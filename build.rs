//! Tells the tracer whether this build keeps frame pointers.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    println!("cargo::rustc-check-cfg=cfg(gort_frame_pointers)");
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    if keeps_frame_pointers(&flags) {
        println!("cargo::rustc-cfg=gort_frame_pointers");
    }
}

/// Whether the flags, separated by 0x1f, ask for frame pointers; the last word counts.
fn keeps_frame_pointers(flags: &str) -> bool {
    let joined = flags.replace("-C\u{1f}", "-C");
    let mut values =
        joined.split('\u{1f}').filter_map(|f| f.strip_prefix("-Cforce-frame-pointers"));
    let last = values.next_back();
    last.is_some_and(|value| matches!(value, "" | "=y" | "=yes" | "=on" | "=true" | "=always"))
}
