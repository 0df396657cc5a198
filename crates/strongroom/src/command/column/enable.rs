//! `column enable`: columns of tables in use are encrypted.

use serde_json::json;
use strongroom_client::Client;
use strongroom_column_pg::connect::Dsn;
use strongroom_column_pg::enable::{Direction, Options, Outcome, Target, Verification, plan, run as encrypt};

use super::database::{Watcher, confirmed, dsn, failed, keys, refused, targets};
use crate::cli::{ColumnEnable, Names};
use crate::command::Here;
use crate::failure::Failure;
use crate::output::Output;

/// Runs it.
pub fn run(here: &Here<'_>, given: ColumnEnable) -> Result<(), Failure> {
    let dsn = dsn(&given.database)?;
    let targets = targets(given.columns, given.application.as_deref())?;
    let options = Options {
        direction: Direction::Enable,
        key: given.key,
        master: given.master,
        manifest_key: given.names.manifest_key.clone(),
        accept_frequency_leakage: given.accept_frequency_leakage,
        keep_plain: given.keep_plain,
        vacuum_full: !given.no_vacuum_full,
        verification: given.verify_sample.map_or(Verification::All, Verification::Sample),
        max_standby_lag: limit(given.max_standby_lag),
    };
    let (names, yes) = (given.names, given.yes);
    here.call(|client, output| work(client, output, Work { dsn, targets, options, names, yes }))
}

/// None means none.
pub fn limit(bytes: u64) -> Option<u64> {
    (bytes > 0).then_some(bytes)
}

/// What is done, and to what.
pub struct Work {
    /// The database.
    pub dsn: Dsn,
    /// The columns.
    pub targets: Vec<Target>,
    /// How.
    pub options: Options,
    /// Keys by name.
    pub names: Names,
    /// Whether nobody is asked.
    pub yes: bool,
}

/// The same for both ways.
pub async fn work(client: Client, output: &Output, work: Work) -> Result<(), Failure> {
    let Work { dsn, targets, options, names, yes } = work;
    let keys = keys(client, &names);
    let is_enable = options.direction == Direction::Enable;
    let (attempted, question) = if is_enable {
        ("encrypting the columns", "Encrypt these columns?")
    } else {
        ("decrypting the columns", "Write these columns in clear?")
    };
    let failed = failed(output, attempted);
    let preflight = plan(&dsn, &keys, &targets, &options).await.map_err(&failed)?;
    if !preflight.refusals.is_empty() {
        return Err(refused(output, &preflight));
    }
    if !confirmed(output, &preflight, question, yes)? {
        return Err(Failure::usage("nothing was done", ""));
    }
    let watcher = Watcher(output);
    let outcome = encrypt(&dsn, &keys, &targets, &options, &watcher).await;
    watcher.end();
    let outcome = outcome.map_err(&failed)?;
    tell(output, &outcome, if is_enable { "encrypted" } else { "in clear" });
    Ok(())
}

fn tell(output: &Output, outcome: &Outcome, state: &str) {
    let tables: Vec<_> = outcome
        .tables
        .iter()
        .map(|table| {
            json!({
                "table": table.table, "columns": table.columns, "rows": table.rows, "rows_per_second": table.per_second,
                "verified": table.verified, "locked_milliseconds": table.locked_milliseconds,
            })
        })
        .collect();
    let json = json!({
        "tables": tables, "already": outcome.already, "relisted": outcome.relisted, "clear_text_is_left": outcome.left,
    });
    output.answer(&json, || {
        let mut lines = Vec::new();
        for table in &outcome.tables {
            let columns = table.columns.join(", ");
            lines.push(format!(
                "{}: {columns} {state}; {} rows written ({}/s), {} values compared, locked for {} ms",
                table.table, table.rows, table.per_second, table.verified, table.locked_milliseconds
            ));
        }
        lines.extend(outcome.relisted.iter().cloned());
        lines.extend(outcome.already.iter().map(|column| format!("{column} was {state} already")));
        if !outcome.left.is_empty() {
            lines.push("clear text is left where no statement reaches it:".to_owned());
            lines.extend(outcome.left.iter().map(|left| format!("  {left}")));
        }
        lines.join("\n")
    });
}
