//! Builds the programs by which tests ask other implementations in Rust. Each has a lock file of its own: what it brings is no part
//! of the product.

use crate::command::{self, Failure};
use crate::data::{PEERS, Peer};
use crate::workspace;

/// Makes the programs available as far as possible. What stays missing is a line of `not_run`, not a failure.
pub fn ensure(not_run: &mut Vec<String>) -> Result<(), Failure> {
    for peer in PEERS {
        if let Err(failure) = build(peer) {
            not_run.push(format!("{}: it cannot be built: {failure}", peer.name));
        }
    }
    Ok(())
}

fn build(peer: &Peer) -> Result<(), Failure> {
    let mut cargo = command::cargo(&["build", "--locked", "--quiet"]);
    cargo.arg("--manifest-path").arg(workspace::root().join(peer.manifest));
    cargo.arg("--target-dir").arg(workspace::target_directory().join(peer.name));
    command::run(&mut cargo)
}
