//! `column disable`: encrypted columns become clear again.

use strongroom_column_pg::enable::{Direction, Options, Verification};

use super::database::{dsn, targets};
use super::enable::{Work, limit, work};
use crate::cli::ColumnDisable;
use crate::command::Here;
use crate::failure::Failure;

/// Runs it.
pub fn run(here: &Here<'_>, given: ColumnDisable) -> Result<(), Failure> {
    let dsn = dsn(&given.database)?;
    let targets = targets(given.columns, given.application.as_deref())?;
    let options = Options {
        direction: Direction::Disable,
        key: None,
        master: String::new(),
        manifest_key: given.names.manifest_key.clone(),
        accept_frequency_leakage: false,
        keep_plain: false,
        vacuum_full: false,
        verification: Verification::All,
        max_standby_lag: limit(given.max_standby_lag),
    };
    let (names, yes) = (given.names, given.yes);
    here.call(|client, output| work(client, output, Work { dsn, targets, options, names, yes }))
}
