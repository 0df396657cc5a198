//! Why a root key was not wrapped; whatever was begun has been removed again.

use strongroom_crypto::password::PasswordError;
use thiserror::Error;

use crate::host::MachineIdError;
use crate::pkcs11::TokenError;
use crate::plugin::PluginError;
use crate::rsa::CertificateError;
use crate::secret_file::CreateError;
use crate::shares::SharesError;
use crate::strength::StrengthRefusal;
use crate::unwrap::UnwrapError;

/// A root key was not wrapped.
#[derive(Debug, Error)]
pub enum WrapError {
    /// The new secret file cannot be made.
    #[error(transparent)]
    SecretFile(#[from] CreateError),
    /// The host does not say who it is.
    #[error(transparent)]
    MachineId(#[from] MachineIdError),
    /// The password is too weak.
    #[error(transparent)]
    Weak(#[from] StrengthRefusal),
    /// The derivation is refused or could not be done.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The certificate or its private key cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The token did not wrap.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The plug-in did not wrap.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// No such shares can be made.
    #[error(transparent)]
    Shares(#[from] SharesError),
    /// The new wrap does not open again.
    #[error("the new wrap does not open again: {source}")]
    DoesNotOpen {
        /// Why.
        source: UnwrapError,
    },
    /// The new wrap opens to another key.
    #[error("the new wrap opens to another key than was wrapped")]
    OpensToAnotherKey,
}

impl WrapError {
    /// What the operator can do about it, as one sentence without a final stop.
    #[must_use]
    pub fn how_to_mend(&self) -> String {
        match self {
            Self::SecretFile(refusal) => refusal.how_to_mend(),
            Self::MachineId(refusal) => refusal.how_to_mend(),
            Self::Weak(_) => "choose at least 14 characters or 4 words".to_owned(),
            Self::Password(PasswordError::OutOfRange { .. }) => {
                "choose a derivation within the accepted range".to_owned()
            }
            Self::Password(PasswordError::NoMemory { memory_kib }) => {
                format!("give this process {memory_kib} KiB more memory, then try again")
            }
            Self::Certificate(refusal) => refusal.how_to_mend(),
            Self::Token(refusal) => refusal.how_to_mend(),
            Self::Plugin(refusal) => refusal.how_to_mend(),
            Self::Shares(refusal) => refusal.how_to_mend(),
            Self::DoesNotOpen { source } => source.how_to_mend(),
            Self::OpensToAnotherKey => {
                "the disk or the memory of this machine does not keep what is written: check both".to_owned()
            }
        }
    }
}
