//! `credential.rebind`: a credential is given to an account as it is on this host today, to client certificates, or to both.

use strongroom_envelope::Id;

use super::body::CredentialBody;
use super::owner::Owner;
use super::reply::Remembered;
use super::seal::{open, seal_under};
use super::{KEY_NAME, change, next_revision, refuse_other_revision};
use crate::find::existing;
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Done, Facts, KeyChoice, NameChange, Operation, Refusal, Reply, Stop};

/// Binds a credential anew. Its value stays; the key of the account that was enrolled is forgotten.
#[derive(Debug)]
pub struct Rebind {
    /// Which credential.
    pub selector: Selector,
    /// To whom it belongs from now on; or why that cannot be. It is told to those who may know only.
    pub owner: Result<Owner, Refusal>,
    /// Only when this revision is there.
    pub expected_revision: Option<u32>,
}

/// What it is bound to now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebindReply {
    /// The credential.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// The revision that was made.
    pub revision: u32,
    /// To whom it belongs.
    pub owner: Owner,
}

impl Operation for Rebind {
    type Reply = RebindReply;
    const ACTION: Action = Action::CredentialRebind;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<RebindReply>, Stop> {
        let found = existing::<CredentialBody>(facts, Self::ACTION, &self.selector)?;
        let owner = self.owner.clone()?;
        owner.check()?;
        refuse_other_revision(self.expected_revision, found.body.revision)?;
        let unsealed = open(facts, found.id, found.body)?;
        let revision = next_revision(found.body.revision)?;
        let master = facts.key(&KeyChoice::Primary(KEY_NAME))?;
        let sealed = seal_under(facts, &master, &owner.binding(), (found.id, revision), &unsealed.value)?;
        let mut credential = found.body.clone();
        credential.take(sealed);
        credential.give_to(owner.clone());
        (credential.revision, credential.updated_at) = (revision, facts.now());
        (credential.public_key, credential.enrolled_at) = (None, None);
        let reply = RebindReply { id: found.id, name: credential.name.clone(), revision, owner };
        Ok(facts.commit_witnessed(reply, vec![change(found.id, &credential, NameChange::None)]))
    }
}

impl Reply for RebindReply {
    fn remember(&self) -> Vec<u8> {
        let Self { id, name, revision, owner } = self;
        Remembered::of(*id, name, *revision).with_owner(owner).encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let kept = Remembered::decode(remembered)?;
        let owner = kept.owner();
        Some(Self { id: kept.id, name: kept.name, revision: kept.revision, owner })
    }
}
