//! Application keys, unwrapped once and ready for use.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use strongroom_engine::key::{KeyBody, KeyVersion, State, WrapKeyHandle, Wraps, unwrap_version};
use strongroom_engine::name::Name;
use strongroom_engine::rule::{Change, KeyChoice, KeyHandle, Refusal};
use strongroom_envelope::{Generation, Id, Timestamp, body};

use crate::seals::Seals;

/// The application keys of an unlocked store.
#[derive(Default)]
pub struct ApplicationKeys {
    ready: RwLock<Ready>,
}

#[derive(Default)]
struct Ready {
    keys: HashMap<Id, ReadyKey>,
    ids: HashMap<Name, Id>,
    /// What the protectors of keys yielded, by protection.
    own: HashMap<Id, Arc<WrapKeyHandle>>,
    /// Why keys are locked, by key, as far as it was tried.
    closed: HashMap<Id, String>,
}

/// A key as its record says, with its versions ready for use.
struct ReadyKey {
    body: KeyBody,
    generation: Generation,
    handles: HashMap<u32, Arc<KeyHandle>>,
}

/// A key that waits for its protector.
pub struct LockedKey {
    /// Its id.
    pub id: Id,
    /// What its record says.
    pub body: KeyBody,
    /// Why its protector does not open, as far as it was tried.
    pub why: Option<String>,
}

impl ApplicationKeys {
    /// Unwraps every version of a key that is there. A version that does not unwrap is as good as locked: its calls say so.
    pub fn insert(&self, seals: &Seals, id: Id, generation: Generation, key: &KeyBody) {
        let wraps = self.wraps_of(seals, Some(key));
        let handles = handles(id, generation, key, &wraps);
        let mut ready = self.ready.write();
        if let Some(old) = ready.keys.remove(&id) {
            ready.ids.remove(&old.body.name);
        }
        ready.ids.insert(key.name.clone(), id);
        ready.keys.insert(id, ReadyKey { body: key.clone(), generation, handles });
    }

    /// Follows a committed change.
    pub fn observe(&self, seals: &Seals, change: &Change, generation: Generation) {
        let id = change.key().id;
        match change {
            Change::Put { body, .. } => {
                if let Ok(key) = body::decode_strict::<KeyBody>(body.expose()) {
                    self.insert(seals, id, generation, &key);
                }
            }
            Change::Delete { .. } => {
                let mut ready = self.ready.write();
                ready.closed.remove(&id);
                if let Some(old) = ready.keys.remove(&id) {
                    ready.ids.remove(&old.body.name);
                }
            }
        }
    }

    /// The version a rule asks for, or why it is not to be had.
    pub fn handle(&self, choice: &KeyChoice) -> Result<Arc<KeyHandle>, Refusal> {
        let ready = self.ready.read();
        match choice {
            KeyChoice::Primary(name) => {
                let key = ready.ids.get(*name).and_then(|id| ready.keys.get(id));
                key.ok_or_else(|| locked(name))?.active()
            }
            KeyChoice::Active(id) => ready.key(*id)?.active(),
            KeyChoice::Exact(id, version) => {
                let key = ready.key(*id)?;
                key.open(key.version(*version)?)
            }
            KeyChoice::Compromised(id, version) => {
                let key = ready.key(*id)?;
                let version = key.version(*version)?;
                let is_compromised = version.state == State::Compromised && version.destroy_at.is_none();
                if is_compromised { key.handle(version) } else { key.open(version) }
            }
            KeyChoice::Whatever(id, version) => {
                let key = ready.key(*id)?;
                key.handle(key.version(*version)?)
            }
        }
    }

    /// What the versions of a key are wrapped under.
    pub fn wraps(&self, seals: &Seals, key: Option<Id>) -> Wraps {
        let ready = self.ready.read();
        let own = key.and_then(|id| ready.keys.get(&id)).and_then(|key| ready.own(&key.body));
        Wraps { root: wrap_handles(seals), own }
    }

    fn wraps_of(&self, seals: &Seals, key: Option<&KeyBody>) -> Wraps {
        let own = key.and_then(|key| self.ready.read().own(key));
        Wraps { root: wrap_handles(seals), own }
    }

    /// The active version of the key with this name.
    pub fn active(&self, name: &str) -> Option<(Id, u32)> {
        let ready = self.ready.read();
        let id = *ready.ids.get(name)?;
        Some((id, ready.keys.get(&id)?.body.active()?.number))
    }

    /// Holds what a protector yielded, for a key whose record will name it.
    pub fn hold(&self, protection: Id, own: Arc<WrapKeyHandle>) {
        self.ready.write().own.insert(protection, own);
    }

    /// Lets go of it: no record names it.
    pub fn release(&self, protection: Id) {
        self.ready.write().own.remove(&protection);
    }

    /// Lets go of what no key's record names any more.
    pub fn release_unused(&self) {
        let mut ready = self.ready.write();
        let named: Vec<Id> = ready.keys.values().filter_map(|key| Some(key.body.protection.as_ref()?.id)).collect();
        ready.own.retain(|protection, _| named.contains(protection));
    }

