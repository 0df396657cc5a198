//! `credential.show`: what is known about a credential, without its value.

use strongroom_crypto::kem;
use strongroom_envelope::{Id, Timestamp};

use super::body::CredentialBody;
use super::owner::Owner;
use crate::find::existing;
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Done, Facts, Operation, Reply, Stop};

/// Reads what is known about it.
#[derive(Debug)]
pub struct Show {
    /// Which credential.
    pub selector: Selector,
}

/// What is known about a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// To whom it belongs, as it was recorded.
    pub owner: Owner,
    /// How often value or binding were changed.
    pub revision: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When value or binding last changed.
    pub updated_at: Timestamp,
    /// The account's public key and since when, once it is enrolled.
    pub enrolled: Option<([u8; kem::PUBLIC_KEY], Timestamp)>,
}

impl Entry {
    pub(super) fn of(id: Id, credential: &CredentialBody) -> Self {
        Self {
            id,
            name: credential.name.clone(),
            owner: credential.owner(),
            revision: credential.revision,
            created_at: credential.created_at,
            updated_at: credential.updated_at,
            enrolled: credential.public_key.zip(credential.enrolled_at),
        }
    }
}

impl Operation for Show {
    type Reply = Entry;
    const ACTION: Action = Action::CredentialShow;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<Entry>, Stop> {
        let found = existing::<CredentialBody>(facts, Self::ACTION, &self.selector)?;
        Ok(Done::read(Entry::of(found.id, found.body)))
    }
}

impl Reply for Entry {}
