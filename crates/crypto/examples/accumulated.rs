//! Runs the accumulated test of XAES-256-GCM (C2SP) for a number of rounds and compares the digest.

use std::process::ExitCode;

use shake::Shake128;
use shake::digest::{ExtendableOutput, Update, XofReader};
use strongroom_crypto::known_answers::{ACCUMULATED, accumulate};

fn main() -> ExitCode {
    let rounds = match std::env::args().nth(1).map(|argument| argument.parse()) {
        None => 10_000,
        Some(Ok(rounds)) => rounds,
        Some(Err(error)) => return fail(&format!("rounds: {error}")),
    };
    let digest = digest_of(rounds);
    match ACCUMULATED.iter().find(|(published, _)| *published == rounds) {
        None => fail(&format!("{digest}: no digest of {rounds} rounds is published")),
        Some((_, expected)) if *expected == digest => report(&format!("{digest}: as published")),
        Some((_, expected)) => fail(&format!("{digest}: the published one is {expected}")),
    }
}

fn digest_of(rounds: u32) -> String {
    let mut source = Shake128::default().finalize_xof();
    let mut sink = Shake128::default();
    accumulate(rounds, &mut |bytes| source.read(bytes), &mut |bytes| sink.update(bytes));
    let mut digest = [0; 32];
    sink.finalize_xof().read(&mut digest);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[allow(clippy::print_stdout)]
fn report(text: &str) -> ExitCode {
    println!("{text}");
    ExitCode::SUCCESS
}

#[allow(clippy::print_stderr)]
fn fail(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}
