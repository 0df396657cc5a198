//! The keys of an unlocked store, and the one place where a record body becomes bytes in the store and back.

use std::collections::HashMap;

use strongroom_crypto::{SealingKey, labels};
use strongroom_envelope::keyring::{Keyring, StoreKeyEntry};
use strongroom_envelope::record::{self, Header, RecordError};
use strongroom_envelope::{Generation, RecordKey, RecordKind, Tag, anchor, protector};
use strongroom_secret::{AnchorKey, MacKey, RootKey, SecretBytes};

/// Every key that seals or authenticates records.
pub struct Seals {
    root: RootKey,
    keyring: Keyring,
    keyring_sealing: SealingKey,
    stores: HashMap<u32, SealingKey>,
    active: u32,
    protector_mac: MacKey,
    anchor: AnchorKey,
    request: MacKey,
}

impl Seals {
    /// From the root key and the keyring it opened.
    pub fn new(root: RootKey, keyring: Keyring) -> Self {
        let active = keyring.active_store_key().id;
        let stores = keyring.store_keys().iter().map(|entry| (entry.id, SealingKey::new(entry.key.expose()))).collect();
        Self {
            keyring_sealing: keyring_sealing(&root),
            stores,
            active,
            protector_mac: protector::mac_key(&root),
            anchor: anchor::anchor_key(&root),
            request: MacKey::fill_with(|key| derive(&root, labels::REQUEST_KEY, key)),
            root,
            keyring,
        }
    }

    /// Seals a body for its place; protector records are authenticated instead, the keyring is sealed by the root key.
    pub fn seal(&self, key: RecordKey, generation: Generation, body: &[u8], out: &mut Vec<u8>) -> Tag {
        match key.kind {
            RecordKind::Protector => protector::seal_body(&self.protector_mac, key, generation, body, out),
            RecordKind::Keyring => record::seal(&self.keyring_sealing, 0, key, generation, body, out),
            _ => record::seal(&self.stores[&self.active], self.active, key, generation, body, out),
        }
    }

    /// Opens what was read at `key`; `out` receives the body.
    pub fn open(&self, key: RecordKey, bytes: &[u8], out: &mut SecretBytes) -> Result<Header, RecordError> {
        match key.kind {
            RecordKind::Protector => {
                let (generation, tag, body) =
                    protector::open_body(&self.protector_mac, key, bytes).map_err(|_| RecordError::Unauthentic)?;
                out.extend_from_slice(body);
                Ok(Header { store_key_id: 0, generation, tag })
            }
            RecordKind::Keyring => record::open(&self.keyring_sealing, key, bytes, out),
            _ => {
                let sealing = self.store_sealing(bytes).ok_or(RecordError::Unauthentic)?;
                record::open(sealing, key, bytes, out)
            }
        }
    }

    /// The store key that the head of sealed bytes names, if the keyring holds it.
    pub fn store_sealing(&self, sealed: &[u8]) -> Option<&SealingKey> {
        let id: [u8; 4] = sealed.get(4..8)?.try_into().ok()?;
        self.stores.get(&u32::from_be_bytes(id))
    }

    /// The store key that seals what is written now, and its id.
    pub fn active_store(&self) -> (&SealingKey, u32) {
        (&self.stores[&self.active], self.active)
    }

    /// Takes a new keyring: what is written from now on is sealed under its active store key.
    pub fn set_keyring(&mut self, keyring: Keyring) {
        self.active = keyring.active_store_key().id;
        let sealing = |entry: &StoreKeyEntry| (entry.id, SealingKey::new(entry.key.expose()));
        self.stores = keyring.store_keys().iter().map(sealing).collect();
        self.keyring = keyring;
    }

    /// Whether sealed bytes name another store key than the active one.
    pub fn is_older(&self, sealed: &[u8]) -> bool {
        sealed.get(4..8).is_some_and(|id| id != self.active.to_be_bytes())
    }

    /// Root key and keyring, for making them anew.
    pub fn into_parts(self) -> (RootKey, Keyring) {
        (self.root, self.keyring)
    }
    /// The root key, for wrapping it anew.
    pub fn root(&self) -> &RootKey {
        &self.root
    }
    /// The keyring.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }
    /// The key of the anchor's authenticator.
    pub fn anchor(&self) -> &AnchorKey {
        &self.anchor
    }
    /// The key of request digests.
    pub fn request(&self) -> &MacKey {
        &self.request
    }
    /// The parent of the trail's stepping keys.
    pub fn audit(&self) -> MacKey {
        MacKey::fill_with(|key| derive(&self.root, labels::AUDIT_KEY, key))
    }
}

/// The key that seals the keyring under this root key.
pub fn keyring_sealing(root: &RootKey) -> SealingKey {
    let key = strongroom_secret::KeyringKey::fill_with(|key| derive(root, labels::KEYRING, key));
    SealingKey::new(key.expose())
}

fn derive(root: &RootKey, label: labels::Label, out: &mut [u8; 32]) {
    strongroom_crypto::derive::into(b"", &[root.expose()], label, b"", out);
}
