//! Keys and signatures from the server, for what is done to a database.

use strongroom_client::{ClientError, ColumnKeyAlgorithm, ColumnKeys};
use strongroom_column::manifest::VerifyingKey;
use strongroom_column::master::{PROVIDER, RSA_OAEP, SEALED};
use strongroom_column_pg::catalogue::KeyValue;
use strongroom_column_pg::enable::{ColumnKeySource, KeySourceError, MadeKey};
use strongroom_secret::ColumnKey;

/// The server, and the key of it that signs manifests.
pub struct ServerKeys {
    /// Column encryption keys.
    pub keys: ColumnKeys,
    /// The name of the signing key.
    pub manifest_key: String,
}

impl ColumnKeySource for ServerKeys {
    async fn make(&self, master: &str) -> Result<MadeKey, KeySourceError> {
        let made = self.keys.make(master).await.map_err(|error| told(&error))?;
        let algorithm = match made.algorithm {
            ColumnKeyAlgorithm::RsaOaep => RSA_OAEP,
            ColumnKeyAlgorithm::Sealed => SEALED,
        };
        let (provider, algorithm) = (PROVIDER.to_owned(), algorithm.to_owned());
        Ok(MadeKey { key: made.key, value: KeyValue { provider, path: made.path, algorithm, envelope: made.envelope } })
    }

    async fn unwrap(&self, value: &KeyValue) -> Result<ColumnKey, KeySourceError> {
        if value.provider != PROVIDER {
            return Err(KeySourceError(format!("its key store is {}, not Strongroom", value.provider)));
        }
        let algorithm = match value.algorithm.as_str() {
            RSA_OAEP => ColumnKeyAlgorithm::RsaOaep,
            SEALED => ColumnKeyAlgorithm::Sealed,
            other => return Err(KeySourceError(format!("its algorithm {other} is not known"))),
        };
        self.keys.unwrap(&value.path, algorithm, &value.envelope).await.map_err(|error| told(&error))
    }

    async fn sign_manifest(&self, message: &[u8]) -> Result<Vec<u8>, KeySourceError> {
        let signed = self.keys.sign_manifest(&self.manifest_key, message).await.map_err(|error| told(&error))?;
        Ok(signed.signature)
    }

    async fn manifest_key(&self) -> Result<VerifyingKey, KeySourceError> {
        let name = &self.manifest_key;
        let spki = self.keys.public_key(name).await.map_err(|error| told(&error))?;
        VerifyingKey::from_spki(&spki)
            .map_err(|error| KeySourceError(format!("the key {name} signs no manifests: {error}")))
    }

    async fn sign_master(&self, path: &str) -> Result<Vec<u8>, KeySourceError> {
        self.keys.sign_metadata(path, false).await.map_err(|error| told(&error))
    }
}

/// What the server said, and how to mend it.
fn told(error: &ClientError) -> KeySourceError {
    let fix = error.fix();
    KeySourceError(if fix.is_empty() { error.to_string() } else { format!("{error} ({fix})") })
}
