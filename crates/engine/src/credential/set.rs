//! `credential.set`: a new credential for an account, or a new value of one.

use strongroom_envelope::Id;
use strongroom_secret::SecretBytes;

use super::body::CredentialBody;
use super::host::{Account, Change, HostId};
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
    /// The account it belongs to, as it is on this host now; or why there is none. It is told to those who may know only.
    pub account: Result<Account, Refusal>,
    /// This host.
    pub host: HostId,
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
    /// The uid it is bound to.
    pub uid: u32,
    /// Whether the credential is new.
    pub created: bool,
}

impl Operation for Set {
    type Reply = SetReply;
    const ACTION: Action = Action::CredentialSet;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<SetReply>, Stop> {
        let found = find::<CredentialBody>(facts, Self::ACTION, &self.selector)?;
        let account = self.account.clone()?;
        account.check()?;
        self.check_value()?;
        match found {
            Some(found) => self.update(facts, &account, &found),
            None => self.create(facts, &account),
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

    fn create(&self, facts: &mut Facts<'_>, account: &Account) -> Result<Done<SetReply>, Stop> {
        let Selector::Name(name) = &self.selector else {
            return Err(missing::<CredentialBody>(&self.selector).into());
        };
        refuse_other_revision(self.expected_revision, 0)?;
        let master = facts.key(&KeyChoice::Primary(KEY_NAME))?;
        let (id, now) = (facts.new_id(), facts.now());
        let sealed = seal_under(facts, &master, &account.binding(&self.host), (id, 1), &self.value)?;
        let credential = CredentialBody::new(name.clone(), account, &self.host, now, sealed);
        let reply = SetReply { id, name: name.clone(), revision: 1, uid: account.uid, created: true };
        Ok(facts.commit(reply, vec![change(id, &credential, NameChange::Take(name.clone()))]))
    }

    /// A value goes to the account that the record names: another one is given by a rebinding, which is an act of its own.
    fn update(
        &self,
        facts: &mut Facts<'_>,
        account: &Account,
        found: &Found<'_, CredentialBody>,
    ) -> Result<Done<SetReply>, Stop> {
        let mut credential = found.body.clone();
        refuse_other_revision(self.expected_revision, credential.revision)?;
        if let Some(other) = self.differs(account, &credential) {
            return Err(credential.changed(other).into());
        }
        let revision = next_revision(credential.revision)?;
        let master = facts.key(&KeyChoice::Primary(KEY_NAME))?;
        let sealed = seal_under(facts, &master, &credential.binding(), (found.id, revision), &self.value)?;
        credential.take(sealed);
        (credential.revision, credential.updated_at) = (revision, facts.now());
        let (name, uid) = (credential.name.clone(), credential.uid);
        let reply = SetReply { id: found.id, name, revision, uid, created: false };
        Ok(facts.commit(reply, vec![change(found.id, &credential, NameChange::None)]))
    }

    fn differs(&self, account: &Account, credential: &CredentialBody) -> Option<Change> {
        if self.host != credential.host {
            Some(Change::OtherHost)
        } else if account.name != credential.account {
            Some(Change::OtherAccount)
        } else {
            (account.uid != credential.uid).then_some(Change::UidChanged)
        }
    }
}

impl Reply for SetReply {
    fn remember(&self) -> Vec<u8> {
        let Self { id, name, revision, uid, created } = self;
        let kept = Remembered::of(*id, name, *revision);
        Remembered { uid: Some(*uid), created: Some(*created), ..kept }.encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, name, revision, uid, created, .. } = Remembered::decode(remembered)?;
        Some(Self { id, name, revision, uid: uid?, created: created? })
    }
}
