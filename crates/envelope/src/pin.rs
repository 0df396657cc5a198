//! What a certificate is recognised by, whatever its names and dates: the digest of its public key (docs/spec/credential.md).

use core::fmt;

use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};
use strongroom_crypto::hash::sha256;

use crate::body::fixed_bytes;

/// SHA-256 of a public key as it stands in certificates: the SubjectPublicKeyInfo, in DER (RFC 5280, section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin(pub [u8; 32]);

/// The text is not a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pin is `sha256:` and 64 hexadecimal digits")]
pub struct PinRefusal;

impl Pin {
    /// The pin of a public key: SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn of_public_key(spki: &[u8]) -> Self {
        Self(sha256(&[spki]))
    }

    /// Reads `sha256:<64 hexadecimal digits>`; the digits in either case, white space around it left out.
    ///
    /// # Errors
    /// [`PinRefusal`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PinRefusal> {
        let digits = text.trim().strip_prefix(PREFIX).ok_or(PinRefusal)?;
        crate::hexadecimal::parse(&digits.to_ascii_lowercase()).map(Self).ok_or(PinRefusal)
    }
}

const PREFIX: &str = "sha256:";

impl fmt::Display for Pin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(PREFIX)?;
        formatter.write_str(&crate::hexadecimal::text(&self.0))
    }
}

impl<C> Encode<C> for Pin {
    fn encode<W: Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        encoder.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Pin {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        fixed_bytes(decoder).map(Self)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pins_read_and_print() {
        let text = "sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff";
        let pin = Pin::parse(text).unwrap();
        assert_eq!((pin.0[0], pin.0[10], pin.0[31]), (0, 10, 255));
        assert_eq!(pin.to_string(), text);
        assert_eq!(Pin::parse(&format!(" {}\n", text.to_uppercase().replace("SHA256", "sha256"))), Ok(pin));
    }

    #[test]
    fn other_texts_are_no_pins() {
        let digits = "00".repeat(32);
        for text in [
            digits.clone(),
            format!("sha512:{digits}"),
            format!("sha256:{digits}00"),
            format!("sha256:{}", &digits[2..]),
            format!("sha256:{}zz", &digits[2..]),
            format!("sha256:{}é", &digits[2..]),
            String::new(),
        ] {
            assert_eq!(Pin::parse(&text), Err(PinRefusal), "{text}");
        }
    }
}
