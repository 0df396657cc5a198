//! Where the rows of a table lie: in the table itself, or in its partitions.

use tokio_postgres::Client;

use super::error::EnableError;
use super::table::TablePlan;
use crate::catalogue::quote::{identifier, qualified};

/// A table that holds rows.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub oid: u32,
    pub schema: String,
    pub name: String,
    /// Estimated number of rows.
    pub rows: i64,
}

impl Part {
    /// As they are now: others may come while a table is worked on.
    pub async fn of(client: &Client, plan: &TablePlan) -> Result<Vec<Self>, EnableError> {
        if plan.partitioned {
            return Self::partitions(client, plan.oid).await;
        }
        let (schema, name) = (plan.schema.clone(), plan.name.clone());
        Ok(vec![Self { oid: plan.oid, schema, name, rows: plan.rows }])
    }

    /// Whether it is a part no more: partitions go, too.
    pub async fn is_gone(&self, client: &Client, plan: &TablePlan) -> Result<bool, EnableError> {
        if !plan.partitioned {
            return Ok(false);
        }
        Ok(Self::partitions(client, plan.oid).await?.iter().all(|part| part.oid != self.oid))
    }

    /// Whether what was filled in it was watched by triggers all the time. A partition that was detached had none meanwhile; the
    /// ones it has since are others, so a comment on the new column says which they were.
    pub async fn is_watched(&self, client: &Client, plan: &TablePlan) -> Result<bool, EnableError> {
        if !plan.partitioned {
            return Ok(true);
        }
        let failed = EnableError::while_("look at the partition's triggers");
        for column in &plan.columns {
            let trigger = format!("{}_u", column.trigger(plan));
            let watched = client.query_opt(WATCHED, &[&self.oid, &column.fresh(), &trigger]).await.map_err(&failed)?;
            let watched = watched.map(|row| row.try_get(0)).transpose().map_err(&failed)?;
            if watched != Some(true) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Empties what was filled while nothing watched, and notes which triggers watch from now on.
    pub async fn watch(&self, client: &Client, plan: &TablePlan) -> Result<(), EnableError> {
        if self.is_watched(client, plan).await? {
            return Ok(());
        }
        let failed = EnableError::while_("begin with a partition");
        let table = self.sql();
        for column in &plan.columns {
            let (fresh, trigger) = (identifier(&column.fresh()), format!("{}_u", column.trigger(plan)));
            // Should the partition be detached between this and the comment, it is another one afterwards, and this is done again.
            let row = client.query_one(TRIGGER, &[&self.oid, &trigger]).await.map_err(&failed)?;
            let oid: u32 = row.try_get(0).map_err(&failed)?;
            let script = format!(
                "BEGIN; UPDATE {table} SET {fresh} = NULL WHERE {fresh} IS NOT NULL; \
                 COMMENT ON COLUMN {table}.{fresh} IS 'strongroom {oid}'; COMMIT"
            );
            if let Err(error) = client.batch_execute(&script).await {
                let _ended = client.batch_execute("ROLLBACK").await;
                return Err(failed(error));
            }
        }
        Ok(())
    }

    /// The statements that take the notes away.
    pub fn unwatch(&self, plan: &TablePlan) -> Vec<String> {
        let of = |fresh: String| format!("COMMENT ON COLUMN {}.{} IS NULL", self.sql(), identifier(&fresh));
        if plan.partitioned { plan.columns.iter().map(|column| of(column.fresh())).collect() } else { Vec::new() }
    }

    /// The partitions of a table that have none themselves.
    pub async fn partitions(client: &Client, table: u32) -> Result<Vec<Self>, EnableError> {
        Self::below(client, table, true).await
    }

    /// All partitions of a table, also those that have some themselves.
    pub async fn members(client: &Client, table: u32) -> Result<Vec<Self>, EnableError> {
        Self::below(client, table, false).await
    }

    async fn below(client: &Client, table: u32, leaves: bool) -> Result<Vec<Self>, EnableError> {
        let failed = EnableError::while_("read the partitions");
        let rows = client.query(PARTITIONS, &[&table, &leaves]).await.map_err(&failed)?;
        let part = |row: &tokio_postgres::Row| {
            Ok(Self { oid: row.try_get(0)?, schema: row.try_get(1)?, name: row.try_get(2)?, rows: row.try_get(3)? })
        };
        rows.iter().map(part).collect::<Result<_, _>>().map_err(failed)
    }

    /// `"schema"."table"`.
    pub fn sql(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    /// The index by which rows that are left are found at the end.
    pub fn dirty_index(&self) -> String {
        format!("strongroom_{}_dirty", self.oid)
    }
}

const WATCHED: &str = "
SELECT coalesce(col_description(a.attrelid, a.attnum) = 'strongroom ' || t.oid, false)
  FROM pg_attribute a JOIN pg_trigger t ON t.tgrelid = a.attrelid
 WHERE a.attrelid = $1 AND a.attname = $2 AND t.tgname = $3";

const TRIGGER: &str = "SELECT oid FROM pg_trigger WHERE tgrelid = $1 AND tgname = $2";

const PARTITIONS: &str = "
SELECT c.oid, n.nspname::text, c.relname::text, greatest(c.reltuples, 0)::bigint
  FROM pg_partition_tree($1::oid::regclass) t
  JOIN pg_class c ON c.oid = t.relid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid <> $1 AND (NOT $2 OR c.relkind <> 'p') ORDER BY c.oid";
