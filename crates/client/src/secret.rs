//! The calls an application makes most, without the words of the wire.

use strongroom_api::WireSecret;
use strongroom_api::secret::{GetReply, GetRequest, PutReply, PutRequest};
use strongroom_secret::SecretBytes;

use crate::call::Client;
use crate::error::ClientError;

/// A secret as it was read.
#[derive(Debug)]
pub struct SecretValue {
    /// Its id, which never changes.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The version of this value.
    pub version: u32,
    /// The value.
    pub value: SecretBytes,
}

impl Client {
    /// Reads the current value of a secret, by name or id.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn secret_get(&self, name: &str) -> Result<SecretValue, ClientError> {
        self.secret_get_version(name, None).await
    }

    /// Reads one version of a secret, by name or id; none for the current one.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn secret_get_version(&self, name: &str, version: Option<u32>) -> Result<SecretValue, ClientError> {
        let GetReply { id, name, version, value_base64 } =
            self.call(&GetRequest { name: name.to_owned(), version }).await?;
        Ok(SecretValue { id, name, version, value: value_base64.into_secret() })
    }

    /// Creates a secret, or a new version of one, whatever is there.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn secret_put(&self, name: &str, value: SecretBytes) -> Result<PutReply, ClientError> {
        self.put(name, value, None).await
    }

    /// Creates a new version of a secret if `expected_version` is the current one; 0 creates a secret that is not there.
    ///
    /// # Errors
    /// As [`Client::call`]; with the code `version_conflict` when another version is there.
    pub async fn secret_put_if(
        &self,
        name: &str,
        value: SecretBytes,
        expected_version: u32,
    ) -> Result<PutReply, ClientError> {
        self.put(name, value, Some(expected_version)).await
    }

    async fn put(
        &self,
        name: &str,
        value: SecretBytes,
        expected_version: Option<u32>,
    ) -> Result<PutReply, ClientError> {
        let (name, value_base64) = (name.to_owned(), WireSecret::new(value));
        self.call(&PutRequest { name, value_base64, expected_version, keep: None }).await
    }
}
