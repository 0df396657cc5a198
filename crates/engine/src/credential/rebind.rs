//! `credential.rebind`: a credential is given to an account as it is on this host today.

use strongroom_envelope::Id;

use super::body::CredentialBody;
use super::host::{Account, HostId};
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
    /// The account, as it is on this host now; or why there is none. It is told to those who may know only.
    pub account: Result<Account, Refusal>,
    /// This host.
    pub host: HostId,
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
    /// The account.
    pub account: Account,
}

impl Operation for Rebind {
    type Reply = RebindReply;
    const ACTION: Action = Action::CredentialRebind;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<RebindReply>, Stop> {
        let found = existing::<CredentialBody>(facts, Self::ACTION, &self.selector)?;
        let account = self.account.clone()?;
        account.check()?;
        refuse_other_revision(self.expected_revision, found.body.revision)?;
        let unsealed = open(facts, found.id, found.body)?;
        let revision = next_revision(found.body.revision)?;
        let master = facts.key(&KeyChoice::Primary(KEY_NAME))?;
        let binding = account.binding(&self.host);
        let sealed = seal_under(facts, &master, &binding, (found.id, revision), &unsealed.value)?;
        let mut credential = found.body.clone();
        credential.take(sealed);
        (credential.account, credential.uid) = (account.name.clone(), account.uid);
        (credential.host, credential.revision, credential.updated_at) = (self.host, revision, facts.now());
        (credential.public_key, credential.enrolled_at) = (None, None);
        let reply = RebindReply { id: found.id, name: credential.name.clone(), revision, account };
        Ok(facts.commit_witnessed(reply, vec![change(found.id, &credential, NameChange::None)]))
    }
}

impl Reply for RebindReply {
    fn remember(&self) -> Vec<u8> {
        let Self { id, name, revision, account } = self;
        let kept = Remembered::of(*id, name, *revision);
        Remembered { uid: Some(account.uid), account: Some(account.name.clone()), ..kept }.encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, name, revision, uid, account, .. } = Remembered::decode(remembered)?;
        Some(Self { id, name, revision, account: Account { name: account?, uid: uid? } })
    }
}
