//! Where column encryption keys and signatures of manifests come from.

use strongroom_column::cell::{CellKey, key_check};
use strongroom_column::manifest::VerifyingKey;
use strongroom_secret::ColumnKey;
use thiserror::Error;

use crate::catalogue::{KeyValue, KnownKey};

/// A column encryption key that was just made.
#[derive(Debug)]
pub struct MadeKey {
    /// The key.
    pub key: ColumnKey,
    /// How the catalogue holds it.
    pub value: KeyValue,
}

/// Why keys or signatures could not be had; one sentence.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct KeySourceError(pub String);

/// Makes and unwraps column encryption keys, signs manifests: a Strongroom server, or keys in memory for tests.
pub trait ColumnKeySource: Send + Sync {
    /// Makes a key under this master key.
    fn make(&self, master: &str) -> impl Future<Output = Result<MadeKey, KeySourceError>> + Send;

    /// Opens a value.
    fn unwrap(&self, value: &KeyValue) -> impl Future<Output = Result<ColumnKey, KeySourceError>> + Send;

    /// The Ed25519 signature of a message; 64 bytes.
    fn sign_manifest(&self, message: &[u8]) -> impl Future<Output = Result<Vec<u8>, KeySourceError>> + Send;

    /// The public key of those signatures.
    fn manifest_key(&self) -> impl Future<Output = Result<VerifyingKey, KeySourceError>> + Send;

    /// The signature of the metadata of an RSA master key, for drivers that ask for it.
    fn sign_master(&self, path: &str) -> impl Future<Output = Result<Vec<u8>, KeySourceError>> + Send;
}

/// Opens a key by the first value that yields it, and makes sure that it is the one the manifest names.
///
/// # Errors
/// What was answered for each value; or that it is another key.
pub async fn open(source: &impl ColumnKeySource, known: &KnownKey) -> Result<CellKey, KeySourceError> {
    let name = &known.name;
    let mut answers = Vec::new();
    for value in &known.values {
        match source.unwrap(value).await {
            Ok(key) if key_check(&key) == known.check => return Ok(CellKey::derive(&key)),
            Ok(_) => {
                let why = format!(
                    "what the database holds as column encryption key {name} is another key than the manifest's"
                );
                return Err(KeySourceError(why));
            }
            Err(error) => answers.push(format!("under {}: {error}", value.path)),
        }
    }
    if answers.is_empty() {
        answers.push("the database holds no value of it".to_owned());
    }
    Err(KeySourceError(format!("column encryption key {name} cannot be had: {}", answers.join("; "))))
}
