//! How much deterministic cells of a column would tell: equal values have equal cells, so their frequencies are seen.

use strongroom_column::{PlainType, Tagged};
use tokio_postgres::Client;

use crate::catalogue::quote::identifier;
use crate::enable::error::EnableError;

/// Why the column should not be deterministic; none when its values are many and even.
pub(super) async fn found(
    client: &Client,
    table: &str,
    column: &str,
    plain: &PlainType,
) -> Result<Option<String>, EnableError> {
    if matches!(plain, PlainType::Bool | PlainType::Tagged(Tagged::Enum)) {
        return Ok(Some(refusal("it has a handful of possible values")));
    }
    let failed = EnableError::while_("count the column's values");
    let name = identifier(column);
    // Rows as they come: of a table in use these are as good as any, and cost least.
    let query = format!(
        "SELECT count(*), coalesce(sum(n), 0)::bigint, coalesce(max(n), 0)::bigint FROM (SELECT count(*) AS n FROM (\
         SELECT {name}::text AS v FROM {table} WHERE {name} IS NOT NULL LIMIT {SAMPLE}) s GROUP BY v) g"
    );
    let row = client.query_one(&query, &[]).await.map_err(&failed)?;
    let distinct: i64 = row.try_get(0).map_err(&failed)?;
    let rows: i64 = row.try_get(1).map_err(&failed)?;
    let most: i64 = row.try_get(2).map_err(&failed)?;
    Ok(judge(distinct, rows, most))
}

fn judge(distinct: i64, rows: i64, most: i64) -> Option<String> {
    if rows < LEAST_ROWS {
        return None;
    }
    if distinct < LEAST_DISTINCT {
        return Some(refusal(&format!("only {distinct} different values were found in {rows} rows")));
    }
    (most.saturating_mul(MOST_SHARE) > rows)
        .then(|| refusal(&format!("one value has {most} of {rows} rows that were looked at")))
}

fn refusal(why: &str) -> String {
    format!(
        "deterministic cells would give its values away by how often they occur: {why}; choose :randomized, or accept it with \
         --accept-frequency-leakage"
    )
}

const SAMPLE: i64 = 100_000;
const LEAST_ROWS: i64 = 100;
const LEAST_DISTINCT: i64 = 50;
/// A value with more than one part in so many stands out.
const MOST_SHARE: i64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_or_frequent_values_stand_out() {
        assert!(judge(2, 1000, 500).is_some());
        assert!(judge(900, 1000, 60).is_some());
        assert!(judge(1000, 1000, 1).is_none());
        assert!(judge(3, 10, 5).is_none());
    }
}
