//! Partitions of a table: what stands against a column there, and what they have of it by themselves.

use tokio_postgres::Client;

use super::dependants;
use super::facts::{self, ColumnFacts};
use crate::enable::error::EnableError;
use crate::enable::index::Index;
use crate::enable::part::Part;
use crate::enable::table::comment_sql;
use crate::enable::views::View;

/// What was found of a column in a table's partitions.
#[derive(Default)]
pub(super) struct OfPartitions {
    /// Why it cannot be done.
    pub reasons: Vec<String>,
    /// Rights that it has there, as templates.
    pub grants: Vec<String>,
    /// Comments that it has there, as templates.
    pub comments: Vec<String>,
}

/// Looks at a column of a partitioned table in all of its partitions.
pub(super) async fn look(
    client: &Client,
    table: u32,
    column: &str,
    not_null: bool,
) -> Result<OfPartitions, EnableError> {
    let mut found = OfPartitions { reasons: tree(client, table, column).await?, ..OfPartitions::default() };
    let names = [column.to_owned()];
    if !Index::read(client, table, &names).await?.is_empty() {
        found.reasons.push("indexes of partitioned tables are not made again yet: drop those with the column, and make them again afterwards".to_owned());
    }
    for part in Part::members(client, table).await? {
        let Some(facts) = ColumnFacts::read(client, part.oid, column).await? else { continue };
        let (place, sql) = (format!("{}.{}", part.schema, part.name), part.sql());
        let mut reasons = dependants::read(client, part.oid, facts.number).await?;
        let views = View::read(client, part.oid, &names).await?;
        reasons.extend(
            views.iter().map(|view| format!("the view {} shows it: drop it, and make it again afterwards", view.name)),
        );
        if facts.not_null && !not_null {
            reasons.push("it asks for a value where its table does not".to_owned());
        }
        // Those of partitioned indexes were told of.
        if found.reasons.is_empty() && !Index::read(client, part.oid, &names).await?.is_empty() {
            reasons.push("it has an index with the column: drop it, and make it again afterwards".to_owned());
        }
        found.reasons.extend(reasons.into_iter().map(|reason| format!("partition {place}: {reason}")));
        found.grants.extend(facts::grants(client, part.oid, facts.number, &sql).await?);
        found.comments.extend(facts.comment.as_deref().map(|comment| comment_sql(&sql, comment)));
    }
    Ok(found)
}

/// What stands against it in the tree of tables, whatever the column.
async fn tree(client: &Client, table: u32, column: &str) -> Result<Vec<String>, EnableError> {
    let failed = EnableError::while_("look at the partitions");
    let rows = client.query(TREE, &[&table, &column]).await.map_err(&failed)?;
    let mut reasons = Vec::new();
    for row in &rows {
        let text = |at: usize| row.try_get::<_, String>(at);
        let place = format!("{}.{}", text(0).map_err(&failed)?, text(1).map_err(&failed)?);
        let is = |at: usize| row.try_get::<_, bool>(at).map_err(&failed);
        for (stands, reason) in [
            (is(2)?, format!("{place} is partitioned by it: PostgreSQL has to know its value")),
            (is(3)?, format!("partition {place} is no ordinary table")),
            (is(4)?, format!("partition {place}: only its owner can do this")),
            (is(5)?, format!("partition {place} has rules, which would see cells: drop them")),
            (is(6)?, format!("partition {place} has an index as replica identity: set it to DEFAULT or FULL first")),
        ] {
            if stands {
                reasons.push(reason);
            }
        }
    }
    Ok(reasons)
}

// A column by which a table is partitioned depends on the table from within.
const TREE: &str = "
SELECT n.nspname::text, c.relname::text,
       EXISTS (SELECT FROM pg_depend d JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
                  AND d.refobjid = c.oid AND d.refobjsubid = 0 AND d.deptype = 'i' AND a.attname = $2),
       c.relkind NOT IN ('r', 'p'), NOT pg_has_role(c.relowner, 'USAGE'),
       EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid) AND c.oid <> $1,
       c.relreplident = 'i' AND c.oid <> $1
  FROM pg_partition_tree($1::oid::regclass) t
  JOIN pg_class c ON c.oid = t.relid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY c.oid";
