//! `secret.show`: what is known of a secret, without its value.

use strongroom_envelope::{Id, Timestamp};

use super::body::{Provider, VersionEntry};
use super::find::existing;
use super::get::version_record;
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Done, Facts, Operation, Reply, Stop};

/// Reads the metadata of a secret, a deleted one included.
#[derive(Debug)]
pub struct Show {
    /// Which secret.
    pub selector: Selector,
}

/// The metadata of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowReply {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// The current version.
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its value or its name last changed.
    pub updated_at: Timestamp,
    /// How the current version is kept.
    pub provider: Provider,
    /// The application key that the current version is sealed under.
    pub key: Id,
    /// The version of that key.
    pub key_version: u32,
    /// The versions that are there, rising.
    pub versions: Vec<VersionEntry>,
    /// How many versions are kept, the current one included.
    pub keep: u32,
    /// Whether another system had encrypted the value before it was brought.
    pub already_encrypted: bool,
    /// What another system knew of it.
    pub metadata: Vec<(String, String)>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

impl Operation for Show {
    type Reply = ShowReply;
    const ACTION: Action = Action::SecretShow;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ShowReply>, Stop> {
        let found = existing(facts, Self::ACTION, &self.selector)?;
        let (_, stored) = version_record(facts, &found, &self.selector, None)?;
        let head = found.body;
        Ok(Done::read(ShowReply {
            id: found.id,
            name: head.name.clone(),
            version: head.current,
            created_at: head.created_at,
            updated_at: head.updated_at,
            provider: stored.provider,
            key: stored.key_id,
            key_version: stored.key_version,
            versions: head.versions.clone(),
            keep: head.keep,
            already_encrypted: stored.already_encrypted.unwrap_or(false),
            metadata: head.metadata.clone().unwrap_or_default(),
            deleted_at: head.deleted_at,
        }))
    }
}

impl Reply for ShowReply {}
