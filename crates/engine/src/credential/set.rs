//! `credential.set`: a new credential for an account, or a new value of one.

use strongroom_envelope::Id;
use strongroom_secret::SecretBytes;

use super::body::CredentialBody;
use super::host::{Change, Local};
use super::owner::Owner;
use super::reply::Remembered;
use super::seal::seal_under;
use super::{KEY_NAME, change, next_revision, refuse_other_revision};
use crate::find::{Found, find, missing};
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Done, Facts, KeyChoice, NameChange, Operation, Refusal, Reply, Stop};

/// The most bytes of a value: the largest private keys with their certificates have a tenth of it.
pub const VALUE_BYTES: usize = 64 << 10;

/// Stores a value. A credential that is there keeps its id, its binding and the enrolled key.
#[derive(Debug)]
pub struct Set {
    /// Which credential.
    pub selector: Selector,
    /// To whom it belongs; or why that cannot be. It is told to those who may know only.
    pub owner: Result<Owner, Refusal>,
    /// Its new value.
    pub value: SecretBytes,
    /// Only when this revision is there; 0: only when there is no such credential.
    pub expected_revision: Option<u32>,
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetReply {
    /// The credential.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// The revision that was made.
    pub revision: u32,
    /// The uid of the local account it is bound to.
    pub uid: Option<u32>,
    /// Whether the credential is new.
    pub created: bool,
}

impl Operation for Set {
    type Reply = SetReply;
    const ACTION: Action = Action::CredentialSet;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<SetReply>, Stop> {
        let found = find::<CredentialBody>(facts, Self::ACTION, &self.selector)?;
        let owner = self.owner.clone()?;
        owner.check()?;
        self.check_value()?;
        match found {
            Some(found) => self.update(facts, &owner, &found),
            None => self.create(facts, owner),
        }
    }
}

impl Set {
    fn check_value(&self) -> Result<(), Refusal> {
        match self.value.len() {
            0 => Err(Refusal::Invalid { field: "value", reason: "it is empty".to_owned() }),
            actual if actual > VALUE_BYTES => Err(Refusal::TooLarge { what: "the value", actual, limit: VALUE_BYTES }),
            _ => Ok(()),
        }
    }

    fn create(&self, facts: &mut Facts<'_>, owner: Owner) -> Result<Done<SetReply>, Stop> {
        let Selector::Name(name) = &self.selector else {
            return Err(missing::<CredentialBody>(&self.selector).into());
        };
        refuse_other_revision(self.expected_revision, 0)?;
        let master = facts.key(&KeyChoice::Primary(KEY_NAME))?;
        let (id, now) = (facts.new_id(), facts.now());
        let sealed = seal_under(facts, &master, &owner.binding(), (id, 1), &self.value)?;
        let credential = CredentialBody::new(name.clone(), owner, now, sealed);
        let reply = SetReply { id, name: name.clone(), revision: 1, uid: credential.uid, created: true };
        Ok(facts.commit(reply, vec![change(id, &credential, NameChange::Take(name.clone()))]))
    }

    /// A value goes to those whom the record names: others are given it by a rebinding, which is an act of its own.
    fn update(
        &self,
        facts: &mut Facts<'_>,
        owner: &Owner,
        found: &Found<'_, CredentialBody>,
    ) -> Result<Done<SetReply>, Stop> {
        let mut credential = found.body.clone();
        refuse_other_revision(self.expected_revision, credential.revision)?;
        if let Some(other) = differs(owner, &credential.owner()) {
            return Err(credential.changed(other).into());
        }
        let revision = next_revision(credential.revision)?;
        let master = facts.key(&KeyChoice::Primary(KEY_NAME))?;
        let sealed = seal_under(facts, &master, &owner.binding(), (found.id, revision), &self.value)?;
        credential.take(sealed);
        (credential.revision, credential.updated_at) = (revision, facts.now());
        let (name, uid) = (credential.name.clone(), credential.uid);
        let reply = SetReply { id: found.id, name, revision, uid, created: false };
        Ok(facts.commit(reply, vec![change(found.id, &credential, NameChange::None)]))
    }
}

/// What is different between those who were named and those it is bound to.
fn differs(named: &Owner, bound: &Owner) -> Option<Change> {
    let local = match (&named.local, &bound.local) {
        (Some(named), Some(bound)) => differs_locally(named, bound),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => Some(Change::OtherAccount),
    };
    local.or_else(|| (named.certificates != bound.certificates).then_some(Change::OtherCertificates))
}

fn differs_locally(named: &Local, bound: &Local) -> Option<Change> {
    if named.host != bound.host {
        Some(Change::OtherHost)
    } else if named.account.name != bound.account.name {
        Some(Change::OtherAccount)
    } else {
        (named.account.uid != bound.account.uid).then_some(Change::UidChanged)
    }
}

impl Reply for SetReply {
    fn remember(&self) -> Vec<u8> {
        let Self { id, name, revision, uid, created } = self;
        let kept = Remembered::of(*id, name, *revision);
        Remembered { uid: *uid, created: Some(*created), ..kept }.encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, name, revision, uid, created, .. } = Remembered::decode(remembered)?;
        Some(Self { id, name, revision, uid, created: created? })
    }
}
