//! `token.issue`: a new token, shown once.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_crypto::hash;
use strongroom_envelope::{Id, Timestamp, body};
use strongroom_secret::{AccessToken, SecretBytes};
use zeroize::Zeroizing;

use super::body::{PREFIX, RANDOM_BYTES, RANDOM_TEXT_BYTES, TokenBody};
use crate::policy::{Action, Object, Role};
use crate::rule::{Change, Done, Facts, NameChange, Operation, Refusal, Reply, Stop};

/// How long a token can live: one minute to 366 days.
pub const LIFETIME_MILLISECONDS: RangeInclusive<i64> = 60_000..=366 * 24 * 60 * 60 * 1000;
/// The longest description.
pub const DESCRIPTION_BYTES: usize = 256;

/// Issues a token.
#[derive(Debug)]
pub struct Issue {
    /// What its holder may do.
    pub role: Role,
    /// How long it lives, within [`LIFETIME_MILLISECONDS`].
    pub expires_in_milliseconds: i64,
    /// What it is for, at most [`DESCRIPTION_BYTES`], without control characters.
    pub description: Option<String>,
}

/// A new token. Its text is here and nowhere else.
#[derive(Debug)]
pub struct IssueReply {
    /// By which it is listed and revoked.
    pub id: Id,
    /// The text its holder presents.
    pub token: AccessToken,
    /// What its holder may do.
    pub role: Role,
    /// When it was issued.
    pub created_at: Timestamp,
    /// From this moment on it is worth nothing.
    pub expires_at: Timestamp,
}

impl Issue {
    fn check(&self) -> Result<(), Refusal> {
        if !LIFETIME_MILLISECONDS.contains(&self.expires_in_milliseconds) {
            let reason = "a token lives at least one minute and at most 366 days".to_owned();
            return Err(Refusal::Invalid { field: "expires", reason });
        }
        let Some(description) = &self.description else {
            return Ok(());
        };
        let (what, actual, limit) = ("the description", description.len(), DESCRIPTION_BYTES);
        if actual > limit {
            return Err(Refusal::TooLarge { what, actual, limit });
        }
        if description.chars().any(char::is_control) {
            let reason = "it holds control characters".to_owned();
            return Err(Refusal::Invalid { field: "description", reason });
        }
        Ok(())
    }
}

impl Operation for Issue {
    type Reply = IssueReply;
    const ACTION: Action = Action::TokenIssue;

    fn apply(&self, facts: &mut Facts<'_>) -> Result<Done<IssueReply>, Stop> {
        let id = facts.new_id();
        facts.permit(Self::ACTION, Object::Id(id))?;
        self.check()?;
        let (token, digest) = new_token(facts);
        let created_at = facts.now();
        let expires_at = Timestamp(created_at.0.saturating_add(self.expires_in_milliseconds));
        let issued_by = facts.principal().identity.to_string();
        let times = (created_at, expires_at);
        let record = TokenBody::new(digest, self.role, times, issued_by, self.description.clone());
        let body = SecretBytes::from_vec(body::encode(&record));
        let change = Change::Put { key: TokenBody::record_key(id), body, name: NameChange::None };
        let reply = IssueReply { id, token, role: self.role, created_at, expires_at };
        Ok(facts.commit_witnessed(reply, vec![change]))
    }
}

/// Never kept: it holds the token.
impl Reply for IssueReply {}

fn new_token(facts: &mut Facts<'_>) -> (AccessToken, [u8; 32]) {
    let mut random = Zeroizing::new([0; RANDOM_BYTES]);
    facts.fill(random.as_mut_slice());
    let mut text = SecretBytes::with_capacity(PREFIX.len() + RANDOM_TEXT_BYTES);
    text.extend_from_slice(PREFIX.as_bytes());
    URL_SAFE_NO_PAD
        .encode_slice(random.as_slice(), text.extend_zeroed(RANDOM_TEXT_BYTES))
        .expect("32 bytes are 43 characters of base64url");
    let digest = hash::sha256(&[text.expose()]);
    (AccessToken::from_bytes(text).expect("base64url is text"), digest)
}
