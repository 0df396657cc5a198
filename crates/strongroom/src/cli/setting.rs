//! `setting`: what a person can type.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::Given;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ValueType {
    /// Text (UTF-8), as it comes
    String,
    /// Texts, one a line
    MultiString,
    /// A whole number in decimal digits
    Integer,
    /// Bytes, as they come
    Binary,
    /// true or false
    Boolean,
}

/// What a setting belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Class {
    /// Encrypted under a key of its own
    Encrypted,
    /// How queues are worked off; not encrypted
    Queue,
    /// How clients look and behave; not encrypted
    Client,
    /// How the audit log is written; not encrypted
    Audit,
}

/// The form of a file of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SettingsForm {
    /// As `setting export` writes it
    Toml,
    /// As the registry editor of Windows exports it
    Reg,
}

/// `setting`.
#[derive(Debug, Subcommand)]
pub enum Setting {
    /// Store a value: a new setting, or another value of one that is there
    Set {
        /// Name or id
        name: String,
        /// What the value is
        #[arg(long = "type", value_enum, value_name = "TYPE")]
        value_type: ValueType,
        /// The value.
        #[command(flatten)]
        given: Given,
        /// What it belongs to; as before when left out, and encrypted for a new one
        #[arg(long, value_enum, value_name = "CLASS")]
        class: Option<Class>,
        /// Only if its revision is this one; 0: only if there is no such setting
        #[arg(long, value_name = "REVISION")]
        if_revision: Option<u32>,
    },
    /// Write the value to standard output: exactly, or the strings of a multi-string one a line
    Get {
        /// Name or id
        name: String,
    },
    /// List settings, without their values
    List {
        /// What their names begin with
        #[arg(default_value = "")]
        prefix: String,
    },
    /// Delete a setting for good
    Delete {
        /// Name or id
        name: String,
        /// Only if its revision is this one
        #[arg(long, value_name = "REVISION")]
        if_revision: Option<u32>,
    },
    /// Write settings to standard output (TOML), with their values in clear
    Export {
        /// What their names begin with
        #[arg(default_value = "")]
        prefix: String,
    },
    /// Take settings over from a file; can be repeated
    Import {
        /// The file
        file: PathBuf,
        /// Its form; default: by its ending
        #[arg(long, value_enum)]
        form: Option<SettingsForm>,
        /// Write every row that was refused, and why, into this new file (JSON lines, without values)
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
    },
}
