//! Live tokens by the hash of their text.

use std::collections::HashMap;

use parking_lot::RwLock;
use strongroom_engine::policy::{Channel, Principal};
use strongroom_engine::rule::Change;
use strongroom_engine::token::TokenBody;
use strongroom_envelope::{Id, Timestamp, body};

/// The tokens of an unlocked store.
#[derive(Default)]
pub struct Tokens {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    by_hash: HashMap<[u8; 32], (Id, TokenBody)>,
    hashes: HashMap<Id, [u8; 32]>,
}

impl Tokens {
    /// Takes in the body of a token record.
    pub fn insert(&self, id: Id, token: TokenBody) {
        let mut known = self.known.write();
        known.hashes.insert(id, token.text_sha256);
        known.by_hash.insert(token.text_sha256, (id, token));
    }

    /// Follows a committed change.
    pub fn observe(&self, change: &Change) {
        let id = change.key().id;
        match change {
            Change::Put { body, .. } => {
                if let Ok(token) = body::decode_strict(body.expose()) {
                    self.insert(id, token);
                }
            }
            Change::Delete { .. } => {
                let mut known = self.known.write();
                if let Some(hash) = known.hashes.remove(&id) {
                    known.by_hash.remove(&hash);
                }
            }
        }
    }

    /// Those that expired before `limit`.
    pub fn expired_before(&self, limit: Timestamp) -> Vec<Id> {
        let known = self.known.read();
        known.by_hash.values().filter(|(_, token)| token.expires_at < limit).map(|(id, _)| *id).collect()
    }

    /// Who holds the token with this hash, if it is live.
    pub fn principal(&self, sha256: &[u8; 32], now: Timestamp) -> Option<Principal> {
        let known = self.known.read();
        let (id, token) = known.by_hash.get(sha256)?;
        token.principal(*id, now).map(|principal| Principal { channel: Channel::Network, ..principal })
    }
}
