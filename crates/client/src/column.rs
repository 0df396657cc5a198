//! Column encryption keys of databases, from the server that keeps their master keys.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_api::WireSecret;
use strongroom_api::column::{KeyReply, KeyRequest, RewrapRequest, SignRequest as SignMetadata, UnwrapRequest};
use strongroom_api::key::{Key, ShowRequest, SignRequest};
use strongroom_secret::{ColumnKey, SecretBytes};

pub use strongroom_api::column::Algorithm as ColumnKeyAlgorithm;

use crate::call::Client;
use crate::error::ClientError;

/// Makes and opens column encryption keys. Nothing is kept: whoever needs a key often keeps it.
#[derive(Debug, Clone)]
pub struct ColumnKeys {
    client: Arc<Client>,
}

/// A column encryption key that was just made.
#[derive(Debug)]
pub struct NewColumnKey {
    /// The version of the master key that it is wrapped under: `NAME#VERSION`.
    pub path: String,
    /// How it is wrapped.
    pub algorithm: ColumnKeyAlgorithm,
    /// The key, wrapped, for the catalogue of the database.
    pub envelope: Vec<u8>,
    /// The key itself.
    pub key: ColumnKey,
    /// What it is recognised by, for the manifest.
    pub check: [u8; 16],
}

/// A wrapped column encryption key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedColumnKey {
    /// The version of the master key that it is wrapped under: `NAME#VERSION`.
    pub path: String,
    /// How it is wrapped.
    pub algorithm: ColumnKeyAlgorithm,
    /// The key, wrapped.
    pub envelope: Vec<u8>,
}

/// A signature that a key of purpose `sign` made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestSignature {
    /// The id of the key.
    pub key_id: String,
    /// The version of the key.
    pub version: u32,
    /// The signature: of Ed25519, 64 bytes.
    pub signature: Vec<u8>,
}

impl ColumnKeys {
    /// The keys of this client's server.
    #[must_use]
    pub fn new(client: impl Into<Arc<Client>>) -> Self {
        Self { client: client.into() }
    }

    /// Makes a column encryption key, wrapped under the active version of a master key, which is given by name or id.
    ///
    /// # Errors
    /// As [`Client::call`]; with the code `wrong_purpose` for another kind of key.
    pub async fn make(&self, master: &str) -> Result<NewColumnKey, ClientError> {
        let request = KeyRequest { master: master.to_owned(), algorithm: None };
        let KeyReply { path, algorithm, envelope_base64, key_base64, check } = self.client.call(&request).await?;
        let envelope = self.bytes(&envelope_base64)?;
        let key = self.key(key_base64)?;
        let check = hexadecimal(&check).ok_or_else(|| self.client.not_as_asked("its check value is none"))?;
        Ok(NewColumnKey { path, algorithm, envelope, key, check })
    }

    /// Opens a column encryption key.
    ///
    /// # Errors
    /// As [`Client::call`]; with the code `does_not_open` for an envelope that was not made under this version of the master key.
    pub async fn unwrap(
        &self,
        path: &str,
        algorithm: ColumnKeyAlgorithm,
        envelope: &[u8],
    ) -> Result<ColumnKey, ClientError> {
        let request = UnwrapRequest { path: path.to_owned(), algorithm, envelope_base64: wire(envelope) };
        self.key(self.client.call(&request).await?.key_base64)
    }

    /// Has a column encryption key wrapped again, under the active version of a master key; the key itself stays in the server.
    ///
    /// # Errors
    /// As [`ColumnKeys::unwrap`].
    pub async fn rewrap(
        &self,
        path: &str,
        algorithm: ColumnKeyAlgorithm,
        envelope: &[u8],
        to_master: &str,
    ) -> Result<WrappedColumnKey, ClientError> {
        let (path, to_master, compromised) = (path.to_owned(), to_master.to_owned(), false);
        let request = RewrapRequest { path, algorithm, envelope_base64: wire(envelope), to_master, compromised };
        let reply = self.client.call(&request).await?;
        let envelope = self.bytes(&reply.envelope_base64)?;
        Ok(WrappedColumnKey { path: reply.path, algorithm: reply.algorithm, envelope })
    }

    /// Signs the metadata of the active version of an RSA master key: provider, path, and whether enclaves may use it.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn sign_metadata(&self, path: &str, enclave: bool) -> Result<Vec<u8>, ClientError> {
        let reply = self.client.call(&SignMetadata { path: path.to_owned(), enclave }).await?;
        self.bytes(&reply.signature_base64)
    }

    /// Signs the bytes of a manifest with the active version of a key of purpose `sign`.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn sign_manifest(&self, key: &str, message: &[u8]) -> Result<ManifestSignature, ClientError> {
        let request = SignRequest { name: key.to_owned(), messages_base64: vec![wire(message)] };
        let reply = self.client.call(&request).await?;
        let Some(signature) = reply.signatures_base64.first().and_then(Option::as_ref) else {
            return Err(self.client.not_as_asked("it has no signature"));
        };
        let signature = self.bytes(signature)?;
        Ok(ManifestSignature { key_id: reply.key, version: reply.version, signature })
    }

    /// The public key of a key's active version: X.509 SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// As [`Client::call`]; and when there is no such version, or it has no public key.
    pub async fn public_key(&self, key: &str) -> Result<Vec<u8>, ClientError> {
        let Key { active_version, versions, .. } = self.client.call(&ShowRequest { name: key.to_owned() }).await?;
        let active = versions.into_iter().find(|version| Some(version.version) == active_version);
        let public = active.and_then(|version| version.public_key_base64);
        self.bytes(&public.ok_or_else(|| self.client.not_as_asked("no active version of the key has a public key"))?)
    }

    fn key(&self, key: WireSecret) -> Result<ColumnKey, ClientError> {
        let wrong = |_| self.client.not_as_asked("its column encryption key does not have 32 bytes");
        ColumnKey::from_slice(key.into_secret().expose()).map_err(wrong)
    }

    fn bytes(&self, base64: &str) -> Result<Vec<u8>, ClientError> {
        STANDARD.decode(base64).map_err(|_| self.client.not_as_asked("it holds something that is not base64"))
    }
}

fn wire(bytes: &[u8]) -> WireSecret {
    WireSecret::new(SecretBytes::from_slice(bytes))
}

/// 16 bytes in hexadecimal digits.
fn hexadecimal(text: &str) -> Option<[u8; 16]> {
    let is_plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(text, 16).ok().filter(|_| is_plain).map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits() {
        let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255];
        assert_eq!(hexadecimal("000102030405060708090a0b0c0d0eff"), Some(bytes));
        for wrong in ["", "00", "+00102030405060708090a0b0c0d0eff", "g00102030405060708090a0b0c0d0eff"] {
            assert_eq!(hexadecimal(wrong), None, "{wrong}");
        }
    }
}
