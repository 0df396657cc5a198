//! Credentials of components: read by the account they belong to, and opened with the key it keeps.

use core::fmt;

use strongroom_api::credential::{EnrollReply, EnrollRequest, GetReply, GetRequest};
use strongroom_api::{Code, WireSecret};
use strongroom_envelope::Id;
use strongroom_envelope::credential::{self as sealed, Bond, CredentialError, NO_UID, Opened};
use strongroom_secret::SecretBytes;

use crate::call::Client;
use crate::credential_key::CredentialKey;
use crate::error::ClientError;

/// A credential as the server gave it out.
#[derive(Debug)]
pub struct Credential {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How often value or binding were changed.
    pub revision: u32,
    /// Its value.
    pub value: CredentialValue,
}

/// The value of a credential, in one of two forms.
pub enum CredentialValue {
    /// As it is: the account is not enrolled.
    Clear(SecretBytes),
    /// Sealed to the account's key.
    Sealed(SealedCredential),
}

/// A value that only the account's key opens.
pub struct SealedCredential {
    bond: Bond,
    sealed: SecretBytes,
}

impl SealedCredential {
    /// The value.
    ///
    /// # Errors
    /// When it was sealed to another key, or is not what the server made.
    pub fn open(&self, key: &CredentialKey) -> Result<SecretBytes, CredentialError> {
        self.opened(key).map(|opened| opened.value)
    }

    fn opened(&self, key: &CredentialKey) -> Result<Opened, CredentialError> {
        sealed::open(key.private(), self.bond, self.sealed.expose())
    }
}

/// Why an account could not be enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The server did not do it, or was not reached.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The old key is not the one that the account is enrolled with.
    #[error("the old key is not the one that the account is enrolled with")]
    OldKey(#[from] CredentialError),
}

impl Client {
    /// Reads a credential of the account this process runs under, by name or id. The target is a socket of the server, or the
    /// server over TLS with a client certificate ([`crate::Target::Certified`]).
    ///
    /// # Errors
    /// As [`Client::call`]: with the code `denied` for another account's, with `account_changed` when the account or the host is
    /// not what it was, with `certificate_not_valid` when the certificate has expired.
    pub async fn credential_get(&self, name: &str) -> Result<Credential, ClientError> {
        let reply = self.call(&GetRequest { name: name.to_owned() }).await?;
        let GetReply { id, name, revision, uid, value_base64, sealed_base64, .. } = reply;
        let value = match (value_base64, sealed_base64) {
            (Some(value), None) => CredentialValue::Clear(value.into_secret()),
            (None, Some(sealed)) => {
                let parsed = Id::parse(&id).map_err(|_| self.not_as_asked("the credential's id is none"))?;
                let bond = Bond { id: parsed, revision, uid: uid.unwrap_or(NO_UID) };
                CredentialValue::Sealed(SealedCredential { bond, sealed: sealed.into_secret() })
            }
            _ => return Err(self.not_as_asked("a credential has one value")),
        };
        Ok(Credential { id, name, revision, value })
    }

    /// Enrols the account this process runs under: from now on the value leaves the server only sealed to this key. `old` is the
    /// key it is enrolled with, if that shall change.
    ///
    /// # Errors
    /// As [`Client::call`]; with the code `other_key_enrolled` when the account is enrolled with another key than `old`.
    pub async fn credential_enroll(
        &self,
        name: &str,
        key: &CredentialKey,
        old: Option<&CredentialKey>,
    ) -> Result<EnrollReply, EnrollError> {
        let request = |proof: Option<&[u8]>| {
            let wire = |bytes: &[u8]| WireSecret::new(SecretBytes::from_slice(bytes));
            let (public_key_base64, proof_base64) = (wire(&key.public()), proof.map(wire));
            EnrollRequest { name: name.to_owned(), public_key_base64, proof_base64 }
        };
        let refused = match self.call(&request(None)).await {
            Err(refused) if refused.code() == Some(Code::OtherKeyEnrolled) => refused,
            answered => return Ok(answered?),
        };
        let Some(old) = old else { return Err(refused.into()) };
        let CredentialValue::Sealed(sealed) = self.credential_get(name).await?.value else {
            return Err(refused.into());
        };
        let opened = sealed.opened(old)?;
        let proof = sealed::proof(&opened.proof_key, sealed.bond, &key.public());
        Ok(self.call(&request(Some(&proof))).await?)
    }
}

impl fmt::Debug for CredentialValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Clear(_) => "Clear(…)",
            Self::Sealed(_) => "Sealed(…)",
        })
    }
}

impl fmt::Debug for SealedCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealedCredential(…)")
    }
}
