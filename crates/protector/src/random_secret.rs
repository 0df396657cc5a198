//! What shares, certificates, tokens and plug-ins have in common: they keep 32 random bytes, and the wrapping key is
//! derived from these, the salt and the place, so that a blob moved to another record opens nothing.

use strongroom_crypto::{derive, labels};
use strongroom_envelope::Id;
use strongroom_envelope::protector::ProtectorKind as Kind;
use strongroom_secret::{ProtectorSecret, WrappingKey};

use crate::protector::WrappingTerms;
use crate::unwrap::UnwrapError;

/// Whose secret it is: no secret of another store, protector or kind yields the same key.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) store_id: Id,
    pub(crate) protector_id: Id,
    pub(crate) kind: Kind,
}

impl Place {
    /// What the kind's own means bind the blob to, where they can.
    pub(crate) fn context(self) -> Vec<u8> {
        let mut context = labels::WRAPPING_CONTEXT.as_bytes().to_vec();
        context.extend(self.bytes());
        context
    }

    pub(crate) fn wrapping_key(self, secret: &ProtectorSecret, salt: &[u8]) -> WrappingKey {
        let place = self.bytes();
        WrappingKey::fill_with(|key| derive::into(salt, &[secret.expose()], labels::WRAPPING_KEY, &place, key))
    }

    fn bytes(self) -> Vec<u8> {
        let kind = self.kind.name().as_bytes();
        let length = u8::try_from(kind.len()).expect("the names of kinds are short");
        [&self.store_id.0[..], &self.protector_id.0, &[length], kind].concat()
    }
}

/// A new secret.
pub(crate) fn draw(fill: &mut dyn FnMut(&mut [u8])) -> ProtectorSecret {
    ProtectorSecret::fill_with(|secret| fill(secret))
}

/// Terms of a new wrap; `blob` is one of the kind's own.
pub(crate) fn new_terms(parameter: &str, blob: Vec<u8>, fill: &mut dyn FnMut(&mut [u8])) -> WrappingTerms {
    WrappingTerms { parameter: parameter.to_owned(), blob, ..WrappingTerms::salted(fill) }
}

/// The blob, when the terms are of this kind and for this section of the configuration.
pub(crate) fn blob_of<'a>(terms: &'a WrappingTerms, kind: Kind, parameter: &str) -> Result<&'a [u8], UnwrapError> {
    if terms.parameters.is_some() {
        return Err(UnwrapError::Derivation { kind });
    }
    if terms.parameter != parameter {
        return Err(UnwrapError::OtherParameter { expected: parameter.to_owned(), found: terms.parameter.clone() });
    }
    Ok(&terms.blob)
}

/// Decodes a blob, encodes it again and compares, so that there is one form only.
pub(crate) fn decode_blob<'b, T>(bytes: &'b [u8], kind: Kind) -> Result<T, UnwrapError>
where
    T: minicbor::Encode<()> + minicbor::Decode<'b, ()>,
{
    let blob: T = minicbor::decode(bytes).map_err(|_| UnwrapError::Blob { kind })?;
    if encode_blob(&blob) == bytes { Ok(blob) } else { Err(UnwrapError::Blob { kind }) }
}

pub(crate) fn encode_blob<T: minicbor::Encode<()>>(blob: &T) -> Vec<u8> {
    minicbor::to_vec(blob).expect("writing to a vector does not fail")
}
