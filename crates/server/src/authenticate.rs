//! Who calls: a token when one is shown, else on the Unix socket what the kernel says; for what belongs to its owner, a client
//! certificate.

use std::time::Instant;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use strongroom_api::Code;
use strongroom_engine::policy::{Action, Identity, Principal};
use strongroom_engine::token;
use strongroom_keeper::facade::Failure;
use strongroom_secret::{AccessToken, SecretBytes};

use crate::peer::Peer;
use crate::refused::Refused;
use crate::shell::Shell;

/// Why nobody is known to call.
pub(crate) struct Stranger {
    /// What the caller is told.
    pub refused: Refused,
    /// Whether the trail shall know of it. What an address sends after it was locked out, or to a locked server, is only
    /// counted: nobody shall fill the trail without a token.
    pub recorded: bool,
}

/// Who calls for this operation.
pub(crate) fn authenticate(
    shell: &Shell,
    peer: &Peer,
    headers: &HeaderMap,
    operation: &str,
) -> Result<Principal, Stranger> {
    if let Some(principal) = certified(peer, operation) {
        return Ok(principal);
    }
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    let credentials = shown.next();
    if credentials.is_none()
        && let Some(principal) = peer.local_principal(shell.service_uid)
    {
        return Ok(principal);
    }
    let now = Instant::now();
    if peer.account_uid().is_some() {
        // Anybody on this host could fill the trail with them.
        let refused = Refused::new(Code::Unauthenticated, "tokens are not taken on the socket for accounts");
        return Err(Stranger { refused, recorded: false });
    }
    if let (Some(address), false) = (peer.address(), peer.is_proven())
        && let Some(remaining) = shell.lockout.remaining(address, now)
    {
        let mut refused = Refused::new(Code::TooManyAttempts, "too many invalid tokens came from this address");
        refused.retry_after = Some(remaining.as_secs().max(1));
        return Err(Stranger { refused, recorded: false });
    }
    let digest = match (credentials, shown.next()) {
        (Some(credentials), None) => bearer(credentials.as_bytes()).as_ref().and_then(token::digest),
        (Some(_) | None, _) => None,
    };
    match digest.and_then(|digest| shell.keeper.authenticate(&digest)) {
        Some(principal) => {
            if let (true, Some(address)) = (peer.prove(), peer.address()) {
                shell.lockout.succeeded(address);
            }
            Ok(Principal { channel: peer.channel(), ..principal })
        }
        None => Err(stranger(shell, peer, credentials.is_some(), now)),
    }
}

/// Who calls by a client certificate: it counts for what belongs to its owner, and for nothing else. There a token does not.
pub(crate) fn certified(peer: &Peer, operation: &str) -> Option<Principal> {
    let is_for_owners = Action::from_word(operation).is_some_and(Action::is_for_owners);
    peer.certified_principal().filter(|_| is_for_owners)
}

fn stranger(shell: &Shell, peer: &Peer, shown: bool, now: Instant) -> Stranger {
    // A locked server knows no token; that is not the caller's fault.
    if let Some(reason) = shell.keeper.status().locked {
        return Stranger { refused: Refused::from(&Failure::Locked { reason }), recorded: false };
    }
    if let Some(address) = peer.address() {
        shell.lockout.failed(address, now);
    }
    let message = if shown { "the token is not valid" } else { "there is no token in the request" };
    Stranger { refused: Refused::new(Code::Unauthenticated, message), recorded: true }
}

/// The principal of a line about somebody who could not be recognised; without a role.
pub(crate) fn nobody(peer: &Peer) -> Principal {
    Principal { identity: Identity::Anonymous, role: None, channel: peer.channel() }
}

/// The token of `Bearer <token>`; the scheme in any case, as RFC 9110 has it.
fn bearer(credentials: &[u8]) -> Option<AccessToken> {
    let (scheme, token) = credentials.split_at_checked(7)?;
    if !scheme.eq_ignore_ascii_case(b"Bearer ") {
        return None;
    }
    AccessToken::from_bytes(SecretBytes::from_slice(token.trim_ascii())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(credentials: &[u8], expected: Option<&str>) {
        assert_eq!(bearer(credentials).as_ref().map(AccessToken::expose), expected, "{}", credentials.escape_ascii());
    }

    #[test]
    fn credentials() {
        check(b"Bearer srt_x", Some("srt_x"));
        check(b"bEARER  srt_x ", Some("srt_x"));
        check(b"Bearer ", Some(""));
        check(b"Bearer", None);
        check(b"Basic srt_x", None);
        check(b"srt_x", None);
        check(b"Bearer \xff", None);
        check(b"", None);
    }
}
