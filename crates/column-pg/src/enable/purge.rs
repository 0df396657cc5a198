//! After the swap: NOT NULL is verified, the table is written anew, the job ends; and what still holds clear text is said.

use tokio_postgres::Client;

use super::cutover::{PAUSE, again};
use super::error::EnableError;
use super::machine::{Direction, Observer, Options, Progress};
use super::part::Part;
use super::table::TablePlan;
use super::target::Target;
use crate::catalogue::quote::{identifier, qualified};

/// Finishes a table whose columns have changed places.
pub(super) async fn clean(
    client: &Client,
    plan: &TablePlan,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(), EnableError> {
    let failed = EnableError::while_("clean up after the swap");
    let table = plan.sql();
    for column in not_null_constraints(client, plan.oid).await? {
        let (constraint, name) = (identifier(&column.0), identifier(&column.1));
        // Verified without a lock; then the column's own NOT NULL needs no look at the rows.
        for statement in [
            format!("ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}"),
            format!("ALTER TABLE {table} ALTER COLUMN {name} SET NOT NULL"),
            format!("ALTER TABLE {table} DROP CONSTRAINT {constraint}"),
        ] {
            patiently(client, plan, &statement).await?;
        }
    }
    let names: Vec<&str> = plan.columns.iter().map(|column| column.name.as_str()).collect();
    rewrite(client, plan, options, observer).await?;
    let finished = "UPDATE strongroom.migration_job SET phase = 'done', updated = now(), finished = now() \
                    WHERE relation = $1::oid::regclass AND column_name = ANY ($2::text[]) AND finished IS NULL";
    client.execute(finished, &[&plan.oid, &names]).await.map_err(&failed)?;
    Ok(())
}

/// Finishes what a run that ended after the swap has left.
pub(super) async fn resume(
    client: &Client,
    targets: &[Target],
    options: &Options,
    observer: &dyn Observer,
) -> Result<(), EnableError> {
    let failed = EnableError::while_("read the jobs");
    for target in targets {
        let table = qualified(&target.schema, &target.table);
        let parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
            &[&table, &target.column, &options.direction.word()];
        let Some(row) = client.query_opt(LEFT, parameters).await.map_err(&failed)? else { continue };
        let oid = row.try_get(0).map_err(&failed)?;
        let (schema, name) = (target.schema.clone(), target.table.clone());
        let (columns, indexes) = (Vec::new(), Vec::new());
        let partitioned = !Part::partitions(client, oid).await?.is_empty();
        let plan = TablePlan { schema, name, oid, partitioned, columns, indexes, rows: 0 };
        clean(client, &plan, options, observer).await?;
        let finished = "UPDATE strongroom.migration_job SET phase = 'done', updated = now(), finished = now() \
                        WHERE relation = $1::oid::regclass AND column_name = $2 AND finished IS NULL";
        client.execute(finished, &[&oid, &target.column]).await.map_err(&failed)?;
    }
    Ok(())
}

/// Constraints of ours that stand for NOT NULL, with their columns.
async fn not_null_constraints(client: &Client, table: u32) -> Result<Vec<(String, String)>, EnableError> {
    let failed = EnableError::while_("read the table's constraints");
    let rows = client.query(NOT_NULL, &[&table]).await.map_err(&failed)?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, _>>().map_err(failed)
}

/// A statement that locks the table. It does not wait long, because whoever comes after it would wait with it; it is tried again.
async fn patiently(client: &Client, plan: &TablePlan, statement: &str) -> Result<(), EnableError> {
    let failed = EnableError::while_("clean up after the swap");
    let mut tries = 0;
    loop {
        tries += 1;
        client.batch_execute("SET lock_timeout = '2s'").await.map_err(&failed)?;
        let outcome = client.batch_execute(statement).await.map_err(&failed);
        client.batch_execute("SET lock_timeout = 0").await.map_err(&failed)?;
        match outcome {
            Ok(()) => return Ok(()),
            Err(error) => again(error, tries, plan)?,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Writes the table anew: rows that are dead, and a column that was dropped, still lie in its file.
async fn rewrite(
    client: &Client,
    plan: &TablePlan,
    options: &Options,
    observer: &dyn Observer,
) -> Result<(), EnableError> {
    let table = format!("{}.{}", plan.schema, plan.name);
    if options.direction == Direction::Enable && options.vacuum_full {
        observer.progress(&Progress { table, phase: "write the table anew", done: 0, expected: 0, per_second: 0 });
        // One by one: what is done need not be done again when another is held.
        for part in Part::of(client, plan).await? {
            let done = patiently(client, plan, &format!("VACUUM (FULL, ANALYZE) {}", part.sql())).await;
            if done.is_err() && !part.is_gone(client, plan).await? {
                return done;
            }
        }
        patiently(client, plan, &format!("ANALYZE {}", plan.sql())).await
    } else {
        patiently(client, plan, &format!("VACUUM (ANALYZE) {}", plan.sql())).await
    }
}

/// What still holds clear text, and what to do about it.
pub(super) async fn left(client: &Client, options: &Options) -> Result<Vec<String>, EnableError> {
    let failed = EnableError::while_("look for what still holds clear text");
    let mut left = Vec::new();
    if options.keep_plain {
        left.push("the clear columns were kept, as NAME__plain: drop them, then VACUUM FULL the tables".to_owned());
    } else if !options.vacuum_full {
        left.push("the tables' files hold dead rows with clear text: VACUUM FULL the tables".to_owned());
    }
    // Statistics had samples of the values; their table is small. Whoever may not do this is only warned by the server.
    let may: bool = client.query_one(MAY_VACUUM, &[]).await.and_then(|row| row.try_get(0)).map_err(&failed)?;
    if !may || client.batch_execute("VACUUM FULL pg_catalog.pg_statistic").await.is_err() {
        left.push("pg_statistic held samples of the values: as a superuser, VACUUM FULL pg_statistic".to_owned());
    }
    let moved_on = client.batch_execute("CHECKPOINT; SELECT pg_switch_wal()").await.is_ok();
    let log = if moved_on { "was moved on from" } else { "has to be moved on from (CHECKPOINT, pg_switch_wal)" };
    left.push(format!(
        "the write-ahead log {log}; its older segments, archived ones too, hold clear text until they are removed"
    ));
    left.push("backups made before hold clear text: make a new one, then delete those".to_owned());
    for (query, what) in [
        (REPLICAS, "replicas hold the old file until they have replayed this: wait for them"),
        (SLOTS, "replication slots keep older segments of the write-ahead log: see pg_replication_slots"),
        (STATEMENTS, "pg_stat_statements may hold statements with values: SELECT pg_stat_statements_reset()"),
        (LOGGED, "statements are logged (log_statement, log_min_duration_statement): older logs hold values"),
    ] {
        let row = client.query_one(query, &[]).await.map_err(&failed)?;
        if row.try_get::<_, bool>(0).map_err(&failed)? {
            left.push(what.to_owned());
        }
    }
    left.push("blocks that the file system has freed are not overwritten".to_owned());
    Ok(left)
}

const LEFT: &str = "
SELECT relation::oid FROM strongroom.migration_job
 WHERE relation = to_regclass($1) AND column_name = $2 AND direction = $3 AND phase = 'clean up' AND finished IS NULL";
const NOT_NULL: &str = "
SELECT c.conname::text, a.attname::text
  FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
 WHERE c.conrelid = $1 AND c.contype = 'c' AND c.conname LIKE 'strongroom\\_%\\_not\\_null'";
const MAY_VACUUM: &str = "
SELECT r.rolsuper OR pg_has_role(d.datdba, 'USAGE')
  FROM pg_roles r, pg_database d WHERE r.rolname = current_user AND d.datname = current_database()";
const REPLICAS: &str = "SELECT EXISTS (SELECT FROM pg_stat_replication)";
const SLOTS: &str = "SELECT EXISTS (SELECT FROM pg_replication_slots)";
const STATEMENTS: &str = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')";
const LOGGED: &str =
    "SELECT current_setting('log_statement') <> 'none' OR current_setting('log_min_duration_statement')::bigint >= 0";
