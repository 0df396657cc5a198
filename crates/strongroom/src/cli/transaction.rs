//! `tx`: what a person can type.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

/// Where transactions are.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum TxState {
    /// Steps are recorded
    Active,
    /// Done
    Committed,
    /// Steps are being undone
    RollingBack,
    /// All steps are undone
    RolledBack,
}

impl TxState {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Committed => "committed",
            Self::RollingBack => "rolling_back",
            Self::RolledBack => "rolled_back",
        }
    }
}

/// `tx`.
#[derive(Debug, Subcommand)]
pub enum Tx {
    /// Record a request document (XML), and begin its transaction; `-` is standard input
    Begin {
        /// The document
        document: PathBuf,
    },
    /// Record a step that was done, or is about to be
    Step {
        /// The transaction
        id: String,
        /// The procedure that was run
        #[arg(long)]
        procedure: String,
        /// A file with the state after it
        #[arg(long, value_name = "FILE")]
        state_file: Option<PathBuf>,
        /// A file with what undoes it
        #[arg(long, value_name = "FILE")]
        rollback_file: Option<PathBuf>,
    },
    /// Record the state after a step that was recorded without one
    State {
        /// The transaction
        id: String,
        /// The step
        step: u32,
        /// A file with the state; `-` is standard input
        #[arg(long, value_name = "FILE", default_value = "-")]
        state_file: PathBuf,
    },
    /// End a transaction that is done
    Commit {
        /// The transaction
        id: String,
    },
    /// Begin to undo a transaction, or go on with it: writes what undoes its steps, the last one first
    Rollback {
        /// The transaction
        id: String,
    },
    /// Confirm that a step is undone; the rollback ends with the last one
    Undone {
        /// The transaction
        id: String,
        /// The step
        step: u32,
    },
    /// Show what is known about a transaction, without its data
    Show {
        /// The transaction
        id: String,
    },
    /// Read a transaction back with its data, to go on with it
    Get {
        /// The transaction
        id: String,
    },
    /// List transactions in the order they were begun
    List {
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<TxState>,
    },
    /// List those that are neither committed nor rolled back, as after a crash
    Unfinished,
    /// Move closed transactions to an encrypted file in the server's archive folder
    Archive {
        /// Only those that were closed so long ago: a number with s, m, h or d
        #[arg(long, value_name = "TIME", value_parser = crate::input::seconds)]
        older_than: u64,
    },
}
