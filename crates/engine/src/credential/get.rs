//! `credential.get`: the value of a credential, for the account it belongs to.

use strongroom_envelope::credential;
use strongroom_envelope::{Id, Timestamp};
use strongroom_secret::SecretBytes;

use super::host::Seen;
use super::owned::owned;
use super::seal::open;
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Done, Facts, Operation, Refusal, Reply, Stop};

/// Reads a value.
#[derive(Debug)]
pub struct Get {
    /// Which credential.
    pub selector: Selector,
    /// What was seen of the caller's account and of this host; none of a caller whom the kernel did not name.
    pub seen: Option<Seen>,
}

/// A value, and what is known about it.
#[derive(Debug)]
pub struct GetReply {
    /// The credential.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// How often value or binding were changed.
    pub revision: u32,
    /// The uid of the local account it is bound to.
    pub uid: Option<u32>,
    /// When value or binding last changed.
    pub updated_at: Timestamp,
    /// The value.
    pub value: Released,
}

/// How a value leaves.
#[derive(Debug)]
pub enum Released {
    /// As it is: the account is not enrolled.
    Clear(SecretBytes),
    /// Sealed to the account's public key (docs/spec/credential.md).
    Sealed(Vec<u8>),
}

impl Operation for Get {
    type Reply = GetReply;
    const ACTION: Action = Action::CredentialGet;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<GetReply>, Stop> {
        let found = owned(facts, Self::ACTION, &self.selector)?;
        let credential = found.body;
        credential.refuse_changed(facts, self.seen.as_ref())?;
        let unsealed = open(facts, found.id, credential)?;
        let value = match &credential.public_key {
            None => Released::Clear(unsealed.value),
            Some(enrolled) => {
                let bond = credential.bond(found.id);
                let proof_key = credential::proof_key(&unsealed.data_key, bond, enrolled);
                let sealed = credential::seal(enrolled, bond, &proof_key, &unsealed.value);
                Released::Sealed(sealed.map_err(|_| Refusal::DoesNotOpen)?)
            }
        };
        Ok(Done::read(GetReply {
            id: found.id,
            name: credential.name.clone(),
            revision: credential.revision,
            uid: credential.uid,
            updated_at: credential.updated_at,
            value,
        }))
    }
}

/// Never kept: it holds a value.
impl Reply for GetReply {}
