//! The other end of a connection: through which door it came, and who the kernel or its certificate says it is.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use strongroom_engine::policy::{Certificate, Channel, Identity, Principal, Role};
use strongroom_envelope::Id;

/// The other end of one connection.
#[derive(Debug)]
pub(crate) struct Peer {
    door: Door,
    /// For the audit trail.
    remote: String,
    /// What the ids of its requests are made of: randomness of the connection, and a number.
    random: [u8; 10],
    requests: AtomicU64,
    /// Whether it has shown a valid token; then a lock-out of its address does not concern it.
    proven: AtomicBool,
    /// Whether it was given a credential for its certificate; the same holds then for what certificates are for.
    known_by_certificate: AtomicBool,
}

#[derive(Debug)]
enum Door {
    Socket { uid: u32 },
    Accounts { uid: u32 },
    Tcp { address: IpAddr, certificate: Option<Certificate> },
}

impl Peer {
    /// On the Unix socket.
    pub fn local(uid: u32) -> Self {
        Self::new(Door::Socket { uid }, "unix".to_owned())
    }

    /// On the socket for accounts.
    pub fn account(uid: u32) -> Self {
        Self::new(Door::Accounts { uid }, "unix".to_owned())
    }

    /// On TCP, with the certificate that it showed.
    pub fn remote(address: SocketAddr, certificate: Option<Certificate>) -> Self {
        Self::new(Door::Tcp { address: address.ip(), certificate }, address.to_string())
    }

    fn new(door: Door, remote: String) -> Self {
        let mut random = [0; 10];
        strongroom_crypto::random::fill(&mut random);
        let (proven, known_by_certificate) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { door, remote, random, requests: AtomicU64::new(0), proven, known_by_certificate }
    }

    /// For the audit trail.
    pub fn remote_text(&self) -> &str {
        &self.remote
    }

    /// The address on TCP.
    pub fn address(&self) -> Option<IpAddr> {
        match self.door {
            Door::Socket { .. } | Door::Accounts { .. } => None,
            Door::Tcp { address, .. } => Some(address),
        }
    }

    /// The account on the socket for accounts.
    pub fn account_uid(&self) -> Option<u32> {
        match self.door {
            Door::Accounts { uid } => Some(uid),
            Door::Socket { .. } | Door::Tcp { .. } => None,
        }
    }

    /// Through which door it came.
    pub fn channel(&self) -> Channel {
        match self.door {
            Door::Socket { .. } | Door::Accounts { .. } => Channel::Local,
            Door::Tcp { .. } => Channel::Network,
        }
    }

    /// Who the kernel says it is: the account of the service and root are administrators, others have no role. On the socket for
    /// accounts nobody has one.
    pub fn local_principal(&self, service_uid: u32) -> Option<Principal> {
        match self.door {
            Door::Socket { uid } => {
                let role = (uid == service_uid || uid == 0).then_some(Role::Admin);
                Some(Principal { identity: Identity::Peer { uid }, role, channel: Channel::Local })
            }
            Door::Accounts { uid } => {
                Some(Principal { identity: Identity::Peer { uid }, role: None, channel: Channel::Local })
            }
            Door::Tcp { .. } => None,
        }
    }

    /// Who its certificate says it is; it has no role.
    pub fn certified_principal(&self) -> Option<Principal> {
        match self.door {
            Door::Tcp { certificate: Some(certificate), .. } => {
                let identity = Identity::Certificate(certificate);
                Some(Principal { identity, role: None, channel: Channel::Network })
            }
            Door::Tcp { certificate: None, .. } | Door::Socket { .. } | Door::Accounts { .. } => None,
        }
    }

    /// Whether it was given a credential for its certificate.
    pub fn is_known_by_certificate(&self) -> bool {
        self.known_by_certificate.load(Ordering::Relaxed)
    }

    /// Notes that it was given a credential for its certificate; whether for the first time.
    pub fn know_by_certificate(&self) -> bool {
        !self.is_known_by_certificate() && !self.known_by_certificate.swap(true, Ordering::Relaxed)
    }

    /// Whether it has shown a valid token.
    pub fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    /// Notes a valid token; whether it is the first one.
    pub fn prove(&self) -> bool {
        !self.is_proven() && !self.proven.swap(true, Ordering::Relaxed)
    }

    /// A new id for a request. The connection's randomness and the number make it unique; it need not be secret.
    pub fn next_request_id(&self) -> Id {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut random = self.random;
        for (byte, add) in random[2..].iter_mut().zip(number.to_be_bytes()) {
            *byte ^= add;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Id::v7(i64::try_from(since.as_millis()).unwrap_or(i64::MAX), random)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use strongroom_envelope::{Pin, Timestamp};

    use super::*;

    #[test]
    fn request_ids_are_unique() {
        let (first, second) = (Peer::local(0), Peer::local(0));
        let ids: HashSet<_> = (0..10_000)
            .flat_map(|_| [first.next_request_id().to_string(), second.next_request_id().to_string()])
            .collect();
        assert_eq!(ids.len(), 20_000);
    }

    #[test]
    fn only_the_service_and_root_are_administrators() {
        let role = |uid| Peer::local(uid).local_principal(990).and_then(|principal| principal.role);
        assert_eq!(role(990), Some(Role::Admin));
        assert_eq!(role(0), Some(Role::Admin));
        assert_eq!(role(991), None);
        let account = |uid| Peer::account(uid).local_principal(990).and_then(|principal| principal.role);
        assert_eq!((account(990), account(0), account(991)), (None, None, None));
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let certificate = Certificate { pin: Pin([0; 32]), not_before: Timestamp(0), not_after: Timestamp(i64::MAX) };
        let (plain, certified) = (Peer::remote(address, None), Peer::remote(address, Some(certificate)));
        assert!(plain.local_principal(0).is_none() && certified.local_principal(0).is_none());
        let expected =
            Principal { identity: Identity::Certificate(certificate), role: None, channel: Channel::Network };
        assert_eq!((plain.certified_principal(), certified.certified_principal()), (None, Some(expected)));
        assert!(Peer::local(0).certified_principal().is_none() && Peer::account(0).certified_principal().is_none());
    }
}
