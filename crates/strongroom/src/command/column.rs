//! `column`: encrypted columns of databases.

mod cell;
mod check;
mod database;
mod disable;
mod enable;
mod keys;
mod server_keys;
mod setup;
mod status;

use strongroom_secret::harden;

use crate::cli::Column;
use crate::command::Here;
use crate::failure::Failure;

/// Runs one of them.
pub fn run(here: &Here<'_>, column: Column) -> Result<(), Failure> {
    // Several of them hold column encryption keys and clear values: no core file, no look from another process.
    let _report = harden::process();
    match column {
        Column::Cell(cell) => cell::run(here, &cell),
        Column::Keys(keys) => keys::run(here, keys),
        Column::Setup(setup) => setup::run(here, setup),
        Column::Enable(enable) => enable::run(here, enable),
        Column::Disable(disable) => disable::run(here, disable),
        Column::Status(inspection) => status::run(here, inspection),
        Column::Check(inspection) => check::run(here, inspection),
    }
}
