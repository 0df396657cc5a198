//! Fills the column beside: once through the whole table in the order it lies on disk, then through what changed meanwhile.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_postgres::Client;

use super::error::EnableError;
use super::lag::Lag;
use super::machine::Work;
use super::page::{Converter, Page, prepare_write, selection, write};
use super::part::Part;
use crate::catalogue::quote::{identifier, qualified};

/// One pass over the pages that the table has now. Reading and converting go on while the rows before are written.
pub(super) async fn first_pass<S: Sync>(work: &Work<'_, S>) -> Result<u64, EnableError> {
    let (mut rows, begun) = (0, Instant::now());
    let mut lag = Lag::new(work.options.max_standby_lag);
    for part in Part::of(&work.reader.client, &work.plan).await? {
        let done = pass_over(work, &part, (rows, begun), &mut lag).await;
        rows = unless_gone(work, &part, done, rows).await?;
    }
    work.tell("fill", rows, begun);
    note(work, "fill", rows).await?;
    Ok(rows)
}

/// What was done with a part; a partition that was dropped or detached meanwhile is done with.
pub(super) async fn unless_gone<S, T>(
    work: &Work<'_, S>,
    part: &Part,
    done: Result<T, EnableError>,
    otherwise: T,
) -> Result<T, EnableError> {
    match done {
        Err(error) if !part.is_gone(&work.writer.client, &work.plan).await? => Err(error),
        Err(_) => Ok(otherwise),
        done => done,
    }
}

/// The same over one part; how many rows were written so far.
async fn pass_over<S: Sync>(
    work: &Work<'_, S>,
    part: &Part,
    (mut rows, begun): (u64, Instant),
    lag: &mut Lag,
) -> Result<u64, EnableError> {
    part.watch(&work.writer.client, &work.plan).await?;
    let blocks = blocks(&work.reader.client, part.oid).await?;
    let statement = prepare_write(work, part).await?;
    let (send, mut receive) = mpsc::channel(WAITING);
    let produce = async {
        let produced = read_all(work, part, blocks, &send).await;
        drop(send);
        produced
    };
    let consume = async {
        let mut told = Instant::now();
        while let Some(page) = receive.recv().await {
            let page: Page = page;
            rows += write(&work.writer.client, &statement, &page).await?;
            lag.wait(work, rows, begun).await?;
            if told.elapsed() >= TELL {
                told = Instant::now();
                work.tell("fill", rows, begun);
                note(work, "fill", rows).await?;
            }
        }
        Ok(rows)
    };
    // Whoever fails ends the other: what is half done is found again by the next run.
    let ((), rows) = tokio::try_join!(produce, consume)?;
    Ok(rows)
}

/// Reads the table from its first page to the last it had when this began; rows that are written meanwhile come later.
async fn read_all<S: Sync>(
    work: &Work<'_, S>,
    part: &Part,
    blocks: i64,
    send: &mpsc::Sender<Page>,
) -> Result<(), EnableError> {
    let failed = EnableError::while_("read rows");
    let client = &work.reader.client;
    let query = format!(
        "SELECT {} FROM {} AS t WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND ({})",
        selection(work),
        part.sql(),
        work.plan.dirty("t")
    );
    let statement = client.prepare(&query).await.map_err(&failed)?;
    let mut converter = Converter::new(work);
    let (mut at, mut step) = (0, FIRST_STEP);
    while at < blocks {
        let end = (at + step).min(blocks);
        let (from, to) = (format!("({at},0)"), format!("({end},0)"));
        let rows = client.query(&statement, &[&from, &to]).await.map_err(&failed)?;
        let mut largest = 0;
        for chunk in rows.chunks(ROWS) {
            let page = converter.page(chunk)?;
            largest = largest.max(page.bytes());
            if send.send(page).await.is_err() {
                return Ok(());
            }
        }
        step = next_step(step, rows.len(), largest);
        at = end;
    }
    Ok(())
}

/// As many pages of the table as hold about the rows that are written at a time; fewer where values are long.
fn next_step(step: i64, rows: usize, bytes: usize) -> i64 {
    if bytes > BYTES {
        return (step / 2).max(1);
    }
    if rows * 2 > ROWS * 3 {
        return (step * 2 / 3).max(1);
    }
    if rows * 3 < ROWS * 2 && bytes * 2 < BYTES { (step * 2).min(MOST_STEP) } else { step }
}

/// Makes the indexes by which the last rows are found at once.
pub(super) async fn index_dirty<S>(work: &Work<'_, S>) -> Result<(), EnableError> {
    for part in Part::of(&work.writer.client, &work.plan).await? {
        let done = index_part(work, &part).await;
        unless_gone(work, &part, done, ()).await?;
    }
    Ok(())
}

/// An index that only has rows with work to do.
async fn index_part<S>(work: &Work<'_, S>, part: &Part) -> Result<(), EnableError> {
    let failed = EnableError::while_("make the index of rows that are left");
    let client = &work.writer.client;
    let name = part.dirty_index();
    if is_valid(client, &part.schema, &name).await? == Some(true) {
        return Ok(());
    }
    // One that an interrupted run left is not usable.
    let drop = format!("DROP INDEX IF EXISTS {}", qualified(&part.schema, &name));
    client.batch_execute(&drop).await.map_err(&failed)?;
    let (name, table, dirty) = (identifier(&name), part.sql(), work.plan.dirty(""));
    let create = format!("CREATE INDEX CONCURRENTLY {name} ON {table} ((true)) WHERE {dirty}");
    client.batch_execute(&create).await.map_err(&failed)
}

