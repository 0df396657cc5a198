//! Why a command on columns failed.

use strongroom_column::manifest::ManifestError;
use strongroom_column::{BadValue, Unsupported};
use thiserror::Error;

use super::keys::KeySourceError;
use super::preflight::Preflight;
use crate::catalogue::LoadError;

/// Why a command on columns failed. Whatever was begun goes on when the command is run again.
#[derive(Debug, Error)]
pub enum EnableError {
    /// The database refused or could not be reached.
    #[error("could not {attempted}: {}", told(source))]
    Database {
        /// What was attempted.
        attempted: &'static str,
        /// What it said.
        source: tokio_postgres::Error,
    },
    /// The database is not ready for it.
    #[error("{what}")]
    State {
        /// What is wrong.
        what: String,
        /// How to mend it.
        fix: String,
    },
    /// The catalogue could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Something about a column stands against it; nothing was touched.
    #[error("{} of the columns cannot be done; nothing was touched", .0.refused_columns())]
    Refused(Box<Preflight>),
    /// A key or a signature could not be had.
    #[error(transparent)]
    Keys(#[from] KeySourceError),
    /// The next manifest cannot be written.
    #[error("the manifest: {0}")]
    Manifest(#[from] ManifestError),
    /// A type that cannot be encrypted.
    #[error(transparent)]
    Type(#[from] Unsupported),
    /// A value that cannot be encrypted. It is not shown.
    #[error("{column}, row at ctid {row}: {source}; change the value, then run this again")]
    Value {
        /// Table and column.
        column: String,
        /// Where the row lies: `(page,item)`.
        row: String,
        /// Why.
        source: BadValue,
    },
    /// A cell that does not open, or opens to something else than what stands beside it.
    #[error("{column}, row at ctid {row}: {problem}; nothing was swapped")]
    Cell {
        /// Table and column.
        column: String,
        /// Where the row lies: `(page,item)`.
        row: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Writers never let go of the table.
    #[error(
        "the table {table} could not be locked within {tries} tries of 2 s: a transaction holds it; nothing is lost"
    )]
    Busy {
        /// The table.
        table: String,
        /// How often it was tried.
        tries: u32,
    },
}

impl EnableError {
    /// For `map_err`: what was attempted.
    pub(super) fn while_(attempted: &'static str) -> impl Fn(tokio_postgres::Error) -> Self {
        move |source| Self::Database { attempted, source }
    }

    /// How to mend it; empty when the text says so.
    #[must_use]
    pub fn fix(&self) -> &str {
        match self {
            Self::State { fix, .. } => fix,
            Self::Database { .. } | Self::Load(_) => {
                "see to the database, then run the same command again: it goes on where it was"
            }
            Self::Busy { .. } => {
                "end the transaction that holds it (pg_stat_activity), then run the same command again"
            }
            Self::Refused(_) => "mend what is listed, or leave these columns out",
            Self::Keys(_) => "see to the Strongroom server and its keys, then run the same command again",
            Self::Manifest(_) | Self::Type(_) | Self::Value { .. } => "",
            Self::Cell { .. } => "do not go on: look at this row first",
        }
    }

    /// The SQLSTATE, when the database refused.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Database { source, .. } => source.code().map(tokio_postgres::error::SqlState::code),
            _ => None,
        }
    }
}

/// The server's own message without its DETAIL, which may hold values.
fn told(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => {
            let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
            format!("{error}{source}")
        }
    }
}
