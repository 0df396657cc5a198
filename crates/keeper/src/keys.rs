//! Application keys, unwrapped once and ready for use.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use parking_lot::RwLock;
use strongroom_engine::key::{
    KeyBody, KeyVersion, PASSWORD_PROTECTOR, State, WrapKeyHandle, Wraps, handle, is_near, unwrap_version,
};
use strongroom_engine::name::Name;
use strongroom_engine::rule::{Change, KeyChoice, KeyHandle, Material, Refusal};
use strongroom_envelope::value::Purpose;
use strongroom_envelope::{Generation, Id, Timestamp, body};
use strongroom_protector::FileStamp;

use crate::seals::Seals;
use crate::uses::{Allowed, KeyRecord, Taken, Uses, VersionId, Wanted};

/// The application keys of an unlocked store.
#[derive(Default)]
pub struct ApplicationKeys {
    ready: RwLock<Ready>,
    /// Whether protectors of keys are being tried now, without anybody having asked.
    pub looking: AtomicBool,
    /// Uses of keys that have a usage limit.
    pub uses: Uses,
}

#[derive(Default)]
struct Ready {
    keys: HashMap<Id, ReadyKey>,
    ids: HashMap<Name, Id>,
    /// What the protectors of keys yielded, by protection.
    own: HashMap<Id, Arc<WrapKeyHandle>>,
    /// Why keys are locked, by key, as far as it was tried.
    closed: HashMap<Id, String>,
    /// Passwords from files that do not open their keys, by key.
    refused: HashMap<Id, RefusedFile>,
}

/// A password from a file that does not open its key.
#[derive(Clone)]
pub struct RefusedFile {
    /// Why.
    pub why: String,
    /// For which protection it was tried, and with which file; none when the file could not be read.
    pub tried: Option<(Id, FileStamp)>,
}

/// A key as its record says, with its versions ready for use.
struct ReadyKey {
    body: KeyBody,
    generation: Generation,
    handles: HashMap<u32, Arc<KeyHandle>>,
}

