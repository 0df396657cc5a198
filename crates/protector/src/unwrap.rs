//! Why a protector did not open: the parts of the one clear error of a store that stays locked.

use strongroom_crypto::password::PasswordError;
use strongroom_envelope::Id;
use strongroom_envelope::protector::ProtectorKind as Kind;
use thiserror::Error;

use crate::child::ChildError;
use crate::host::MachineIdError;
use crate::pkcs11::TokenError;
use crate::plugin::PluginError;
use crate::rsa::CertificateError;
use crate::secret_file::ReadError;
use crate::shares::SharesError;

/// A protector did not open the root key.
#[derive(Debug, Error)]
pub enum UnwrapError {
    /// The record belongs to a protector of another kind.
    #[error("the record is for a protector of kind `{found}`, not `{expected}`")]
    OtherKind {
        /// The kind of this protector.
        expected: Kind,
        /// The kind the record names.
        found: Kind,
    },
    /// The record belongs to another store.
    #[error("the record belongs to store {found}, not to {expected}")]
    OtherStore {
        /// The store we are.
        expected: Id,
        /// The store the record names.
        found: Id,
    },
    /// The secret file cannot be used.
    #[error(transparent)]
    SecretFile(#[from] ReadError),
    /// The host does not say who it is.
    #[error(transparent)]
    MachineId(#[from] MachineIdError),
    /// A password record without the parameters of its derivation, or another one with them.
    #[error("the record's key derivation does not fit its kind `{kind}`")]
    Derivation {
        /// The kind.
        kind: Kind,
    },
    /// The derivation is refused or could not be done.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The record's blob is not what the kind makes, or there is one where the kind has none.
    #[error("what the record says of its `{kind}` means is malformed")]
    Blob {
        /// The kind.
        kind: Kind,
    },
    /// The record is for another section of the local configuration.
    #[error("the record names the configured `{found}`, not `{expected}`")]
    OtherParameter {
        /// The section of this protector.
        expected: String,
        /// The section the record names.
        found: String,
    },
    /// The certificate or its private key cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The token did not unwrap.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The plug-in did not unwrap.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The shares do not fit.
    #[error(transparent)]
    Shares(#[from] SharesError),
    /// The right secret was not at hand, or the record was changed; nobody can tell which.
    #[error("the wrapped root key does not authenticate: {hint}")]
    NotAuthentic {
        /// What may be the reason, by kind.
        hint: &'static str,
    },
}

impl UnwrapError {
    /// Whether a device or a program gave no answer in its time; it need not be asked again soon.
    #[must_use]
    pub const fn is_timed_out(&self) -> bool {
        matches!(
            self,
            Self::Token(TokenError::Child { source: ChildError::TimedOut { .. }, .. })
                | Self::Plugin(PluginError::Child { source: ChildError::TimedOut { .. }, .. })
        )
    }

    /// What the operator can do about it, as one sentence without a final stop.
    #[must_use]
    pub fn how_to_mend(&self) -> String {
        match self {
            Self::OtherKind { .. }
            | Self::OtherStore { .. }
            | Self::Derivation { .. }
            | Self::Blob { .. }
            | Self::OtherParameter { .. } => {
                "the record was changed or put in a wrong place: open the store with another protector, \
                 then replace this one with `protector replace`"
                    .to_owned()
            }
            Self::SecretFile(refusal) => refusal.how_to_mend(),
            Self::MachineId(refusal) => refusal.how_to_mend(),
            Self::Password(PasswordError::OutOfRange { .. }) => {
                "the record was changed: open the store with another protector, then replace this one with \
                 `protector replace`"
                    .to_owned()
            }
            Self::Password(PasswordError::NoMemory { memory_kib }) => {
                format!("give this process {memory_kib} KiB more memory, then try again")
            }
            Self::Certificate(refusal) => refusal.how_to_mend(),
            Self::Token(refusal) => refusal.how_to_mend(),
            Self::Plugin(refusal) => refusal.how_to_mend(),
            Self::Shares(refusal) => refusal.how_to_mend(),
            Self::NotAuthentic { hint } => format!("check this first: {hint}"),
        }
    }
}
