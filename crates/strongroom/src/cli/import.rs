//! `import` and `convert`: what a person can type.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Given;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Comma-separated values with a line of column names
    Csv,
    /// One JSON object a line
    Jsonl,
}

/// `import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Columns or fields: name; value, or value_base64; encrypted (true when the other system has encrypted the value already: it is
kept as it is); in CSV every other column, in JSON lines the object `metadata`, is metadata. A row that is there already with
the same value is left as it is, so an import that was interrupted is simply repeated.")]
pub struct Import {
    /// The file
    pub file: PathBuf,
    /// Its form; default: by its ending
    #[arg(long, value_enum)]
    pub form: Option<Form>,
    /// Without the layer of an application key, so that no key or device can stop the import half-way; `convert` seals it
    #[arg(long)]
    pub clear: bool,
    /// Write every row that was refused, and why, into this new file (JSON lines, without values)
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// `convert`.
#[derive(Debug, Args)]
pub struct Convert {
    /// root, rsa:NAME, pkcs11:NAME, plugin:NAME (sections of the server's configuration), password or shares
    #[arg(long, value_name = "PROTECTOR")]
    pub with: String,
    /// For pkcs11: the token's label
    #[arg(long, value_name = "LABEL")]
    pub token: Option<String>,
    /// For pkcs11: the label of the key on the token; made there when it is missing
    #[arg(long, value_name = "LABEL")]
    pub label: Option<String>,
    /// For shares: how many are made
    #[arg(long, value_name = "COUNT")]
    pub shares: Option<u8>,
    /// For shares: how many open
    #[arg(long, value_name = "COUNT")]
    pub threshold: Option<u8>,
    /// Seal at most so many values a second
    #[arg(long, value_name = "VALUES")]
    pub rate: Option<u32>,
    /// For a password.
    #[command(flatten)]
    pub given: Given,
}
