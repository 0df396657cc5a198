//! Reads both columns back and compares them, before the swap: the cells that are there open to the clear values beside them.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::error::EnableError;
use super::fill::{blocks, unless_gone};
use super::machine::{Direction, Verification, Work};
use super::page::{Converter, source};
use super::part::Part;
use super::raw::RawValue;
use super::table::ColumnPlan;
use crate::catalogue::quote::identifier;

/// How many values were compared.
pub(super) async fn verify<S: Sync>(work: &Work<'_, S>) -> Result<u64, EnableError> {
    let (mut compared, begun) = (0, Instant::now());
    for part in Part::of(&work.reader.client, &work.plan).await? {
        let done = verify_part(work, &part, (compared, begun)).await;
        compared = unless_gone(work, &part, done, compared).await?;
    }
    work.tell("verify", compared, begun);
    Ok(compared)
}

/// How many values were compared so far.
async fn verify_part<S: Sync>(
    work: &Work<'_, S>,
    part: &Part,
    (mut compared, begun): (u64, Instant),
) -> Result<u64, EnableError> {
    let failed = EnableError::while_("read rows back");
    let client = &work.reader.client;
    let query = format!(
        "SELECT t.ctid, {} FROM {} AS t WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid",
        work.plan.columns.iter().map(|column| both(column, work.options.direction)).collect::<Vec<_>>().join(", "),
        part.sql()
    );
    let statement = client.prepare(&query).await.map_err(&failed)?;
    let blocks = blocks(client, part.oid).await?;
    let step = step(client, part.oid, blocks).await?;
    let stride = stride(of_part(work.options.verification, part.rows, work.plan.rows), part.rows, blocks, step);
    let mut converter = Converter::new(work);
    let (mut at, mut told) = (0, Instant::now());
    while at < blocks {
        let (from, to) = (format!("({at},0)"), format!("({},0)", at + step));
        let rows = client.query(&statement, &[&from, &to]).await.map_err(&failed)?;
        for row in &rows {
            let tid: RawValue<'_> = row.try_get(0).map_err(&failed)?;
            for number in 0..work.plan.columns.len() {
                let clear: Option<RawValue<'_>> = row.try_get(number * 2 + 1).map_err(&failed)?;
                let cell: Option<RawValue<'_>> = row.try_get(number * 2 + 2).map_err(&failed)?;
                // One that has only just changed is empty, and made before the swap.
                let (Some(clear), Some(cell)) = (clear, cell) else { continue };
                converter.compare(number, clear.0, cell.0, tid.0)?;
                compared += 1;
            }
        }
        if told.elapsed() >= TELL {
            told = Instant::now();
            work.tell("verify", compared, begun);
        }
        at += stride;
    }
    Ok(compared)
}

/// A part's share of what is read back.
fn of_part(verification: Verification, rows: i64, all: i64) -> Verification {
    match verification {
        Verification::Sample(wanted) if rows < all => {
            let share = i128::from(wanted) * i128::from(rows) / i128::from(all.max(1));
            Verification::Sample(u64::try_from(share).unwrap_or(wanted).max(1))
        }
        whole => whole,
    }
}

/// The clear value and the cell of a column, whichever of them is the older one.
fn both(column: &ColumnPlan, direction: Direction) -> String {
    let fresh = identifier(&column.fresh());
    match direction {
        Direction::Enable => format!("{}, t.{fresh}::bytea", source(column, direction)),
        Direction::Disable => {
            let clear = if column.as_text { format!("t.{fresh}::text") } else { format!("t.{fresh}") };
            format!("{clear}, {}", source(column, direction))
        }
    }
}

/// How many pages lie between those that are looked at.
fn stride(verification: Verification, rows: i64, blocks: i64, step: i64) -> i64 {
    match verification {
        Verification::All => step,
        Verification::Sample(wanted) => {
            let wanted = i64::try_from(wanted).unwrap_or(i64::MAX).max(1);
            let looks = (blocks.saturating_mul(wanted) / rows.max(1) / step).max(1);
            (blocks / looks).max(step)
        }
    }
}

/// As many pages as hold about so many bytes, with what is stored apart from them.
async fn step(client: &Client, table: u32, blocks: i64) -> Result<i64, EnableError> {
    let failed = EnableError::while_("measure the table");
    let query = "SELECT pg_table_size($1::oid::regclass)";
    let size: i64 = client.query_one(query, &[&table]).await.and_then(|row| row.try_get(0)).map_err(failed)?;
    Ok((BYTES / (size / blocks.max(1)).max(1)).clamp(1, MOST_STEP))
}

const BYTES: i64 = 4 << 20;
const MOST_STEP: i64 = 64;
const TELL: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_over_the_table() {
        assert_eq!(stride(Verification::All, 1_000_000, 10_000, 16), 16);
        // A hundredth of the rows: a hundredth of the pages.
        assert_eq!(stride(Verification::Sample(10_000), 1_000_000, 10_000, 16), 1666);
        assert_eq!(stride(Verification::Sample(1_000_000), 10, 10, 16), 16);
        assert_eq!(of_part(Verification::Sample(10_000), 250_000, 1_000_000), Verification::Sample(2_500));
        assert_eq!(of_part(Verification::Sample(10), 0, 1_000_000), Verification::Sample(1));
        assert_eq!(of_part(Verification::All, 1, 2), Verification::All);
    }
}
