//! Encryption in the application: data keys from the server, cached within limits, so that values are sealed at memory speed.
//!
//! What is sealed here is a two-tier value (docs/spec/two-tier.md): it travels with its data key, which only the server
//! can open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use strongroom_crypto::SealingKey;
use strongroom_envelope::two_tier::{self, TextRefusal, TwoTierError, TwoTierRefusal};
use strongroom_envelope::value::{Context, Place, Purpose};
use strongroom_envelope::{SEALED_DATA_KEY, SealedDataKey};
use strongroom_secret::SecretBytes;

mod cache;
mod data_keys;

use cache::Cache;
pub use data_keys::{DataKeys, FreshDataKey};

/// How far a data key is used, and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalLimits {
    /// Messages that one data key encrypts.
    pub messages: u64,
    /// Bytes that one data key encrypts. One message may be longer; then its data key encrypts nothing else.
    pub bytes: u64,
    /// For how long a data key is used, in both directions. The time a machine sleeps is not counted.
    pub age: Duration,
    /// Contexts for which a data key to encrypt with is kept; the one not used for longest makes room.
    pub encryption_keys: usize,
    /// Data keys to decrypt with that are kept; the one not used for longest makes room.
    pub decryption_keys: usize,
}

impl Default for LocalLimits {
    fn default() -> Self {
        Self {
            messages: 100_000,
            bytes: 1024 * 1024 * 1024,
            age: Duration::from_secs(5 * 60),
            encryption_keys: 1000,
            decryption_keys: 1000,
        }
    }
}

/// Encrypts and decrypts in the application, under data keys of one key of purpose `values`.
///
/// - However many tasks need the same data key at once, the server is asked once. If it fails, they all fail, and whoever
///   comes after asks again: failures are not kept.
/// - A data key serves one context, and one direction: what was fetched to decrypt encrypts nothing.
/// - What the server revokes, suspends or destroys goes on to work here until the age is reached, or [`Self::forget`].
/// - Data keys that are dropped are wiped. Those that have expired are dropped at the next fetch, or by
///   [`Self::forget_expired`].
pub struct LocalCipher<K: DataKeys> {
    keys: K,
    name: String,
    limits: LocalLimits,
    encryption: Cache<EncryptionKey, K::Error>,
    decryption: Cache<SealingKey, K::Error>,
}

