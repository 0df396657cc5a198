//! `credential.enroll`: from now on the value leaves only sealed to a key that the account keeps.

use strongroom_crypto::kem;
use strongroom_envelope::{Id, credential};

use super::body::CredentialBody;
use super::change;
use super::host::Seen;
use super::owned::owned;
use super::reply::Remembered;
use super::seal::open;
use crate::name::{Name, Selector};
use crate::policy::Action;
use crate::rule::{Done, Facts, NameChange, Operation, Refusal, Reply, Stop};

/// Enrols the account that a credential belongs to, or gives another public key of it.
#[derive(Debug)]
pub struct Enroll {
    /// Which credential.
    pub selector: Selector,
    /// The account's public key.
    pub public_key: [u8; kem::PUBLIC_KEY],
    /// Shows that the account still has the private key it is enrolled with (docs/spec/credential.md).
    pub proof: Option<[u8; 32]>,
    /// What was seen of the caller's account and of this host; none of a caller whom the kernel did not name.
    pub seen: Option<Seen>,
}

/// What the account is enrolled for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollReply {
    /// The credential.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// Its revision, which stays.
    pub revision: u32,
}

impl Operation for Enroll {
    type Reply = EnrollReply;
    const ACTION: Action = Action::CredentialEnroll;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<EnrollReply>, Stop> {
        let found = owned(facts, Self::ACTION, &self.selector)?;
        found.body.refuse_changed(facts, self.seen.as_ref())?;
        if kem::encapsulate(&self.public_key).is_err() {
            let reason = "nothing can be sealed to this key; make one with `strongroom credential enroll`".to_owned();
            return Err(Refusal::Invalid { field: "public_key", reason }.into());
        }
        let (name, revision) = (found.body.name.clone(), found.body.revision);
        let reply = EnrollReply { id: found.id, name, revision };
        match &found.body.public_key {
            Some(enrolled) if *enrolled == self.public_key => return Ok(Done::read(reply)),
            Some(enrolled) => self.refuse_unproven(facts, found.id, found.body, enrolled)?,
            None => {}
        }
        let mut credential = found.body.clone();
        (credential.public_key, credential.enrolled_at) = (Some(self.public_key), Some(facts.now()));
        Ok(facts.commit_witnessed(reply, vec![change(found.id, &credential, NameChange::None)]))
    }
}

impl Enroll {
    fn refuse_unproven(
        &self,
        facts: &mut Facts<'_>,
        id: Id,
        found: &CredentialBody,
        enrolled: &[u8; kem::PUBLIC_KEY],
    ) -> Result<(), Stop> {
        let refused = || Stop::Refused(Refusal::OtherKeyEnrolled { name: found.name.to_string() });
        let shown = self.proof.as_ref().ok_or_else(refused)?;
        let unsealed = open(facts, id, found)?;
        let bond = found.bond(id);
        let proof_key = credential::proof_key(&unsealed.data_key, bond, enrolled);
        if credential::proves(&proof_key, bond, &self.public_key, shown) { Ok(()) } else { Err(refused()) }
    }
}

impl Reply for EnrollReply {
    fn remember(&self) -> Vec<u8> {
        Remembered::of(self.id, &self.name, self.revision).encode()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        let Remembered { id, name, revision, .. } = Remembered::decode(remembered)?;
        Some(Self { id, name, revision })
    }
}
