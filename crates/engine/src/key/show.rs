//! `key.show`: what is known of a key, without the key.

use strongroom_envelope::value::Purpose;
use strongroom_envelope::{Id, Timestamp};

use super::algorithm::Algorithm;
use super::body::{KeyBody, KeyVersion};
use super::state::State;
use crate::find::{Found, existing};
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Done, Facts, Operation, Reply, Stop};

/// Reads the metadata of a key.
#[derive(Debug)]
pub struct Show {
    /// Which key.
    pub selector: Selector,
}

/// The metadata of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// The one thing it is for.
    pub purpose: Purpose,
    /// What it is used with, when it does not seal values.
    pub algorithm: Option<Algorithm>,
    /// The kind of protector that its versions are wrapped by.
    pub protector: String,
    /// Which one of that kind.
    pub protector_parameter: String,
    /// Whether its versions are wrapped a second time under the root's wrap key, so that it is ready without a person.
    pub recovery: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When anything about it last changed.
    pub updated_at: Timestamp,
    /// After how long the server makes a new version, milliseconds.
    pub rotation_period: Option<i64>,
    /// How often each version may protect something.
    pub usage_limit: Option<u64>,
    /// The active version.
    pub active: Option<u32>,
    /// Its versions, rising.
    pub versions: Vec<VersionView>,
}

/// The metadata of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionView {
    /// The version.
    pub number: u32,
    /// Where in its life it is.
    pub state: State,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was activated.
    pub activated_at: Option<Timestamp>,
    /// When it was deactivated.
    pub deactivated_at: Option<Timestamp>,
    /// When it was declared compromised.
    pub compromised_at: Option<Timestamp>,
    /// When it will be destroyed, or was.
    pub destroy_at: Option<Timestamp>,
    /// Whether it was brought by the user.
    pub imported: bool,
    /// How many stored values are sealed under it.
    pub stored: u64,
    /// How many of its limited uses are taken, those included that are set aside to be counted in memory.
    pub uses: Option<u64>,
    /// The public key of a version that has one.
    pub public: Option<Vec<u8>>,
}

impl Operation for Show {
    type Reply = KeyView;
    const ACTION: Action = Action::KeyShow;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<KeyView>, Stop> {
        let found: Found<'_, KeyBody> = existing(facts, Self::ACTION, &self.selector)?;
        let stored = facts.stored(found.id)?;
        Ok(Done::read(KeyView::of(found.id, found.body, stored)))
    }
}

/// Made anew for a retry: a change that answers with it is repeated by what is there.
impl Reply for KeyView {}

impl KeyView {
    pub(super) fn of(id: Id, key: &KeyBody, stored: &[(u32, u64)]) -> Self {
        let count = |number| stored.iter().find(|(version, _)| *version == number).map_or(0, |(_, count)| *count);
        Self {
            id,
            name: key.name.clone(),
            purpose: key.purpose,
            algorithm: key.algorithm,
            protector: key.protector.clone(),
            protector_parameter: key.protector_parameter.clone(),
            recovery: key.has_recovery(),
            created_at: key.created_at,
            updated_at: key.updated_at,
            rotation_period: key.rotation_period,
            usage_limit: key.usage_limit,
            active: key.active().map(|version| version.number),
            versions: key.versions.iter().map(|version| VersionView::of(version, count(version.number))).collect(),
        }
    }
}

impl VersionView {
    fn of(version: &KeyVersion, stored: u64) -> Self {
        let when = |at: Timestamp| (at.0 != 0).then_some(at);
        Self {
            number: version.number,
            state: version.state,
            created_at: version.created_at,
            activated_at: when(version.activated_at),
            deactivated_at: when(version.deactivated_at),
            compromised_at: version.compromised_at,
            destroy_at: version.destroy_at,
            imported: version.imported.unwrap_or(false),
            stored,
            uses: version.reserved,
            public: version.public.as_ref().map(|public| public.to_vec()),
        }
    }
}
