//! The RSA protector: a secret under the public key of a certificate, opened by its private key.
//!
//! Whoever has the certificate can wrap a key of his own choice: what comes out is a candidate, and
//! whether it is the right key is shown by the record's MAC and the root id, never by the unwrap.

use std::sync::Arc;

use strongroom_crypto::oaep::{DecryptError, LEAST_BITS, PrivateKey};
use strongroom_envelope::Id;
use strongroom_envelope::protector::ProtectorKind as Kind;
use strongroom_secret::{ProtectorSecret, WrappingKey};

use crate::binding;
use crate::configuration::RsaSettings;
use crate::protector::{Protector, WrappingTerms};
use crate::random_secret::{self, Place};
use crate::secret_file::ForgetError;
use crate::surroundings::Surroundings;
use crate::unwrap::UnwrapError;
use crate::wrap::WrapError;

mod blob;
mod certificate;
#[cfg(feature = "pkcs12")]
mod der;
#[cfg(feature = "pkcs12")]
mod pkcs12;
mod private_key;
mod refusal;

use blob::Blob;
use certificate::Certificate;
pub use refusal::CertificateError;
#[cfg(feature = "pkcs12")]
pub use refusal::Pkcs12Problem;

/// Opens for whoever has the private key of the certificate.
pub struct Rsa {
    surroundings: Arc<Surroundings>,
    name: String,
    settings: RsaSettings,
}

impl Rsa {
    pub(crate) fn new(surroundings: Arc<Surroundings>, name: &str, settings: RsaSettings) -> Self {
        Self { surroundings, name: name.to_owned(), settings }
    }

    fn certificate(&self) -> Result<Certificate, CertificateError> {
        match &self.settings {
            RsaSettings::Files { certificate, .. } => Certificate::read(certificate),
            #[cfg(feature = "pkcs12")]
            RsaSettings::Pkcs12 { .. } => self.pair().map(|(certificate, _)| certificate),
        }
    }

    /// The certificate and the private key that belongs to it.
    fn pair(&self) -> Result<(Certificate, PrivateKey), CertificateError> {
        match &self.settings {
            RsaSettings::Files { certificate, private_key } => {
                let certificate = Certificate::read(certificate)?;
                let key = private_key::load(private_key, &certificate, &self.name)?;
                Ok((certificate, key))
            }
            #[cfg(feature = "pkcs12")]
            RsaSettings::Pkcs12 { file, password_file } => {
                let opened = pkcs12::open(file, password_file)?;
                let refused = |source| CertificateError::PrivateKey { path: file.clone(), source };
                let key = PrivateKey::from_pkcs8(opened.private_key.expose()).map_err(refused)?;
                for der in &opened.certificates {
                    match Certificate::of(der.expose(), file) {
                        Ok(certificate) if private_key::belongs(&key, &certificate) => return Ok((certificate, key)),
                        // That of somebody who signed it, of whatever kind.
                        Ok(_) | Err(_) => {}
                    }
                }
                Err(CertificateError::Pkcs12 { path: file.clone(), problem: Pkcs12Problem::NoCertificate })
            }
        }
    }

    fn place(&self, protector_id: Id) -> Place {
        Place { store_id: self.store_id(), protector_id, kind: Kind::Rsa }
    }
}

impl Protector for Rsa {
    fn kind(&self) -> Kind {
        Kind::Rsa
    }

    fn attended(&self) -> bool {
        false
    }

    fn store_id(&self) -> Id {
        self.surroundings.store_id
    }

    fn bound_to(&self) -> Vec<(String, String)> {
        let mut pairs = vec![binding::pair("certificate", &self.name)];
        if let Ok(certificate) = self.certificate() {
            pairs.push(binding::pair("subject", &certificate.subject));
            pairs.push(binding::pair("issuer", &certificate.issuer));
            pairs.push(binding::pair("serial", &binding::hex(&certificate.serial)));
            pairs.push(binding::pair("valid_until", &certificate.valid_until.rfc3339()));
            pairs.push(binding::pair("spki_sha256", &binding::hex(&certificate.fingerprint)));
        }
        pairs
    }

    fn new_wrapping_key(
        &self,
        protector_id: Id,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(WrappingKey, WrappingTerms), WrapError> {
        let (certificate, _) = self.pair()?;
        let place = self.place(protector_id);
        let secret = random_secret::draw(fill);
        let ciphertext = certificate
            .public_key
            .encrypt(&place.context(), secret.expose())
            .map_err(|source| CertificateError::Encrypt { source })?;
        let blob = Blob::new(&certificate, ciphertext);
        let terms = random_secret::new_terms(&self.name, random_secret::encode_blob(&blob), fill);
        Ok((place.wrapping_key(&secret, &terms.salt), terms))
    }

    fn wrapping_key(&self, protector_id: Id, terms: &WrappingTerms) -> Result<WrappingKey, UnwrapError> {
        let blob = Blob::read(random_secret::blob_of(terms, Kind::Rsa, &self.name)?)?;
        // Said before the private key is looked at.
        let certificate = self.certificate()?;
        if blob.fingerprint != certificate.fingerprint {
            return Err(CertificateError::Other {
                name: self.name.clone(),
                configured: binding::hex(&certificate.fingerprint),
                recorded: blob.named(),
            }
            .into());
        }
        let (_, private_key) = self.pair()?;
        let place = self.place(protector_id);
        let not_authentic = || UnwrapError::NotAuthentic { hint: self.hint() };
        let opened = private_key.decrypt(&place.context(), &blob.ciphertext).map_err(|DecryptError| not_authentic())?;
        let secret = ProtectorSecret::from_slice(opened.expose()).map_err(|_| not_authentic())?;
        Ok(place.wrapping_key(&secret, &terms.salt))
    }

    fn discard(&self, _protector_id: Id) -> Result<(), ForgetError> {
        Ok(())
    }

    fn hint(&self) -> &'static str {
        "the record was changed, or it was made for another store or protector"
    }
}

/// The longest modulus: its ciphertext fits the blob.
const MOST_BITS: usize = 8192;
const LEAST_CIPHERTEXT: usize = LEAST_BITS / 8;
const MOST_CIPHERTEXT: usize = MOST_BITS / 8;
