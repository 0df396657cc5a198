//! Where data keys come from: the server, or what a test puts in its place.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use strongroom_api::key::{DatakeyReply, DatakeyRequest, DecryptReply, DecryptRequest};
use strongroom_envelope::SealedDataKey;
use strongroom_envelope::value::{self, Context, Purpose};
use strongroom_secret::{DataKey, SecretBytes};

use crate::call::Client;
use crate::error::ClientError;

/// A data key that was just made, and the same as it travels.
#[derive(Debug)]
pub struct FreshDataKey {
    /// The data key.
    pub data_key: DataKey,
    /// The data key, sealed under the server's key.
    pub sealed: SealedDataKey,
}

/// Makes and opens data keys.
pub trait DataKeys: Send + Sync {
    /// Why there is none.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Makes a data key under the key of this name or id, for a context.
    fn generate(&self, key: &str, context: &Context) -> impl Future<Output = Result<FreshDataKey, Self::Error>> + Send;

    /// Opens a data key with its context.
    fn open(
        &self,
        key: &str,
        sealed: &SealedDataKey,
        context: &Context,
    ) -> impl Future<Output = Result<DataKey, Self::Error>> + Send;
}

impl<K: DataKeys> DataKeys for Arc<K> {
    type Error = K::Error;

    async fn generate(&self, key: &str, context: &Context) -> Result<FreshDataKey, K::Error> {
        K::generate(self, key, context).await
    }

    async fn open(&self, key: &str, sealed: &SealedDataKey, context: &Context) -> Result<DataKey, K::Error> {
        K::open(self, key, sealed, context).await
    }
}

impl DataKeys for Client {
    type Error = ClientError;

    async fn generate(&self, key: &str, context: &Context) -> Result<FreshDataKey, ClientError> {
        let request = DatakeyRequest { name: key.to_owned(), context: words(context), sealed_only: false };
        let DatakeyReply { ciphertext, value_base64, .. } = self.call(&request).await?;
        let sealed = value::from_text(&ciphertext)
            .ok()
            .and_then(|sealed| SealedDataKey::from_bytes(Purpose::Values, &sealed).ok())
            .ok_or_else(|| self.not_as_asked("its sealed data key is none"))?;
        let data_key = value_base64.ok_or_else(|| self.not_as_asked("it has no data key"))?;
        Ok(FreshDataKey { data_key: self.data_key(&data_key.into_secret())?, sealed })
    }

    async fn open(&self, key: &str, sealed: &SealedDataKey, context: &Context) -> Result<DataKey, ClientError> {
        self.open_data_key(key, sealed, context, false).await
    }
}

impl Client {
    /// Opens a data key with its context; with `compromised` also one that a compromised version sealed, which takes a
    /// permission of its own.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn open_data_key(
        &self,
        key: &str,
        sealed: &SealedDataKey,
        context: &Context,
        compromised: bool,
    ) -> Result<DataKey, ClientError> {
        let request = DecryptRequest {
            name: key.to_owned(),
            ciphertext: Some(value::to_text(sealed.as_bytes())),
            context: words(context),
            items: None,
            compromised,
        };
        let DecryptReply { value_base64, .. } = self.call(&request).await?;
        let data_key = value_base64.ok_or_else(|| self.not_as_asked("it has no value"))?;
        self.data_key(&data_key.into_secret())
    }

    fn data_key(&self, bytes: &SecretBytes) -> Result<DataKey, ClientError> {
        DataKey::from_slice(bytes.expose()).map_err(|_| self.not_as_asked("its data key does not have 32 bytes"))
    }
}

/// A context as it stands in requests.
fn words(context: &Context) -> BTreeMap<String, String> {
    context.pairs().into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}