    /// Notes why a key's protector does not open, or that it does.
    pub fn closed_because(&self, id: Id, why: Option<String>) {
        let mut ready = self.ready.write();
        match why {
            Some(why) => ready.closed.insert(id, why),
            None => ready.closed.remove(&id),
        };
    }

    /// Takes what a key's protector yielded, and readies its versions.
    pub fn unlock(&self, seals: &Seals, id: Id, protection: Id, own: Arc<WrapKeyHandle>) {
        let again = {
            let mut ready = self.ready.write();
            ready.own.insert(protection, own);
            ready.keys.get(&id).map(|key| (key.generation, key.body.clone()))
        };
        if let Some((generation, body)) = again {
            self.insert(seals, id, generation, &body);
        }
    }

    /// The keys whose protector is not at hand.
    pub fn locked(&self) -> Vec<LockedKey> {
        let ready = self.ready.read();
        let waits = |(id, key): (&Id, &ReadyKey)| match &key.body.protection {
            Some(protection) if !ready.own.contains_key(&protection.id) => {
                let why = ready.closed.get(id).cloned();
                Some(LockedKey { id: *id, body: key.body.clone(), why })
            }
            _ => None,
        };
        ready.keys.iter().filter_map(waits).collect()
    }

    /// The keys that have something to do by now: versions to destroy, and those that shall have a new one. What cannot be done,
    /// because something stored needs the version or the key is locked, is left for later.
    pub fn due(&self, now: Timestamp, stored: impl Fn(Id) -> Vec<(u32, u64)>) -> (Vec<Id>, Vec<Id>) {
        let ready = self.ready.read();
        let is_used = |id: Id, number: u32| {
            stored(id).iter().any(|(version, count)| (*version == number || *version == 0) && *count > 0)
        };
        let is_over = |id: Id, version: &KeyVersion| {
            version.state != State::Destroyed
                && version.destroy_at.is_some_and(|due| due <= now)
                && !is_used(id, version.number)
        };
        let is_old = |key: &KeyBody| {
            let since = key.active().map(|active| active.activated_at.0);
            key.rotation_period.zip(since).is_some_and(|(period, since)| now.0 >= since.saturating_add(period))
        };
        let ended = ready.keys.iter().filter(|(id, key)| key.body.versions.iter().any(|one| is_over(**id, one)));
        let aged = ready.keys.iter().filter(|(_, key)| !key.handles.is_empty() && is_old(&key.body));
        (ended.map(|(id, _)| *id).collect(), aged.map(|(id, _)| *id).collect())
    }
}

impl Ready {
    fn own(&self, key: &KeyBody) -> Option<Arc<WrapKeyHandle>> {
        self.own.get(&key.protection.as_ref()?.id).cloned()
    }

    fn key(&self, id: Id) -> Result<&ReadyKey, Refusal> {
        self.keys.get(&id).ok_or_else(|| locked(&id.to_string()))
    }
}

impl ReadyKey {
    fn version(&self, number: u32) -> Result<&KeyVersion, Refusal> {
        self.body.version(number).ok_or(Refusal::DoesNotOpen)
    }

    fn active(&self) -> Result<Arc<KeyHandle>, Refusal> {
        let none = || Refusal::NoActiveVersion { key: self.name() };
        self.handle(self.body.active().ok_or_else(none)?)
    }

    fn open(&self, version: &KeyVersion) -> Result<Arc<KeyHandle>, Refusal> {
        let number = version.number;
        if version.state != State::Destroyed && version.destroy_at.is_some() {
            return Err(Refusal::AwaitsDestruction { key: self.name(), version: number });
        }
        if !version.state.opens() {
            return Err(Refusal::KeyNotUsable { key: self.name(), version: number, state: version.state });
        }
        self.handle(version)
    }

    fn handle(&self, version: &KeyVersion) -> Result<Arc<KeyHandle>, Refusal> {
        if version.state == State::Destroyed {
            let (key, version, state) = (self.name(), version.number, version.state);
            return Err(Refusal::KeyNotUsable { key, version, state });
        }
        self.handles.get(&version.number).cloned().ok_or_else(|| locked(self.body.name.as_str()))
    }

    fn name(&self) -> String {
        self.body.name.to_string()
    }
}

fn handles(id: Id, generation: Generation, key: &KeyBody, wraps: &Wraps) -> HashMap<u32, Arc<KeyHandle>> {
    let unwrapped = |version: &KeyVersion| {
        let handle = unwrap_version(id, generation, key, version.number, wraps).ok()?;
        Some((version.number, Arc::new(handle)))
    };
    key.versions.iter().filter_map(unwrapped).collect()
}

fn locked(key: &str) -> Refusal {
    Refusal::KeyLocked { key: key.to_owned() }
}

/// The wrap keys of the keyring, ready for use.
pub fn wrap_handles(seals: &Seals) -> Vec<WrapKeyHandle> {
    let wrap_keys = seals.keyring().wrap_keys().iter();
    wrap_keys.map(|entry| WrapKeyHandle::new(entry.id, entry.version, &entry.key)).collect()
}
