//! `token.revoke`: a token is worth nothing from the moment this is answered.

use strongroom_envelope::Id;

use super::body::TokenBody;
use crate::policy::{Action, Object};
use crate::rule::{Change, Done, Facts, NameChange, Operation, Refusal, Reply, Stop};

/// Revokes a token.
#[derive(Debug)]
pub struct Revoke {
    /// Which token.
    pub id: Id,
}

/// The token that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeReply {
    /// Its id.
    pub id: Id,
}

impl Operation for Revoke {
    type Reply = RevokeReply;
    const ACTION: Action = Action::TokenRevoke;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<RevokeReply>, Stop> {
        facts.permit(Self::ACTION, Object::Id(self.id))?;
        let key = TokenBody::record_key(self.id);
        if facts.record::<TokenBody>(key)?.is_none() {
            return Err(Refusal::NotFound { what: "token", target: self.id.to_string() }.into());
        }
        let change = Change::Delete { key, name: NameChange::None };
        Ok(facts.commit_witnessed(RevokeReply { id: self.id }, vec![change]))
    }
}

impl Reply for RevokeReply {
    fn remember(&self) -> Vec<u8> {
        self.id.0.to_vec()
    }

    fn recall(remembered: &[u8]) -> Option<Self> {
        Id::from_slice(remembered).ok().map(|id| Self { id })
    }
}
