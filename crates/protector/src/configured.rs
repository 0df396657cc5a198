//! Makes the protector that a record, or a person who adds one, speaks of.

use std::sync::Arc;

use strongroom_envelope::protector::{ProtectorKind as Kind, ProtectorRecord, ShareSet};
use strongroom_secret::Passphrase;
use thiserror::Error;

use crate::account::Account;
use crate::machine::Machine;
use crate::password::Password;
use crate::pkcs11::{Pkcs11, TokenKey};
use crate::plugin::Plugin;
use crate::protector::Protector;
use crate::rsa::Rsa;
use crate::shares::{Shares, SharesError};
use crate::surroundings::Surroundings;
use crate::unwrap::UnwrapError;

/// What a protector needs beside the local configuration.
#[derive(Debug, Default)]
pub enum Given {
    /// Nothing: it opens by what is configured, or by files of its own.
    #[default]
    Nothing,
    /// For a new wrap on a token: which key.
    Key(TokenKey),
    /// For a new wrap among people: of how many shares how many open.
    NewShares {
        /// How many open.
        threshold: u8,
        /// How many are made.
        count: u8,
    },
    /// What a person typed: a password, or shares, one in each line.
    Typed(Passphrase),
}

/// There is no such protector here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfiguredError {
    /// The local configuration has no section of this name.
    #[error("[protector.{kind}.{name}] is not configured here")]
    Missing {
        /// The kind.
        kind: Kind,
        /// The name of the section.
        name: String,
        /// The names that are configured for the kind.
        known: Vec<String>,
    },
    /// Something was given that the kind has no use for, or not what it needs.
    #[error("a {kind} protector needs {needs}")]
    Needs {
        /// The kind.
        kind: Kind,
        /// What it needs.
        needs: &'static str,
    },
    /// The shares cannot be read or made.
    #[error(transparent)]
    Shares(#[from] SharesError),
}

impl ConfiguredError {
    /// What the operator can do about it, as one sentence without a final stop.
    #[must_use]
    pub fn how_to_mend(&self) -> String {
        match self {
            Self::Missing { kind, name, known } if known.is_empty() => {
                format!("add [protector.{kind}.{name}] to the server's configuration file")
            }
            Self::Missing { kind, name, known } => format!(
                "add [protector.{kind}.{name}] to the server's configuration file, or use one that is there: {}",
                known.join(", ")
            ),
            Self::Needs { needs, .. } => format!("give it {needs}"),
            Self::Shares(refusal) => refusal.how_to_mend(),
        }
    }
}

/// The protector of this kind; `parameter` names its section of the local configuration and is empty for kinds that
/// have none. Nothing is read or run yet.
///
/// # Errors
/// [`ConfiguredError`].
pub fn configured(
    surroundings: &Arc<Surroundings>,
    kind: Kind,
    parameter: &str,
    given: Given,
) -> Result<Box<dyn Protector>, ConfiguredError> {
    if kind.has_parameter() == parameter.is_empty() {
        let needs = if kind.has_parameter() { "the name of its section of the configuration" } else { "no name" };
        return Err(ConfiguredError::Needs { kind, needs });
    }
    let here = || Arc::clone(surroundings);
    let configuration = &surroundings.configuration;
    let missing = || missing(surroundings, kind, parameter);
    let protector: Box<dyn Protector> = match (kind, given) {
        (Kind::Account, Given::Nothing) => Box::new(Account::new(here())),
        (Kind::Machine, Given::Nothing) => Box::new(Machine::new(here())),
        (Kind::Rsa, Given::Nothing) => {
            let settings = configuration.rsa.get(parameter).ok_or_else(missing)?;
            Box::new(Rsa::new(here(), parameter, settings.clone()))
        }
        (Kind::Pkcs11, given @ (Given::Nothing | Given::Key(_))) => {
            let settings = configuration.pkcs11.get(parameter).ok_or_else(missing)?;
            let key = if let Given::Key(key) = given { Some(key) } else { None };
            Box::new(Pkcs11::new(here(), parameter, settings.clone(), key))
        }
        (Kind::Plugin, Given::Nothing) => Box::new(Plugin::named(here(), parameter).ok_or_else(missing)?),
        (Kind::Password, Given::Typed(passphrase)) => Box::new(Password::new(surroundings.store_id, passphrase)),
        (Kind::Shares, Given::Typed(text)) => Box::new(Shares::typed(surroundings.store_id, text.expose())?),
        (Kind::Shares, Given::NewShares { threshold, count }) => {
            Box::new(Shares::to_be_made(surroundings.store_id, threshold, count)?)
        }
        (kind, _) => return Err(ConfiguredError::Needs { kind, needs: needs(kind) }),
    };
    Ok(protector)
}

/// What a new wrap of the same make needs: the key on the token, the numbers of the shares. Of a password, what a
/// person types. Only for records that are authentic: a forged one would choose the token.
///
/// # Errors
/// [`UnwrapError::Blob`].
pub fn renewal(record: &ProtectorRecord) -> Result<Given, UnwrapError> {
    Ok(match record.kind {
        Kind::Account | Kind::Machine | Kind::Password | Kind::Rsa | Kind::Plugin => Given::Nothing,
        Kind::Pkcs11 => Given::Key(TokenKey::of_blob(&record.blob)?),
        Kind::Shares => {
            let ShareSet { threshold, count, .. } = Shares::set_of_blob(&record.blob)?;
            Given::NewShares { threshold, count }
        }
    })
}

fn missing(surroundings: &Surroundings, kind: Kind, name: &str) -> ConfiguredError {
    let known = surroundings.configuration.names(kind).into_iter().map(str::to_owned).collect();
    ConfiguredError::Missing { kind, name: name.to_owned(), known }
}

const fn needs(kind: Kind) -> &'static str {
    match kind {
        Kind::Account | Kind::Machine | Kind::Rsa | Kind::Plugin => "nothing that is typed",
        Kind::Password => "a password",
        Kind::Shares => "shares, or how many of them there shall be",
        Kind::Pkcs11 => "the labels of a token and of a key on it, and nothing that is typed",
    }
}