/// A key whose own protector is not at hand.
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
        let mut wraps = self.wraps_of(seals, Some(key));
        let held = self.held(id, key);
        let mut made = handles(id, generation, key, &wraps, &held);
        let mut ready = self.ready.write();
        // Its protector was opened, or let go of, while the versions were unwrapped.
        while !is_same(ready.own(key).as_ref(), wraps.own.as_ref()) {
            wraps.own = ready.own(key);
            drop(ready);
            made = handles(id, generation, key, &wraps, &held);
            ready = self.ready.write();
        }
        if ready.keys.get(&id).is_some_and(|newer| newer.generation > generation) {
            // Its record was changed while this was being made ready.
            return;
        }
        if let Some(old) = ready.keys.remove(&id) {
            ready.ids.remove(&old.body.name);
        }
        ready.ids.insert(key.name.clone(), id);
        ready.keys.insert(id, ReadyKey { body: key.clone(), generation, handles: made });
    }

    /// The versions that a change of the record has left as they were wrapped: they need not be unwrapped again.
    fn held(&self, id: Id, key: &KeyBody) -> HashMap<u32, Arc<Material>> {
        let ready = self.ready.read();
        let Some(old) = ready.keys.get(&id).filter(|old| old.body.protection == key.protection) else {
            return HashMap::new();
        };
        let same = |version: &KeyVersion| {
            let before = old.body.version(version.number)?;
            let handle = old.handles.get(&version.number)?;
            let is_same = before.wrapped == version.wrapped && version.state != State::Destroyed;
            is_same.then(|| (version.number, Arc::clone(&handle.material)))
        };
        key.versions.iter().filter_map(same).collect()
    }

    /// Takes uses of a version, if enough of them are set aside; and its limit.
    pub fn take_uses(&self, wanted: Wanted) -> (Taken, Option<u64>) {
        // Held while they are taken: no change of the limit comes in between.
        let ready = self.ready.read();
        match ready.allowed(wanted.version) {
            Some(allowed) => (self.uses.take(wanted, allowed), Some(allowed.limit)),
            None => (Taken::Granted { count: wanted.count, before: 0 }, None),
        }
    }

    /// How many uses of a version are set aside.
    pub fn reserved_uses(&self, version: VersionId) -> u64 {
        self.ready.read().allowed(version).map_or(0, |allowed| allowed.reserved)
    }

    /// The keys whose active version is nearly used up, by name, with uses and limit.
    pub fn near_limit(&self) -> Vec<(String, u64, u64)> {
        let ready = self.ready.read();
        let near = |(id, key): (&Id, &ReadyKey)| {
            let limit = key.body.usage_limit?;
            let active = key.body.active()?;
            let used = self.uses.used((*id, active.number), active.reserved.unwrap_or(0));
            is_near(used, limit).then(|| (key.name(), used, limit))
        };
        let mut near: Vec<_> = ready.keys.iter().filter_map(near).collect();
        near.sort_unstable();
        near
    }

    /// What a key's record says.
    pub fn key_record(&self, id: Id) -> Option<KeyRecord> {
        self.ready.read().keys.get(&id).map(|key| (key.body.clone(), key.generation))
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
                self.uses.forget(id);
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

    /// Whether there is a key with this name.
    pub fn has(&self, name: &str) -> bool {
        self.ready.read().ids.contains_key(name)
    }

    /// The protector of each key.
    pub fn protectors(&self) -> Vec<String> {
        self.ready.read().keys.values().map(|key| key.body.protector.clone()).collect()
    }

    /// What a key is for.
    pub fn purpose(&self, id: Id) -> Option<Purpose> {
        self.ready.read().keys.get(&id).map(|key| key.body.purpose)
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

    /// Notes why a key's protector does not open.
    pub fn closed_because(&self, id: Id, why: String) {
        self.ready.write().closed.insert(id, why);
    }

    /// Takes what a key's protector yielded, and readies its versions.
    pub fn unlock(&self, seals: &Seals, id: Id, protection: Id, own: Arc<WrapKeyHandle>) {
        let again = {
            let mut ready = self.ready.write();
            let is_its = |key: &&ReadyKey| key.body.protection.as_ref().is_some_and(|its| its.id == protection);
            let again = ready.keys.get(&id).filter(is_its).map(|key| (key.generation, key.body.clone()));
            // Of a protection that was replaced meanwhile nothing is kept.
            if again.is_some() {
                ready.own.insert(protection, own);
                ready.closed.remove(&id);
                ready.refused.remove(&id);
            }
            again
        };
        if let Some((generation, body)) = again {
            self.insert(seals, id, generation, &body);
        }
    }

    /// What the record of a key says.
    pub fn body(&self, id: Id) -> Option<KeyBody> {
        self.ready.read().keys.get(&id).map(|key| key.body.clone())
    }

    /// The keys that nothing but a password opens.
    pub fn password_only(&self) -> Vec<Name> {
        let ready = self.ready.read();
        let is_so = |key: &&ReadyKey| key.body.protector == PASSWORD_PROTECTOR && !key.body.has_recovery();
        let mut names: Vec<Name> = ready.keys.values().filter(is_so).map(|key| key.body.name.clone()).collect();
        names.sort();
        names
    }

    /// Notes that a password from a file does not open its key.
    pub fn file_refused(&self, id: Id, refused: RefusedFile) {
        self.ready.write().refused.insert(id, refused);
    }

    /// What was noted of the password from a file for this key.
    pub fn refused_file(&self, id: Id) -> Option<RefusedFile> {
        self.ready.read().refused.get(&id).cloned()
    }

    /// The keys that cannot be used because their protector is not at hand.
    pub fn locked(&self) -> Vec<LockedKey> {
        let mut closed = self.closed();
        closed.retain(|key| !key.body.has_recovery());
        closed
    }

    /// The keys whose protector is not at hand, also those that are ready without it.
    pub fn closed(&self) -> Vec<LockedKey> {
        let ready = self.ready.read();
        let waits = |(id, key): (&Id, &ReadyKey)| match &key.body.protection {
            Some(protection) if !ready.own.contains_key(&protection.id) => {
                let why = ready.closed.get(id).cloned();
                Some(LockedKey { id: *id, body: key.body.clone(), why })
            }
            _ => None,
        };
        let mut closed: Vec<LockedKey> = ready.keys.iter().filter_map(waits).collect();
        closed.sort_by(|one, other| one.body.name.cmp(&other.body.name));
        closed
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
        let ended = ready.keys.iter().filter(|(id, key)| key.body.versions.iter().any(|one| is_over(**id, one)));
        let aged = ready.keys.iter().filter(|(_, key)| is_old(&key.body, now) && ready.can_rotate(key));
        (ended.map(|(id, _)| *id).collect(), aged.map(|(id, _)| *id).collect())
    }

    /// The keys that shall have a new version by now, and cannot because their protector is not at hand; by name.
    pub fn rotation_waits(&self, now: Timestamp) -> Vec<Name> {
        let ready = self.ready.read();
        let waits = ready.keys.values().filter(|key| is_old(&key.body, now) && !ready.can_rotate(key));
        let mut names: Vec<Name> = waits.map(|key| key.body.name.clone()).collect();
        names.sort_unstable();
        names
    }
}

/// Whether the time is over after which the key shall have a new version.
fn is_old(key: &KeyBody, now: Timestamp) -> bool {
    let since = key.active().map(|active| active.activated_at.0);
    key.rotation_period.zip(since).is_some_and(|(period, since)| now.0 >= since.saturating_add(period))
}

impl Ready {
    /// A new version is wrapped by the key's own protector, which must be at hand for that.
    fn can_rotate(&self, key: &ReadyKey) -> bool {
        !key.handles.is_empty() && (key.body.protection.is_none() || self.own(&key.body).is_some())
    }

    fn own(&self, key: &KeyBody) -> Option<Arc<WrapKeyHandle>> {
        self.own.get(&key.protection.as_ref()?.id).cloned()
    }

    fn allowed(&self, (id, number): VersionId) -> Option<Allowed> {
        let body = &self.keys.get(&id)?.body;
        Some(Allowed { limit: body.usage_limit?, reserved: body.version(number)?.reserved.unwrap_or(0) })
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

fn handles(
    id: Id,
    generation: Generation,
    key: &KeyBody,
    wraps: &Wraps,
    held: &HashMap<u32, Arc<Material>>,
) -> HashMap<u32, Arc<KeyHandle>> {
    let unwrapped = |version: &KeyVersion| {
        let handle = match held.get(&version.number) {
            Some(material) => handle(id, generation, key, version, Arc::clone(material)),
            None => unwrap_version(id, generation, key, version.number, wraps).ok()?,
        };
        Some((version.number, Arc::new(handle)))
    };
    key.versions.iter().filter_map(unwrapped).collect()
}

fn is_same(there: Option<&Arc<WrapKeyHandle>>, used: Option<&Arc<WrapKeyHandle>>) -> bool {
    match (there, used) {
        (Some(there), Some(used)) => Arc::ptr_eq(there, used),
        (there, used) => there.is_none() && used.is_none(),
    }
}

fn locked(key: &str) -> Refusal {
    Refusal::KeyLocked { key: key.to_owned() }
}

/// The wrap keys of the keyring, ready for use.
pub fn wrap_handles(seals: &Seals) -> Vec<WrapKeyHandle> {
    let wrap_keys = seals.keyring().wrap_keys().iter();
    wrap_keys.map(|entry| WrapKeyHandle::new(entry.id, entry.version, &entry.key)).collect()
}