/// Whether an index is usable; none when it is not there.
pub(super) async fn is_valid(client: &Client, schema: &str, name: &str) -> Result<Option<bool>, EnableError> {
    let failed = EnableError::while_("look at an index");
    let query = "SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                 JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2";
    let row = client.query_opt(query, &[&schema, &name]).await.map_err(&failed)?;
    row.map(|row| row.try_get(0)).transpose().map_err(&failed)
}

/// Passes over what changed, until so little is left that the swap takes it along.
pub(super) async fn later_passes<S: Sync>(work: &Work<'_, S>) -> Result<u64, EnableError> {
    let begun = Instant::now();
    let mut rows = 0;
    let mut lag = Lag::new(work.options.max_standby_lag);
    for part in Part::of(&work.writer.client, &work.plan).await? {
        let done = later_pass(work, &part, (rows, begun), &mut lag).await;
        rows = unless_gone(work, &part, done, rows).await?;
    }
    Ok(rows)
}

/// The same over one part; one that has come since the first pass is read wholly before.
async fn later_pass<S: Sync>(
    work: &Work<'_, S>,
    part: &Part,
    (mut rows, begun): (u64, Instant),
    lag: &mut Lag,
) -> Result<u64, EnableError> {
    let client = &work.writer.client;
    let indexed = is_valid(client, &part.schema, &part.dirty_index()).await? == Some(true);
    if !indexed || !part.is_watched(client, &work.plan).await? {
        rows = pass_over(work, part, (rows, begun), lag).await?;
        index_part(work, part).await?;
    }
    let statement = prepare_write(work, part).await?;
    for _ in 0..MOST_PASSES {
        let (found, written) = some(work, part, &statement, ROWS).await?;
        rows += written;
        work.tell("changed rows", rows, begun);
        if found < FEW {
            break;
        }
        lag.wait(work, rows, begun).await?;
        if written == 0 {
            // All of them are held by transactions of others.
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(rows)
}

/// At most so many of the rows that are left; how many were found, and how many written.
pub(super) async fn some<S: Sync>(
    work: &Work<'_, S>,
    part: &Part,
    statement: &tokio_postgres::Statement,
    most: usize,
) -> Result<(usize, u64), EnableError> {
    let client = &work.writer.client;
    let query =
        format!("SELECT {} FROM {} AS t WHERE {} LIMIT {most}", selection(work), part.sql(), work.plan.dirty("t"));
    let rows = client.query(&query, &[]).await.map_err(EnableError::while_("read rows"))?;
    if rows.is_empty() {
        return Ok((0, 0));
    }
    let page = Converter::new(work).page(&rows)?;
    Ok((rows.len(), write(client, statement, &page).await?))
}

/// The table's length in pages, at least one.
pub(super) async fn blocks(client: &Client, table: u32) -> Result<i64, EnableError> {
    let failed = EnableError::while_("measure the table");
    let query = "SELECT pg_relation_size($1::oid::regclass) / current_setting('block_size')::bigint + 1";
    client.query_one(query, &[&table]).await.and_then(|row| row.try_get(0)).map_err(failed)
}

/// Leaves a note for `strongroom column status`.
pub(super) async fn note<S>(work: &Work<'_, S>, phase: &str, rows: u64) -> Result<(), EnableError> {
    let names: Vec<&str> = work.plan.columns.iter().map(|column| column.name.as_str()).collect();
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let query = "UPDATE strongroom.migration_job SET phase = $3, rows_done = greatest(rows_done, $4), updated = now() \
                 WHERE relation = $1::oid::regclass AND column_name = ANY ($2::text[]) AND finished IS NULL";
    let noted = work.writer.client.execute(query, &[&work.plan.oid, &names, &phase, &rows]).await;
    noted.map_err(EnableError::while_("note how far it is"))?;
    Ok(())
}

/// Rows that are written at a time.
const ROWS: usize = 4000;
/// Bytes of cells that are written at a time, about.
const BYTES: usize = 4 << 20;
/// Pages of the table that are read first.
const FIRST_STEP: i64 = 1;
const MOST_STEP: i64 = 4096;
/// Pages that wait to be written.
const WAITING: usize = 2;
/// With fewer rows left the swap is tried.
pub(super) const FEW: usize = 1000;
const MOST_PASSES: usize = 10_000;
const PAUSE: Duration = Duration::from_millis(100);
const TELL: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_grow_to_the_rows_wanted_and_shrink_with_long_values() {
        assert_eq!(next_step(8, 100, 1000), 16);
        assert_eq!(next_step(32, ROWS, 300_000), 32);
        assert_eq!(next_step(32, ROWS * 2, 300_000), 21);
        assert_eq!(next_step(8, 40, BYTES + 1), 4);
        assert_eq!(next_step(1, 40, BYTES + 1), 1);
        assert_eq!(next_step(MOST_STEP, 0, 0), MOST_STEP);
    }
}
