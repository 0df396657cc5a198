//! Application keys, unwrapped once and ready for use.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use strongroom_engine::key::{KeyBody, WrapKeyHandle, unwrap_version};
use strongroom_engine::rule::{Change, KeyChoice, KeyHandle, Refusal};
use strongroom_envelope::{Id, body};

use crate::seals::Seals;

/// The application keys of an unlocked store.
#[derive(Default)]
pub struct ApplicationKeys {
    ready: RwLock<Ready>,
}

#[derive(Default)]
struct Ready {
    versions: HashMap<(Id, u32), Arc<KeyHandle>>,
    active: HashMap<String, (Id, u32)>,
    names: HashMap<Id, String>,
}

impl ApplicationKeys {
    /// Unwraps every usable version of a key. A version that does not unwrap is as good as locked: its calls say so.
    pub fn insert(&self, seals: &Seals, id: Id, key: &KeyBody) {
        let wrap = wrap_handles(seals);
        let handles: Vec<KeyHandle> = key
            .versions
            .iter()
            .filter(|version| version.state.opens())
            .filter_map(|version| unwrap_version(id, key, version.number, &wrap).ok())
            .collect();
        let mut ready = self.ready.write();
        ready.names.insert(id, key.name.to_string());
        ready.versions.retain(|(known, _), _| *known != id);
        ready.active.remove(key.name.as_str());
        if let Some(version) = key.active() {
            ready.active.insert(key.name.to_string(), (id, version.number));
        }
        for handle in handles {
            ready.versions.insert((id, handle.version), Arc::new(handle));
        }
    }

    /// Follows a committed change.
    pub fn observe(&self, seals: &Seals, change: &Change) {
        let id = change.key().id;
        match change {
            Change::Put { body, .. } => {
                if let Ok(key) = body::decode_strict::<KeyBody>(body.expose()) {
                    self.insert(seals, id, &key);
                }
            }
            Change::Delete { .. } => {
                let mut ready = self.ready.write();
                ready.versions.retain(|(known, _), _| *known != id);
                if let Some(name) = ready.names.remove(&id) {
                    ready.active.remove(&name);
                }
            }
        }
    }

    /// The version a rule asks for, or why it is not to be had.
    pub fn handle(&self, choice: &KeyChoice) -> Result<Arc<KeyHandle>, Refusal> {
        let ready = self.ready.read();
        let (wanted, shown) = match choice {
            KeyChoice::Active(name) => (ready.active.get(*name).copied(), (*name).to_owned()),
            KeyChoice::Exact(id, version) => (Some((*id, *version)), id.to_string()),
        };
        wanted.and_then(|wanted| ready.versions.get(&wanted).cloned()).ok_or(Refusal::KeyLocked { key: shown })
    }
}

/// The wrap keys of the keyring, ready for use.
pub fn wrap_handles(seals: &Seals) -> Vec<WrapKeyHandle> {
    let wrap_keys = seals.keyring().wrap_keys().iter();
    wrap_keys.map(|entry| WrapKeyHandle::new(entry.id, entry.version, &entry.key)).collect()
}
