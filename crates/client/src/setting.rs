//! Settings of a provisioning system, without the words of the wire.

use core::fmt;

use strongroom_api::WireSecret;
use strongroom_api::setting::{Class, GetReply, GetRequest, SetReply, SetRequest, Value};
use strongroom_secret::SecretBytes;

use crate::call::Client;
use crate::error::ClientError;

/// A setting as it was read.
#[derive(Debug)]
pub struct Setting {
    /// Its id, which stays until it is deleted.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How often it was changed.
    pub revision: u32,
    /// Its value.
    pub value: SettingValue,
}

/// The value of a setting.
pub enum SettingValue {
    /// Text in UTF-8.
    String(SecretBytes),
    /// Texts in UTF-8, in an order.
    MultiString(Vec<SecretBytes>),
    /// A whole number.
    Integer(i64),
    /// Bytes.
    Binary(SecretBytes),
    /// True or false.
    Boolean(bool),
}

impl Client {
    /// Reads a setting, by name or id.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn setting_get(&self, name: &str) -> Result<Setting, ClientError> {
        let GetReply { id, name, revision, value, .. } = self.call(&GetRequest { name: name.to_owned() }).await?;
        Ok(Setting { id, name, revision, value: value.into() })
    }

    /// Stores a setting whatever is there: encrypted when it is new, else in the class it has.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn setting_set(&self, name: &str, value: SettingValue) -> Result<SetReply, ClientError> {
        self.set(name, value, None, None).await
    }

    /// Stores a setting of this class, if `expected_revision` is there; 0 stores one that is not there yet.
    ///
    /// # Errors
    /// As [`Client::call`]; with the code `version_conflict` when another revision is there, with `invalid` when the class is not
    /// encrypted and the value looks like a secret.
    pub async fn setting_set_if(
        &self,
        name: &str,
        value: SettingValue,
        class: Class,
        expected_revision: u32,
    ) -> Result<SetReply, ClientError> {
        self.set(name, value, Some(class), Some(expected_revision)).await
    }

    async fn set(
        &self,
        name: &str,
        value: SettingValue,
        class: Option<Class>,
        expected_revision: Option<u32>,
    ) -> Result<SetReply, ClientError> {
        self.call(&SetRequest { name: name.to_owned(), value: value.into(), class, expected_revision }).await
    }
}

impl From<Value> for SettingValue {
    fn from(value: Value) -> Self {
        match value {
            Value::StringBase64(text) => Self::String(text.into_secret()),
            Value::MultiStringBase64(texts) => {
                Self::MultiString(texts.into_iter().map(WireSecret::into_secret).collect())
            }
            Value::Integer(number) => Self::Integer(number),
            Value::BinaryBase64(bytes) => Self::Binary(bytes.into_secret()),
            Value::Boolean(truth) => Self::Boolean(truth),
        }
    }
}

impl From<SettingValue> for Value {
    fn from(value: SettingValue) -> Self {
        match value {
            SettingValue::String(text) => Self::StringBase64(text.into()),
            SettingValue::MultiString(texts) => {
                Self::MultiStringBase64(texts.into_iter().map(WireSecret::new).collect())
            }
            SettingValue::Integer(number) => Self::Integer(number),
            SettingValue::Binary(bytes) => Self::BinaryBase64(bytes.into()),
            SettingValue::Boolean(truth) => Self::Boolean(truth),
        }
    }
}

/// A value is never shown, not even a number.
impl fmt::Debug for SettingValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SettingValue(…)")
    }
}
