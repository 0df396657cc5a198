//! Where the rows of a table lie: in the table itself, or in its partitions.

use tokio_postgres::Client;

use super::error::EnableError;
use super::table::TablePlan;
use crate::catalogue::quote::qualified;

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

    /// The partitions of a table that have none themselves.
    pub async fn partitions(client: &Client, table: u32) -> Result<Vec<Self>, EnableError> {
        let failed = EnableError::while_("read the partitions");
        let rows = client.query(PARTITIONS, &[&table]).await.map_err(&failed)?;
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

const PARTITIONS: &str = "
SELECT c.oid, n.nspname::text, c.relname::text, greatest(c.reltuples, 0)::bigint
  FROM pg_partition_tree($1::oid::regclass) t
  JOIN pg_class c ON c.oid = t.relid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE t.isleaf AND c.relkind <> 'p' ORDER BY c.oid";
