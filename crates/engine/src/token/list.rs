//! `token.list`: the tokens that were issued and not revoked, without their text.

use strongroom_envelope::{Id, Timestamp};

use super::body::TokenBody;
use crate::policy::{Action, Object};
use crate::rule::{Done, Facts, IdsRequest, Operation, Refusal, Reply, Stop};

/// The longest page.
pub const LIST_LIMIT: usize = 1000;

/// Lists tokens in the order they were issued.
#[derive(Debug)]
pub struct List {
    /// Only tokens after this one: the `next` of the page before.
    pub after: Option<Id>,
    /// At most so many, 1 to [`LIST_LIMIT`].
    pub limit: usize,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListReply {
    /// The tokens, expired ones included.
    pub entries: Vec<TokenView>,
    /// Tokens whose record cannot be read now, and why.
    pub withheld: Vec<(Id, Refusal)>,
    /// Where the next page begins; none on the last.
    pub next: Option<Id>,
}

/// One token of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenView {
    /// Its id.
    pub id: Id,
    /// The word of its role.
    pub role: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// From this moment on it is worth nothing.
    pub expires_at: Timestamp,
    /// Whether that moment is past.
    pub expired: bool,
    /// Who issued it.
    pub issued_by: String,
    /// What it is for.
    pub description: Option<String>,
}

impl Operation for List {
    type Reply = ListReply;
    const ACTION: Action = Action::TokenList;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<ListReply>, Stop> {
        facts.permit(Self::ACTION, Object::System)?;
        if !(1..=LIST_LIMIT).contains(&self.limit) {
            return Err(Refusal::Invalid { field: "limit", reason: format!("choose 1 to {LIST_LIMIT}") }.into());
        }
        let request = IdsRequest { kind: TokenBody::KIND, after: self.after, limit: self.limit + 1, unfinished: false };
        let ids = facts.ids(&request)?;
        let shown = ids.get(..self.limit).unwrap_or(ids);
        facts.prefetch(shown.iter().map(|id| TokenBody::record_key(*id)))?;

        let next = if shown.len() < ids.len() { shown.last().copied() } else { None };
        let mut reply = ListReply { entries: Vec::with_capacity(shown.len()), withheld: Vec::new(), next };
        for id in shown {
            match facts.record::<TokenBody>(TokenBody::record_key(*id)) {
                Ok(Some(token)) => reply.entries.push(TokenView::of(*id, token, facts.now())),
                // Revoked since the page was made.
                Ok(None) => {}
                Err(Stop::Refused(why)) => reply.withheld.push((*id, why)),
                Err(other) => return Err(other),
            }
        }
        facts.count(u32::try_from(reply.entries.len()).unwrap_or(u32::MAX));
        Ok(Done::read(reply))
    }
}

impl TokenView {
    fn of(id: Id, token: &TokenBody, now: Timestamp) -> Self {
        Self {
            id,
            role: token.role.clone(),
            created_at: token.created_at,
            expires_at: token.expires_at,
            expired: token.is_expired(now),
            issued_by: token.issued_by.clone(),
            description: token.description.clone(),
        }
    }
}

impl Reply for ListReply {}
