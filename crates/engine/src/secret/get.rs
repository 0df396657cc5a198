//! `secret.get`: the value of a secret.

use strongroom_envelope::Id;
use strongroom_envelope::value::{self, Purpose};
use strongroom_secret::SecretBytes;

use super::body::{Provider, SecretBody, SecretVersionBody, VersionEntry};
use super::find::{Found, live};
use super::put::place;
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Done, Facts, KeyChoice, Operation, Refusal, Reply, Stop};

/// Reads a value.
#[derive(Debug)]
pub struct Get {
    /// Which secret.
    pub selector: Selector,
    /// Which version; none for the current one.
    pub version: Option<u32>,
}

/// A value in clear.
#[derive(Debug)]
pub struct GetReply {
    /// The secret.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// The version that was read.
    pub version: u32,
    /// The value.
    pub value: SecretBytes,
}

impl Operation for Get {
    type Reply = GetReply;
    const ACTION: Action = Action::SecretGet;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<GetReply>, Stop> {
        let found = live(facts, Self::ACTION, &self.selector)?;
        let (entry, stored) = version_record(facts, &found, &self.selector, self.version)?;
        let value = open(facts, &found, entry, stored)?;
        let name = found.body.name.clone();
        Ok(Done::read(GetReply { id: found.id, name, version: entry.number, value }))
    }
}

/// Never kept: it holds a value.
impl Reply for GetReply {}

/// The row of a version in the head, and its record.
pub(super) fn version_record<'a>(
    facts: &mut Facts<'a>,
    found: &Found<'a>,
    selector: &Selector,
    version: Option<u32>,
) -> Result<(&'a VersionEntry, &'a SecretVersionBody), Stop> {
    let head: &'a SecretBody = found.body;
    let entry = head.entry(version).ok_or_else(|| missing_version(selector, version.unwrap_or(head.current)))?;
    // When the head still lists it and it is gone, a later put has pruned it in between; or somebody gave it up.
    let lost = || Stop::Lost(missing_version(selector, entry.number));
    let stored = facts.record::<SecretVersionBody>(entry.record_key())?.ok_or_else(lost)?;
    Ok((entry, stored))
}

pub(super) fn missing_version(selector: &Selector, version: u32) -> Refusal {
    Refusal::NotFound { what: "version", target: format!("{version} of {selector}") }
}

/// Opens a version's value with the key it names. Whatever does not fit gives one and the same refusal.
pub(super) fn open(
    facts: &mut Facts<'_>,
    found: &Found<'_>,
    entry: &VersionEntry,
    stored: &SecretVersionBody,
) -> Result<SecretBytes, Stop> {
    let belongs = stored.secret_id == found.id && stored.number == entry.number;
    if !belongs {
        return Err(Refusal::DoesNotOpen.into());
    }
    if stored.provider == Provider::Cleartext {
        let is_imported = stored.key_id.is_nil() && stored.key_version == 0;
        return if is_imported { Ok(SecretBytes::from_slice(&stored.value)) } else { Err(Refusal::DoesNotOpen.into()) };
    }
    let key = facts.key(&KeyChoice::Exact(stored.key_id, stored.key_version))?;
    let mut opened = SecretBytes::with_capacity(stored.value.len());
    let header =
        value::open(key.sealing(Purpose::Secrets)?, Purpose::Secrets, &place(entry), &stored.value, &mut opened)
            .map_err(|_| Refusal::DoesNotOpen)?;
    if (header.key_id, header.key_version) == (stored.key_id, stored.key_version) {
        Ok(opened)
    } else {
        Err(Refusal::DoesNotOpen.into())
    }
}
