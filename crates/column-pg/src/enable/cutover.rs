//! The swap: in one short transaction the last rows are converted, the columns change places, and the manifest says so.

use std::time::{Duration, Instant};

use strongroom_column::Manifest;
use strongroom_column::manifest::{ManifestColumn, ManifestTable, State};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::error::EnableError;
use super::fill::{self, FEW, is_valid, later_passes, note};
use super::keys::ColumnKeySource;
use super::machine::{Direction, Work};
use super::next_manifest;
use super::page::prepare_write;
use super::part::Part;
use super::table::{ColumnPlan, TablePlan};
use super::views::{self, Dropped, View};
use crate::catalogue::quote::{identifier, literal, qualified};

/// Makes the indexes of the new columns, while applications write.
pub(super) async fn build_indexes<S>(work: &Work<'_, S>) -> Result<(), EnableError> {
    let failed = EnableError::while_("make an index");
    let client = &work.writer.client;
    note(work, "index", 0).await?;
    work.tell("make indexes, which waits for transactions that are open", 0, Instant::now());
    let stand_in = |name: &str| {
        let column = work.plan.columns.iter().find(|column| column.name == name)?;
        let class = (work.options.direction == Direction::Enable)
            .then(|| qualified("strongroom", &format!("{}_btree", column.class.type_name())));
        Some((column.fresh(), class))
    };
    for index in &work.plan.indexes {
        match is_valid(client, &index.schema, &index.fresh()).await? {
            Some(true) => continue,
            Some(false) => {
                let drop = format!("DROP INDEX {}", qualified(&index.schema, &index.fresh()));
                client.batch_execute(&drop).await.map_err(&failed)?;
            }
            None => {}
        }
        let create = if index.method == "hash" || index.constraint.is_some() {
            // The operator classes that are the types' default: hashing, and the order that constraints ask for.
            index.create(&work.plan.sql(), |name| stand_in(name).map(|(fresh, _)| (fresh, None)))
        } else {
            index.create(&work.plan.sql(), stand_in)
        };
        client.batch_execute(&create).await.map_err(&failed)?;
    }
    Ok(())
}

/// Tries until nobody holds the table; answers for how long it was locked.
pub(super) async fn swap<S: ColumnKeySource>(work: &Work<'_, S>) -> Result<Duration, EnableError> {
    // Much may have changed while indexes were made and rows read back.
    later_passes(work).await?;
    note(work, "swap", 0).await?;
    let mut tries = 0;
    loop {
        tries += 1;
        let client = &work.writer.client;
        let error = match attempt(work, client).await {
            Ok(Attempt::Done(locked)) => return Ok(locked),
            Ok(Attempt::TooMuch) => {
                client.batch_execute("ROLLBACK").await.map_err(EnableError::while_("swap the columns"))?;
                later_passes(work).await?;
                continue;
            }
            Err(error) => error,
        };
        client.batch_execute("ROLLBACK").await.map_err(EnableError::while_("swap the columns"))?;
        again(error, tries, &work.plan)?;
        tokio::time::sleep(PAUSE).await;
        later_passes(work).await?;
    }
}

enum Attempt {
    Done(Duration),
    /// More rows were left than are converted under the lock.
    TooMuch,
}

async fn attempt<S: ColumnKeySource>(work: &Work<'_, S>, client: &Client) -> Result<Attempt, EnableError> {
    let failed = EnableError::while_("swap the columns");
    client.batch_execute("BEGIN; SET LOCAL lock_timeout = '2s'").await.map_err(&failed)?;
    // The signature is asked for before the table is locked.
    client.batch_execute(next_manifest::LOCK).await.map_err(&failed)?;
    let mut manifest = next_manifest::read(client, work.public).await?.next();
    relist(&work.plan, work.options.direction, &mut manifest);
    let keeps_clear = work.options.keep_plain && work.options.direction == Direction::Enable;
    if keeps_clear || changes_order(client, &work.plan).await? {
        let (schema, table) = (work.plan.schema.clone(), work.plan.name.clone());
        manifest.reordered.push(ManifestTable { schema, table });
    }
    next_manifest::tidy_reordered(&mut manifest);
    next_manifest::publish(client, work.source, work.public, &manifest, &work.options.manifest_key).await?;

    let locked = Instant::now();
    let views = drop_views_and_lock(client, &work.plan).await?;
    // Now no other part can come. One that came just before, or was away meanwhile, is done first.
    let parts = Part::of(client, &work.plan).await?;
    for part in &parts {
        let indexed = is_valid(client, &part.schema, &part.dirty_index()).await? == Some(true);
        if !indexed || !part.is_watched(client, &work.plan).await? {
            return Ok(Attempt::TooMuch);
        }
    }
    let mut converted = 0;
    for part in &parts {
        let statement = prepare_write(work, part).await?;
        loop {
            let (found, _) = fill::some(work, part, &statement, FEW).await?;
            converted += found;
            if found == 0 {
                break;
            }
            if converted > MOST_LOCKED {
                return Ok(Attempt::TooMuch);
            }
        }
    }
    for part in &parts {
        let dirty = format!("DROP INDEX {}", qualified(&part.schema, &part.dirty_index()));
        for statement in part.unwatch(&work.plan).iter().chain([&dirty]) {
            client.batch_execute(statement).await.map_err(&failed)?;
        }
    }
    change_all_places(work, client).await?;
    for index in &work.plan.indexes {
        client.batch_execute(&index.take_place(&work.plan.sql())).await.map_err(&failed)?;
    }
    views.make_again(client).await?;
    finish_rows(work, client).await?;
    client.batch_execute("COMMIT").await.map_err(&failed)?;
    Ok(Attempt::Done(locked.elapsed()))
}

