//! The text form of a two-tier value: `sr2.` and base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The text is not a two-tier value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextRefusal {
    /// It does not begin with `sr2.`.
    #[error("a two-tier value in text form begins with {PREFIX}")]
    Prefix,
    /// A character that is not base64url, padding, a length that cannot be, or trailing bits that are not zero.
    #[error("the text after {PREFIX} is not base64url without padding")]
    Encoding,
}

/// A two-tier value as text.
#[must_use]
pub fn to_text(sealed: &[u8]) -> String {
    let mut text = String::with_capacity(PREFIX.len() + sealed.len().div_ceil(3) * 4);
    text.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(sealed, &mut text);
    text
}

/// The two-tier value that [`to_text`] wrote; see [`parse`](super::parse) for what it says.
///
/// # Errors
/// For every other text; each value has one text.
pub fn from_text(text: &str) -> Result<Vec<u8>, TextRefusal> {
    let encoded = text.strip_prefix(PREFIX).ok_or(TextRefusal::Prefix)?;
    URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TextRefusal::Encoding)
}

const PREFIX: &str = "sr2.";
