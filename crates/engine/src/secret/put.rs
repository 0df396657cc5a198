//! `secret.put`: a new secret, or a new version of one in place.

use strongroom_envelope::value::{self, Place, Purpose};
use strongroom_envelope::{Id, body};
use strongroom_secret::SecretBytes;

use super::body::{SecretBody, SecretVersionBody, VALUE_FIELD, VersionEntry};
use super::find::{Found, find, missing};
use super::reply::Remembered;
use super::{DEFAULT_KEEP, KEEP_CEILING, KEY_NAME, VALUE_BYTES};
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Change, Done, Facts, KeyChoice, KeyHandle, NameChange, Operation, Refusal, Reply, Stop};

/// Stores a value. A secret that is there keeps its id and gets a new version; a name that is free gets a new secret.
#[derive(Debug)]
pub struct Put {
    /// Which secret.
    pub selector: Selector,
    /// Its new value, at most [`VALUE_BYTES`].
    pub value: SecretBytes,
    /// Only when this version is current; 0: only when there is no such secret.
    pub expected_version: Option<u32>,
    /// Versions to keep from now on, 1 to [`KEEP_CEILING`]; none leaves it as it is.
    pub keep: Option<u32>,
    /// What a new secret keeps when `keep` is none: the server's setting.
    pub default_keep: u32,
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutReply {
    /// The secret.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// The version that is current now.
    pub version: u32,
    /// Whether the secret is new.
    pub created: bool,
}

impl Put {
    /// Stores `value` whatever is there, and keeps as many versions as is usual.
    #[must_use]
    pub const fn new(selector: Selector, value: SecretBytes) -> Self {
        Self { selector, value, expected_version: None, keep: None, default_keep: DEFAULT_KEEP }
    }

    fn check(&self) -> Result<(), Refusal> {
        let actual = self.value.len();
        if actual > VALUE_BYTES {
            return Err(Refusal::TooLarge { what: "the value", actual, limit: VALUE_BYTES });
        }
        let keep = self.keep.unwrap_or(self.default_keep);
        if (1..=KEEP_CEILING).contains(&keep) {
            return Ok(());
        }
        let reason = format!("{keep} versions cannot be kept; choose 1 to {KEEP_CEILING}");
        Err(Refusal::Invalid { field: "keep", reason })
    }

    fn create(&self, facts: &mut Facts<'_>) -> Result<Done<PutReply>, Stop> {
        let Selector::Name(name) = &self.selector else {
            return Err(missing(&self.selector).into());
        };
        if let Some(expected) = self.expected_version.filter(|expected| *expected != 0) {
            return Err(Refusal::VersionConflict { expected, found: 0 }.into());
        }
        let key = facts.key(&KeyChoice::Primary(KEY_NAME))?;
        let id = facts.new_id();
        let head = SecretBody::new(name.clone(), facts.now(), self.keep.unwrap_or(self.default_keep));
        self.store(facts, &key, id, head, NameChange::Take(name.clone()))
    }

    fn update(&self, facts: &mut Facts<'_>, found: &Found<'_>) -> Result<Done<PutReply>, Stop> {
        found.refuse_deleted(&self.selector)?;
        found.refuse_other_version(self.expected_version)?;
        let key = facts.key(&KeyChoice::Primary(KEY_NAME))?;
        let mut head = found.body.clone();
        head.keep = self.keep.unwrap_or(head.keep);
        self.store(facts, &key, found.id, head, NameChange::None)
    }

    /// One commit: the version's record, the head that lists it, and the end of the versions beyond `keep`.
    fn store(
        &self,
        facts: &mut Facts<'_>,
        key: &KeyHandle,
        id: Id,
        mut head: SecretBody,
        name_change: NameChange,
    ) -> Result<Done<PutReply>, Stop> {
        let now = facts.now();
        let number = head.current.checked_add(1).ok_or_else(used_up)?;
        let entry = VersionEntry { number, record: facts.new_id(), created_at: now };
        let reply = PutReply { id, name: head.name.clone(), version: number, created: number == 1 };

        head.current = number;
        head.updated_at = now;
        head.versions.push(entry);
        let surplus = head.versions.len().saturating_sub(head.keep as usize);
        let dropped: Vec<VersionEntry> = head.versions.drain(..surplus).collect();

        let mut changes = Vec::with_capacity(2 + dropped.len());
        changes.push(self.version_change(key, id, &entry)?);
        changes.push(head_change(id, &head, name_change));
        changes.extend(dropped.iter().map(version_end));
        Ok(facts.commit(reply, changes))
    }

    fn version_change(&self, key: &KeyHandle, secret_id: Id, entry: &VersionEntry) -> Result<Change, Refusal> {
        let sealing = key.sealing(Purpose::Secrets)?;
        let mut sealed = Vec::new();
        let place = place(entry);
        value::seal(sealing, Purpose::Secrets, key.key_id, key.version, &place, self.value.expose(), &mut sealed);
        let length = sealed.len();
        let sealed_under = (key.key_id, key.version);
        let record = SecretVersionBody::new(secret_id, entry.number, entry.created_at, sealed_under, sealed);
        let mut bytes = Vec::with_capacity(length + VERSION_BODY_MARGIN);
        body::encode_into(&record, &mut bytes);
        let body = SecretBytes::from_vec(bytes);
        Ok(Change::Put { key: entry.record_key(), body, name: NameChange::None })
    }
}

impl Operation for Put {
    type Reply = PutReply;
    const ACTION: Action = Action::SecretPut;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<PutReply>, Stop> {
        let found = find(facts, Self::ACTION, &self.selector)?;
        self.check()?;
        match found {
            Some(found) => self.update(facts, &found),
            None => self.create(facts),
        }
    }
}

impl Reply for PutReply {
    fn remember(&self) -> Vec<u8> {
        let number = Some(self.version);
        Remembered { number, flag: Some(self.created), ..Remembered::of(self.id, &self.name) }.encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, name, number, flag, .. } = Remembered::decode(remembered)?;
        Some(Self { id, name, version: number?, created: flag? })
    }
}

/// Where a version's value belongs: nowhere else does it open.
pub(super) const fn place(entry: &VersionEntry) -> Place<'static> {
    Place::Record { key: entry.record_key(), field: VALUE_FIELD, version: entry.number }
}

/// Writes a secret's head.
pub(super) fn head_change(id: Id, head: &SecretBody, name: NameChange) -> Change {
    let body = SecretBytes::from_vec(body::encode(head));
    Change::Put { key: SecretBody::record_key(id), body, name }
}

/// Removes a version's record.
pub(super) fn version_end(entry: &VersionEntry) -> Change {
    Change::Delete { key: entry.record_key(), name: NameChange::None }
}

fn used_up() -> Refusal {
    let reason = "its version numbers are used up; store the value under another name".to_owned();
    Refusal::Invalid { field: "version", reason }
}

/// What a version's body needs beside the value: two ids, numbers and heads of CBOR items.
const VERSION_BODY_MARGIN: usize = 96;
