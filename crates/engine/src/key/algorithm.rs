//! What a key is used with that does not seal values.

use minicbor::{Decode, Encode};
use strongroom_crypto::asymmetric;
use strongroom_envelope::value::Purpose;

/// How MACs and signatures are made, and column encryption keys wrapped. The words stand in records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256 (RFC 2104).
    HmacSha256,
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over P-256 with SHA-256 (FIPS 186-5); signatures are ASN.1 DER.
    EcdsaP256Sha256,
    /// RSASSA-PSS with a modulus of 3072 bits, SHA-256, MGF1-SHA-256 and a salt of 32 bytes (RFC 8017).
    RsaPss3072Sha256,
    /// RSA with a modulus of 3072 bits, for the envelopes of column encryption keys (docs/spec/column-key.md).
    Rsa3072Oaep,
    /// AES-256, for column encryption keys that are sealed values.
    Aes256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 6] = [
        Self::HmacSha256,
        Self::Ed25519,
        Self::EcdsaP256Sha256,
        Self::RsaPss3072Sha256,
        Self::Rsa3072Oaep,
        Self::Aes256,
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha-256",
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha-256",
            Self::RsaPss3072Sha256 => "rsa-pss-3072-sha-256",
            Self::Rsa3072Oaep => "rsa-3072-oaep",
            Self::Aes256 => "aes-256",
        }
    }

    /// The algorithm with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.word() == word)
    }

    /// The algorithm of signatures that this is, if it is one.
    #[must_use]
    pub const fn signature(self) -> Option<asymmetric::Algorithm> {
        match self {
            Self::HmacSha256 | Self::Rsa3072Oaep | Self::Aes256 => None,
            Self::Ed25519 => Some(asymmetric::Algorithm::Ed25519),
            Self::EcdsaP256Sha256 => Some(asymmetric::Algorithm::EcdsaP256Sha256),
            Self::RsaPss3072Sha256 => Some(asymmetric::Algorithm::RsaPss3072Sha256),
        }
    }

    /// What a key of this algorithm is for.
    #[must_use]
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::HmacSha256 => Purpose::Mac,
            Self::Ed25519 | Self::EcdsaP256Sha256 | Self::RsaPss3072Sha256 => Purpose::Sign,
            Self::Rsa3072Oaep | Self::Aes256 => Purpose::Columns,
        }
    }

    /// What a key of this purpose is used with when nothing else was said; none for a key that seals values.
    #[must_use]
    pub const fn usual(purpose: Purpose) -> Option<Self> {
        match purpose {
            Purpose::Mac => Some(Self::HmacSha256),
            Purpose::Sign => Some(Self::Ed25519),
            Purpose::Columns => Some(Self::Rsa3072Oaep),
            _ => None,
        }
    }
}

impl<C> Encode<C> for Algorithm {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.str(self.word())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Algorithm {
    fn decode(decoder: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::from_word(decoder.str()?)
            .ok_or_else(|| minicbor::decode::Error::message("an algorithm that is not known"))
    }
}
