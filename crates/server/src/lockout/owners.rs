//! Whoever can ask for what belongs to an account can be refused as often as it likes, and each refusal has its line in the trail:
//! after some they are not looked at any more. An account is counted by its uid, a client certificate by its address, because
//! anybody can make as many certificates as he likes.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use strongroom_api::Code;

use crate::authenticate::certified;
use crate::peer::Peer;
use crate::refused::Refused;
use crate::shell::Shell;

/// The refusal of one who was refused too often.
pub(crate) fn of_owners(shell: &Shell, peer: &Peer, operation: &str) -> Option<Refused> {
    let (remaining, who) = match remaining_of_account(shell, peer) {
        Some(remaining) => (remaining, "this account was refused too often"),
        None => (remaining_of_certificate(shell, peer, operation)?, "client certificates were refused too often here"),
    };
    let mut refused = Refused::new(Code::TooManyAttempts, who);
    let wait = if peer.account_uid().is_some() { "a minute" } else { "15 minutes" };
    refused.fix = Some(format!("wait {wait}, then ask for what belongs to this account"));
    refused.retry_after = Some(remaining.as_secs().max(1));
    Some(refused)
}

/// Notes how a request ended. Refusals during a lock-out do not make it longer; what was not the caller's fault (a locked server,
/// too much to do) does not count against a certificate.
pub(crate) fn note(shell: &Shell, peer: &Peer, operation: &str, refused: Option<Code>) {
    let now = Instant::now();
    if let Some(uid) = peer.account_uid() {
        if refused.is_some() && remaining_of_account(shell, peer).is_none() {
            shell.accounts_lockout.failed(uid, now);
        }
    } else if let Some(address) = certified_address(peer, operation) {
        match refused {
            None if peer.know_by_certificate() => shell.certificates_lockout.succeeded(address),
            Some(code) if !code.retry() && remaining_of_certificate(shell, peer, operation).is_none() => {
                shell.certificates_lockout.failed(address, now);
            }
            None | Some(_) => {}
        }
    }
}

fn remaining_of_account(shell: &Shell, peer: &Peer) -> Option<Duration> {
    shell.accounts_lockout.remaining(peer.account_uid()?, Instant::now())
}

fn remaining_of_certificate(shell: &Shell, peer: &Peer, operation: &str) -> Option<Duration> {
    let address = certified_address(peer, operation).filter(|_| !peer.is_known_by_certificate())?;
    shell.certificates_lockout.remaining(address, Instant::now())
}

/// The address of one who asks by its certificate.
fn certified_address(peer: &Peer, operation: &str) -> Option<IpAddr> {
    certified(peer, operation).and_then(|_| peer.address())
}
