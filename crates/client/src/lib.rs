//! What an application links to call a Strongroom server: over its Unix socket, or over TLS to a server it can recognise.
//!
//! ```no_run
//! # async fn example() -> Result<(), strongroom_client::ClientError> {
//! use strongroom_client::{Client, Target};
//!
//! let client = Client::connect(Target::Socket("/var/lib/strongroom".into())).await?;
//! let secret = client.secret_get("ftp/acme").await?;
//! log_in(secret.value.expose());
//! # Ok(())
//! # }
//! # fn log_in(_password: &[u8]) {}
//! ```
//!
//! [`LocalCipher`] encrypts in the application, with data keys of the server that it keeps for a while:
//!
//! ```no_run
//! # async fn example(client: strongroom_client::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use strongroom_client::{Context, LocalCipher, LocalLimits};
//!
//! let cipher = LocalCipher::new(client, "orders", LocalLimits::default());
//! let context = Context::new([("tenant", "7")])?;
//! let text = cipher.encrypt_text(&context, b"4111 1111 1111 1111").await?;
//! let value = cipher.decrypt_text(&context, &text).await?;
//! assert_eq!(value.expose(), b"4111 1111 1111 1111");
//! # Ok(())
//! # }
//! ```
//!
//! [`stream`] encrypts files of any length under a data key.

mod bring;
mod call;
mod client_certificate;
mod column;
mod connection;
mod credential;
mod credential_key;
mod error;
mod local;
mod private_file;
mod retry_key;
mod secret;
mod setting;
pub mod stream;
mod target;
mod transaction;
mod trust;

pub use bring::{BringError, wrap_key};
pub use call::{Client, Patience};
pub use client_certificate::{ClientCertificate, ClientCertificateError};
pub use column::{ColumnKeyAlgorithm, ColumnKeys, ManifestSignature, NewColumnKey, WrappedColumnKey};
pub use credential::{Credential, CredentialValue, EnrollError, SealedCredential};
pub use credential_key::{CredentialKey, CredentialKeyError};
pub use error::{ClientError, Refused};
pub use local::{DataKeys, FreshDataKey, LocalCipher, LocalError, LocalLimits};
pub use retry_key::{IdempotencyKey, IdempotencyKeyRefusal};
pub use secret::SecretValue;
pub use setting::{Setting, SettingValue};
pub use strongroom_api::setting::Class as SettingClass;
pub use strongroom_envelope::credential::CredentialError;
pub use strongroom_envelope::value::{Context, ContextRefusal};
pub use strongroom_envelope::{Pin, PinRefusal, SealedDataKey};
pub use target::{Target, TargetRefusal};
pub use transaction::{Transaction, Undo, Unfinished};
pub use trust::{Trust, pin_of};
