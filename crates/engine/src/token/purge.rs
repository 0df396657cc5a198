//! The end of an expired token's record; until then it is listed, so that one sees what was there.

use strongroom_envelope::{Id, Timestamp};

use super::body::TokenBody;
use crate::policy::{Action, Object};
use crate::rule::{Change, Done, Facts, NameChange, Operation, Reply, Stop};

/// Removes a token that expired long enough ago; the server does it by itself.
#[derive(Debug)]
pub struct Purge {
    /// Which token.
    pub id: Id,
    /// How long an expired token stays listed, in milliseconds.
    pub retention_milliseconds: i64,
}

/// Whether the token was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PurgeReply {
    /// It is gone.
    Removed,
    /// It is live, not expired for long enough, or not there.
    NotDue,
}

impl Operation for Purge {
    type Reply = PurgeReply;
    const ACTION: Action = Action::TokenRevoke;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<PurgeReply>, Stop> {
        facts.permit(Self::ACTION, Object::Id(self.id))?;
        let key = TokenBody::record_key(self.id);
        let token = facts.record::<TokenBody>(key)?;
        if !token.is_some_and(|token| self.is_due(token, facts.now())) {
            return Ok(Done::read(PurgeReply::NotDue));
        }
        Ok(facts.commit(PurgeReply::Removed, vec![Change::Delete { key, name: NameChange::None }]))
    }
}

impl Purge {
    fn is_due(&self, token: &TokenBody, now: Timestamp) -> bool {
        now.0 >= token.expires_at.0.saturating_add(self.retention_milliseconds)
    }
}

impl Reply for PurgeReply {}
