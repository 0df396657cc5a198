//! Why a token did not do what it was asked.

use std::fmt;

use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::child::ChildError;
use crate::secret_file::ReadError;

/// A token cannot be used.
#[derive(Debug, Error)]
pub enum TokenError {
    /// A new wrap without the key's name.
    #[error("[protector.pkcs11.{name}] needs the labels of a token and of a key on it")]
    NoKey {
        /// The section of the configuration.
        name: String,
    },
    /// Labels that no token has.
    #[error("the label of a token has 1 to 32 bytes, that of a key 1 to 128, all printable")]
    Labels,
    /// The PIN's file cannot be used.
    #[error("PIN: {0}")]
    PinFile(ReadError),
    /// The process that loads the module gave no answer.
    #[error("[protector.pkcs11.{name}]: the process that loads the module: {source}")]
    Child {
        /// The section of the configuration.
        name: String,
        /// What happened.
        source: ChildError,
    },
    /// The module or the token refused.
    #[error("[protector.pkcs11.{name}], token {token:?}: {problem}")]
    Token {
        /// The section of the configuration.
        name: String,
        /// The token's label.
        token: String,
        /// What was wrong.
        problem: TokenProblem,
    },
}

/// What was wrong with a module or a token; the child names it by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum TokenProblem {
    /// The shared library cannot be loaded or is none of PKCS#11.
    #[n(0)]
    Module,
    /// No token of that label is present.
    #[n(1)]
    NoToken,
    /// Several tokens have that label.
    #[n(2)]
    SeveralTokens,
    /// The token refused the PIN.
    #[n(3)]
    PinWrong,
    /// The token refused this PIN before; it was not tried again.
    #[n(4)]
    PinKnownWrong,
    /// The token takes no PIN any more.
    #[n(5)]
    PinLocked,
    /// One more wrong PIN would lock the token: it was not tried.
    #[n(6)]
    PinFinalTry,
    /// The key is not on the token.
    #[n(7)]
    NoKey,
    /// Several keys have that label.
    #[n(8)]
    SeveralKeys,
    /// A key of that label is there and could leave the token.
    #[n(9)]
    KeyNotSafe,
    /// The token offers no way to wrap a key.
    #[n(10)]
    NoMechanism,
    /// The token refused what was to be unwrapped.
    #[n(11)]
    NotAuthentic,
    /// The device reports an error.
    #[n(12)]
    Device,
    /// Anything else that a token may say.
    #[n(13)]
    Refused,
    /// The question could not be understood.
    #[n(14)]
    Request,
}

impl fmt::Display for TokenProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Module => "the module cannot be loaded",
            Self::NoToken => "there is no such token",
            Self::SeveralTokens => "several tokens have this label",
            Self::PinWrong => "wrong PIN",
            Self::PinKnownWrong => "wrong PIN; it was refused before and is not tried again",
            Self::PinLocked => "the PIN is locked",
            Self::PinFinalTry => "one more wrong PIN would lock the token, so none was tried",
            Self::NoKey => "the key is not on the token",
            Self::SeveralKeys => "several keys on the token have this label",
            Self::KeyNotSafe => "the key of this label could be read out of the token",
            Self::NoMechanism => "the token offers neither AES key wrap nor RSA-OAEP",
            Self::NotAuthentic => "the token does not unwrap what the record holds",
            Self::Device => "the device reports an error",
            Self::Refused => "the token refused",
            Self::Request => "the process that loads the module did not understand the question",
        })
    }
}

impl TokenError {
    /// What the operator can do about it, as one sentence without a final stop.
    #[must_use]
    pub fn how_to_mend(&self) -> String {
        match self {
            Self::NoKey { .. } | Self::Labels => "say --token LABEL --label LABEL".to_owned(),
            Self::PinFile(refusal) => refusal.how_to_mend(),
            Self::Child { .. } => "try the module with pkcs11-tool; it may hang or crash".to_owned(),
            Self::Token { problem, .. } => problem.how_to_mend().to_owned(),
        }
    }
}

impl TokenProblem {
    const fn how_to_mend(self) -> &'static str {
        match self {
            Self::Module => "check `module` in the configuration, and what the module finds in its `environment`",
            Self::NoToken | Self::Device => "connect the token, and compare its label with `pkcs11-tool --list-slots`",
            Self::SeveralTokens => "give one of the tokens another label",
            Self::PinWrong | Self::PinKnownWrong => "put the right PIN into `pin_file`; it is tried once",
            Self::PinLocked => "unlock the PIN with the token's own tools",
            Self::PinFinalTry => "log in once with the right PIN and the token's own tools",
            Self::NoKey => "use the token on which the protector was made, or replace the protector",
            Self::SeveralKeys => "give one of the keys another label",
            Self::KeyNotSafe => "choose another --label: a key is then made that cannot leave the token",
            Self::NoMechanism => "use another token",
            Self::NotAuthentic => "the key of that label may be another one, or the record was changed",
            Self::Refused => "look into the log of the module",
            Self::Request => "restart the service: its program file was replaced",
        }
    }
}
