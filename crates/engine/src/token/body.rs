//! The body of a token's record (docs/spec/bodies.md) and the principal it stands for.

use minicbor::{Decode, Encode};
use strongroom_crypto::hash;
use strongroom_envelope::body::Body;
use strongroom_envelope::{Id, RecordKey, RecordKind, Timestamp};
use strongroom_secret::AccessToken;

use crate::policy::{Channel, Identity, Principal, Role};

/// What is stored of a token; its text is not.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TokenBody {
    #[n(0)]
    version: u32,
    /// SHA-256 of the token's text.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub text_sha256: [u8; 32],
    /// The word of its role.
    #[n(2)]
    pub role: String,
    /// When it was issued.
    #[n(3)]
    pub created_at: Timestamp,
    /// From this moment on it is worth nothing.
    #[n(4)]
    pub expires_at: Timestamp,
    /// Who issued it.
    #[n(5)]
    pub issued_by: String,
    /// What it is for.
    #[n(6)]
    pub description: Option<String>,
}

impl Body for TokenBody {}

impl TokenBody {
    pub(super) const KIND: RecordKind = RecordKind::Token;

    pub(super) const fn record_key(id: Id) -> RecordKey {
        RecordKey::new(Self::KIND, id)
    }

    pub(super) fn new(
        text_sha256: [u8; 32],
        role: Role,
        (created_at, expires_at): (Timestamp, Timestamp),
        issued_by: String,
        description: Option<String>,
    ) -> Self {
        let role = role.word().to_owned();
        Self { version: Self::VERSION, text_sha256, role, created_at, expires_at, issued_by, description }
    }

    /// Whether the token is over.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    /// Who holds the token `id`, or nobody when it is over. A role that this program does not know gives no rights. The
    /// channel is the network until the shell says otherwise.
    #[must_use]
    pub fn principal(&self, id: Id, now: Timestamp) -> Option<Principal> {
        if self.is_expired(now) {
            return None;
        }
        let role = Role::from_word(&self.role);
        Some(Principal { identity: Identity::Token { id }, role, channel: Channel::Network })
    }
}

/// SHA-256 of a token's text, by which it is found; none when the text cannot be a token.
#[must_use]
pub fn digest(token: &AccessToken) -> Option<[u8; 32]> {
    let text = token.expose();
    let random = text.strip_prefix(PREFIX)?;
    let is_form = random.len() == RANDOM_TEXT_BYTES
        && random.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    is_form.then(|| hash::sha256(&[text.as_bytes()]))
}

/// What every token begins with.
pub(super) const PREFIX: &str = "srt_";
/// How many random bytes a token holds.
pub(super) const RANDOM_BYTES: usize = 32;
/// How many characters they are in base64url without padding.
pub(super) const RANDOM_TEXT_BYTES: usize = (RANDOM_BYTES * 4).div_ceil(3);