/// Makes the swap on columns that may be empty, in the transaction that is open, and takes it back: who has a view that does what
/// cannot be done with cells hears of it before anything is kept.
pub(super) async fn rehearse<S>(work: &Work<'_, S>) -> Result<(), EnableError> {
    let (client, plan) = (&work.writer.client, &work.plan);
    let failed = EnableError::while_("rehearse the swap");
    let columns: Vec<String> = plan.columns.iter().map(|column| column.name.clone()).collect();
    if !plan.partitioned && View::read(client, plan.oid, &columns).await?.is_empty() {
        return Ok(());
    }
    // The table may be locked already, and queries lock views first: nobody waits so long that PostgreSQL sees a circle.
    client.batch_execute("SAVEPOINT strongroom_rehearsal; SET LOCAL lock_timeout = '200ms'").await.map_err(&failed)?;
    let views = drop_views_and_lock(client, plan).await?;
    change_all_places(work, client).await?;
    views.make_again(client).await?;
    client.batch_execute("ROLLBACK TO SAVEPOINT strongroom_rehearsal").await.map_err(&failed)
}

async fn drop_views_and_lock(client: &Client, plan: &TablePlan) -> Result<Dropped, EnableError> {
    let views = views::drop_over(client, plan).await?;
    let lock = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", plan.sql());
    client.batch_execute(&lock).await.map_err(EnableError::while_("lock the table"))?;
    Ok(views)
}

async fn change_all_places<S>(work: &Work<'_, S>, client: &Client) -> Result<(), EnableError> {
    for statement in work.plan.columns.iter().flat_map(|column| change_places(work, column)) {
        client.batch_execute(&statement).await.map_err(EnableError::while_("swap the columns"))?;
    }
    Ok(())
}

