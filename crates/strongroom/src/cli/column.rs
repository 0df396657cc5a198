//! `column`: what a person can type about encrypted columns of databases.

mod cell;
mod database;
mod keys;

use clap::Subcommand;

pub use cell::{CellMode, ColumnCell};
pub use database::{ColumnDisable, ColumnEnable, ColumnSetup, Database, Inspection, Names};
pub use keys::ColumnKeys;

/// `column`.
#[derive(Debug, Subcommand)]
pub enum Column {
    /// Single cells, under a key from a file
    #[command(subcommand)]
    Cell(ColumnCell),
    /// The master keys: column encryption keys are wrapped under them
    #[command(subcommand)]
    Keys(ColumnKeys),
    /// Make the schema `strongroom` in a database; once, as a superuser
    Setup(ColumnSetup),
    /// Encrypt columns of tables that are in use; run again, it goes on where it was
    Enable(ColumnEnable),
    /// Make encrypted columns clear again; run again, it goes on where it was
    Disable(ColumnDisable),
    /// Show what is encrypted and under way, and what is not as it should be (exit code 8 then)
    Status(Inspection),
    /// Show which proxies reach which keys, and try each key from here (exit code 8 when one is not reached)
    Check(Inspection),
}
