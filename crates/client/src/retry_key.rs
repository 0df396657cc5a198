//! What makes a retry of a change safe.

use std::fmt::Write;

use hyper::header::HeaderValue;

/// Names one change: however often it is sent with this key, within 24 hours it is done once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The text is not an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key has 1 to 128 printable ASCII characters without spaces")]
pub struct IdempotencyKeyRefusal;

impl IdempotencyKey {
    /// A key nobody else has.
    #[must_use]
    pub fn random() -> Self {
        let mut random = [0; 16];
        strongroom_crypto::random::fill(&mut random);
        let mut text = String::with_capacity(32);
        for byte in random {
            write!(text, "{byte:02x}").expect("a string takes what is written to it");
        }
        Self(text)
    }

    /// The caller's own key, which survives a restart of the caller.
    ///
    /// # Errors
    /// [`IdempotencyKeyRefusal`] for a text the server would not take.
    pub fn parse(text: &str) -> Result<Self, IdempotencyKeyRefusal> {
        let usable = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if usable { Ok(Self(text.to_owned())) } else { Err(IdempotencyKeyRefusal) }
    }

    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("printable ASCII is a header value")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn random_keys_differ_and_are_usable() {
        let (first, second) = (IdempotencyKey::random(), IdempotencyKey::random());
        assert_ne!(first, second);
        assert_eq!(IdempotencyKey::parse(&first.0).unwrap(), first);
    }

    #[test]
    fn what_the_server_would_refuse_is_refused() {
        for text in [String::new(), "a b".to_owned(), "ä".to_owned(), "a\n".to_owned(), "x".repeat(129)] {
            assert_eq!(IdempotencyKey::parse(&text), Err(IdempotencyKeyRefusal), "{text:?}");
        }
        assert!(IdempotencyKey::parse(&"x".repeat(128)).is_ok());
    }
}