/// Whether the columns will stand in another order after the swap.
async fn changes_order(client: &Client, plan: &TablePlan) -> Result<bool, EnableError> {
    let failed = EnableError::while_("read the order of columns");
    let parts = Part::members(client, plan.oid).await?;
    for oid in parts.iter().map(|part| part.oid).chain([plan.oid]) {
        let rows = client.query(ORDER, &[&oid]).await.map_err(&failed)?;
        let names: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(&failed)?;
        if is_reordered(&names, plan) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_reordered(names: &[String], plan: &TablePlan) -> bool {
    let fresh: Vec<String> = plan.columns.iter().map(ColumnPlan::fresh).collect();
    let before = names.iter().filter(|name| !fresh.contains(name));
    let after = names.iter().filter(|name| plan.columns.iter().all(|column| column.name != **name));
    let after = after
        .map(|name| plan.columns.iter().find(|column| column.fresh() == *name).map_or(name, |column| &column.name));
    !before.eq(after)
}

/// The manifest's entries of the table's columns, after the swap.
fn relist(plan: &TablePlan, direction: Direction, manifest: &mut Manifest) {
    for column in &plan.columns {
        let is_it = |listed: &ManifestColumn, name: &str| {
            (listed.schema.as_str(), listed.table.as_str(), listed.column.as_str()) == (&plan.schema, &plan.name, name)
        };
        manifest.columns.retain(|listed| !is_it(listed, &column.fresh()) && !is_it(listed, &column.name));
        if direction == Direction::Enable {
            manifest.columns.push(ManifestColumn {
                schema: plan.schema.clone(),
                table: plan.name.clone(),
                column: column.name.clone(),
                class: column.class.clone(),
                state: State::Encrypted,
            });
        }
    }
}

/// The statements by which a column and the one beside it change places.
fn change_places<S>(work: &Work<'_, S>, column: &ColumnPlan) -> Vec<String> {
    let table = work.plan.sql();
    let (old, fresh) = (identifier(&column.name), identifier(&column.fresh()));
    let trigger = column.trigger(&work.plan);
    let mut statements: Vec<String> = ["i", "u"]
        .iter()
        .map(|end| format!("DROP TRIGGER {} ON {table}", identifier(&format!("{trigger}_{end}"))))
        .collect();
    let keep = work.options.keep_plain && work.options.direction == Direction::Enable;
    if keep {
        statements.extend(keep_clear(work, column));
    } else {
        statements.push(format!("ALTER TABLE {table} DROP COLUMN {old}"));
    }
    statements.push(format!("ALTER TABLE {table} RENAME COLUMN {fresh} TO {old}"));
    if column.not_null {
        // Holds for new rows at once; for those that are there it is verified after the swap, without a lock.
        let constraint = identifier(&column.not_null_constraint());
        statements.push(format!("ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({old} IS NOT NULL) NOT VALID"));
    }
    statements.extend(column.grants.iter().chain(&column.comments).map(|template| template.replacen("{}", &old, 1)));
    statements
}

/// The clear column stays, without what makes it unique or asks for it, and takes nothing new.
fn keep_clear<S>(work: &Work<'_, S>, column: &ColumnPlan) -> Vec<String> {
    let table = work.plan.sql();
    let kept = identifier(&column.kept());
    let of_column = work.plan.indexes.iter().filter(|index| index.has(&column.name));
    let mut statements: Vec<String> = of_column.map(|index| index.drop_old(&table)).collect();
    statements.push(format!("ALTER TABLE {table} RENAME COLUMN {} TO {kept}", identifier(&column.name)));
    if column.not_null {
        statements.push(format!("ALTER TABLE {table} ALTER COLUMN {kept} DROP NOT NULL"));
    }
    let call = format!("EXECUTE FUNCTION strongroom.refuse_clear({})", literal(&column.kept()));
    let trigger = column.trigger(&work.plan);
    statements.push(format!(
        "CREATE TRIGGER {} BEFORE INSERT ON {table} FOR EACH ROW WHEN (NEW.{kept} IS NOT NULL) {call}",
        identifier(&format!("{trigger}_k"))
    ));
    statements.push(format!(
        "CREATE TRIGGER {} BEFORE UPDATE ON {table} FOR EACH ROW WHEN (NEW.{kept} IS NOT NULL AND OLD.{kept}::text IS DISTINCT FROM NEW.{kept}::text) {call}",
        identifier(&format!("{trigger}_l"))
    ));
    statements
}

/// What the schema's tables say.
async fn finish_rows<S>(work: &Work<'_, S>, client: &Client) -> Result<(), EnableError> {
    let failed = EnableError::while_("swap the columns");
    for column in &work.plan.columns {
        let (oid, name) = (&work.plan.oid, &column.name);
        match work.options.direction {
            Direction::Enable => {
                let renamed = "UPDATE strongroom.encrypted_column SET column_name = $3, state = 'encrypted' \
                               WHERE relation = $1::oid::regclass AND column_name = $2";
                client.execute(renamed, &[oid, &column.fresh(), name]).await.map_err(&failed)?;
            }
            Direction::Disable => {
                let gone =
                    "DELETE FROM strongroom.encrypted_column WHERE relation = $1::oid::regclass AND column_name = $2";
                client.execute(gone, &[oid, name]).await.map_err(&failed)?;
            }
        }
        let job = "UPDATE strongroom.migration_job SET phase = 'clean up', updated = now() \
                   WHERE relation = $1::oid::regclass AND column_name = $2 AND finished IS NULL";
        client.execute(job, &[oid, name]).await.map_err(&failed)?;
    }
    Ok(())
}

/// Whether to try again: a table that somebody holds is tried for some minutes.
pub(super) fn again(error: EnableError, tries: u32, plan: &TablePlan) -> Result<(), EnableError> {
    let held = match &error {
        EnableError::Database { source, .. } => {
            source.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
                || source.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED)
        }
        _ => false,
    };
    if !held {
        return Err(error);
    }
    if tries >= MOST_TRIES {
        return Err(EnableError::Busy { table: format!("{}.{}", plan.schema, plan.name), tries });
    }
    Ok(())
}

const ORDER: &str = "SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
/// Between two tries, so that those who waited behind us get through.
pub(super) const PAUSE: Duration = Duration::from_millis(500);
const MOST_TRIES: u32 = 60;
/// Rows that are converted under the lock.
const MOST_LOCKED: usize = 5 * FEW;