/// Why a value was not encrypted or decrypted.
#[derive(Debug, thiserror::Error)]
pub enum LocalError<E: std::error::Error + 'static> {
    /// There is no data key.
    #[error("could not get a data key: {source}")]
    DataKey {
        /// Why; several callers may have been told the same.
        source: Arc<E>,
    },
    /// The text is not an encrypted value.
    #[error("not an encrypted value: {0}")]
    Text(#[from] TextRefusal),
    /// The bytes are not an encrypted value.
    #[error("not an encrypted value: {0}")]
    Form(#[from] TwoTierRefusal),
    /// Encrypted for something else than applications.
    #[error("the value was not encrypted by an application")]
    Purpose,
    /// Another context, or changed bytes.
    #[error("the value does not decrypt: its context is another, or it was changed")]
    Unauthentic,
}

/// A data key that encrypts, how it travels, and how far it was used.
struct EncryptionKey {
    sealing: SealingKey,
    sealed: SealedDataKey,
    // Written under the lock of the cache only.
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl<K: DataKeys> LocalCipher<K> {
    /// Encrypts under the key of this name or id. Nothing is fetched before it is needed.
    #[must_use]
    pub fn new(keys: K, name: impl Into<String>, limits: LocalLimits) -> Self {
        let encryption = Cache::new(limits.encryption_keys, limits.age);
        let decryption = Cache::new(limits.decryption_keys, limits.age);
        Self { keys, name: name.into(), limits, encryption, decryption }
    }

    /// Encrypts a value; it decrypts with the same context only.
    ///
    /// # Errors
    /// [`LocalError::DataKey`] when a data key is needed and cannot be had.
    pub async fn encrypt(&self, context: &Context, plaintext: &[u8]) -> Result<Vec<u8>, LocalError<K::Error>> {
        let key = self.encryption_key(context, plaintext.len()).await?;
        let mut out = Vec::with_capacity(two_tier::LEAST_LENGTH + plaintext.len());
        two_tier::seal(&key.sealing, &key.sealed, &Place::Context(context), plaintext, &mut out);
        Ok(out)
    }

    /// As [`Self::encrypt`], as text: `sr2.` and base64url.
    ///
    /// # Errors
    /// As [`Self::encrypt`].
    pub async fn encrypt_text(&self, context: &Context, plaintext: &[u8]) -> Result<String, LocalError<K::Error>> {
        Ok(two_tier::to_text(&self.encrypt(context, plaintext).await?))
    }

    /// Decrypts a value with the context it was encrypted with.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub async fn decrypt(&self, context: &Context, sealed: &[u8]) -> Result<SecretBytes, LocalError<K::Error>> {
        let header = two_tier::parse(sealed)?;
        if header.purpose != Purpose::Values {
            return Err(LocalError::Purpose);
        }
        let key = self.decryption_key(context, &header.data_key).await?;
        let mut plaintext = SecretBytes::with_capacity(sealed.len() - two_tier::LEAST_LENGTH);
        match two_tier::open(&key, Purpose::Values, &Place::Context(context), sealed, &mut plaintext) {
            Ok(()) => Ok(plaintext),
            Err(TwoTierError::Refused(refusal)) => Err(LocalError::Form(refusal)),
            Err(TwoTierError::Purpose { .. }) => Err(LocalError::Purpose),
            Err(TwoTierError::Unauthentic) => Err(LocalError::Unauthentic),
        }
    }

    /// As [`Self::decrypt`], from text.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub async fn decrypt_text(&self, context: &Context, text: &str) -> Result<SecretBytes, LocalError<K::Error>> {
        self.decrypt(context, &two_tier::from_text(text)?).await
    }

    /// Drops all data keys; those being fetched right now serve their caller once. For when a key was rotated,
    /// suspended or declared compromised and this must be heeded at once.
    pub fn forget(&self) {
        self.encryption.clear();
        self.decryption.clear();
    }

    /// Drops the data keys that have reached their age.
    pub fn forget_expired(&self) {
        self.encryption.drop_expired();
        self.decryption.drop_expired();
    }

    async fn encryption_key(
        &self,
        context: &Context,
        length: usize,
    ) -> Result<Arc<EncryptionKey>, LocalError<K::Error>> {
        let take = |key: &EncryptionKey| key.take(length as u64, &self.limits);
        let fetch = || async {
            let FreshDataKey { data_key, sealed } = self.keys.generate(&self.name, context).await?;
            let sealing = SealingKey::new(data_key.expose());
            Ok(EncryptionKey { sealing, sealed, messages: AtomicU64::new(0), bytes: AtomicU64::new(0) })
        };
        self.encryption.take(context.as_bytes(), take, fetch).await.map_err(|source| LocalError::DataKey { source })
    }

    async fn decryption_key(
        &self,
        context: &Context,
        sealed: &SealedDataKey,
    ) -> Result<Arc<SealingKey>, LocalError<K::Error>> {
        let mut wanted = Vec::with_capacity(SEALED_DATA_KEY + context.as_bytes().len());
        wanted.extend_from_slice(sealed.as_bytes());
        wanted.extend_from_slice(context.as_bytes());
        let fetch = || async {
            let data_key = self.keys.open(&self.name, sealed, context).await?;
            Ok(SealingKey::new(data_key.expose()))
        };
        self.decryption.take(&wanted, |_| true, fetch).await.map_err(|source| LocalError::DataKey { source })
    }
}

impl EncryptionKey {
    /// Counts a message in, unless that would be more than the limits allow. A new key takes any one message.
    fn take(&self, length: u64, limits: &LocalLimits) -> bool {
        let messages = self.messages.load(Ordering::Relaxed);
        let bytes = self.bytes.load(Ordering::Relaxed).saturating_add(length);
        if messages > 0 && (messages >= limits.messages || bytes > limits.bytes) {
            return false;
        }
        self.messages.store(messages + 1, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
        true
    }
}

impl<K: DataKeys> std::fmt::Debug for LocalCipher<K> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LocalCipher").field("name", &self.name).finish_non_exhaustive()
    }
}
