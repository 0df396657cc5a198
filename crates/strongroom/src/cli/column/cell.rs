//! `column cell`: single cells, for tests and for reading what other programs wrote.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `column cell`.
#[derive(Debug, Subcommand)]
pub enum ColumnCell {
    /// Seal values: hexadecimal lines on standard input, a cell in hexadecimal for each
    Seal {
        #[command(flatten)]
        key: CellKeyFile,
        /// How: equal values as equal cells, or each at random
        #[arg(long, value_enum)]
        mode: CellMode,
    },
    /// Open cells: hexadecimal lines on standard input, a value in hexadecimal for each
    Open {
        #[command(flatten)]
        key: CellKeyFile,
        /// Taken and not needed: both kinds of cells open alike
        #[arg(long, value_enum)]
        mode: Option<CellMode>,
    },
}

/// Where the column encryption key is.
#[derive(Debug, Args)]
pub struct CellKeyFile {
    /// The column encryption key: 32 bytes, or 64 hexadecimal digits
    #[arg(long, value_name = "FILE")]
    pub key_file: PathBuf,
}

/// How a cell is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CellMode {
    /// Equal values are equal cells
    Deterministic,
    /// Every cell is another one
    Randomized,
}
