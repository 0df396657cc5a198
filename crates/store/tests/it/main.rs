//! What the store promises, asked through its public interface.
#![allow(clippy::unwrap_used, clippy::print_stderr, missing_docs)]

mod child;
mod conformance;
mod damage;
mod directory;
mod failing_disk;
mod foreign;
mod killed;
mod power_loss;
mod recovery;
mod scrub;
mod workload;

/// How often a randomised test repeats: `few` times in a check, more when asked to torture.
fn rounds(few: u64) -> u64 {
    let factor = std::env::var("STRONGROOM_TORTURE").ok().and_then(|text| text.parse().ok());
    few * factor.unwrap_or(1).max(1)
}

/// Whether system calls can be traced here; says so if not.
fn has_strace() -> bool {
    let traced = std::process::Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let works = traced.is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("not run: strace is not installed or may not trace here");
    }
    works
}
