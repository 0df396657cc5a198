//! Indexes that have a column which changes: read, and written again for the column beside it.

use tokio_postgres::{Client, Row};

use super::error::EnableError;
use crate::catalogue::quote::{identifier, qualified};

/// An index, part by part.
#[derive(Debug, Clone)]
pub struct Index {
    /// Its schema, which is its table's.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// `btree`, `hash`, …
    pub method: String,
    /// Whether it allows no two equal rows.
    pub unique: bool,
    /// Whether null is equal to null in it.
    pub nulls_not_distinct: bool,
    /// The constraint that it belongs to: its name, and whether it is the primary key.
    pub constraint: Option<(String, bool)>,
    /// Its columns and expressions.
    pub parts: Vec<IndexPart>,
    /// How many of them are keys; the others are only stored.
    pub keys: usize,
    /// Its condition, as SQL writes it.
    pub condition: Option<String>,
}

/// A column or expression of an index.
#[derive(Debug, Clone)]
pub struct IndexPart {
    /// The column, if it is one.
    pub column: Option<String>,
    /// The column or expression with its collation and operator class.
    pub sql: String,
    /// Its order: ` DESC NULLS LAST` and the like.
    pub order: String,
}

impl Index {
    /// Reads those of a table that have one of these columns.
    pub(super) async fn read(client: &Client, table: u32, columns: &[String]) -> Result<Vec<Self>, EnableError> {
        let failed = EnableError::while_("read the table's indexes");
        let rows = client.query(INDEXES, &[&table]).await.map_err(&failed)?;
        let mut indexes = Vec::new();
        for row in &rows {
            let mut index = Self::of(row).map_err(&failed)?;
            let oid: u32 = row.try_get(8).map_err(&failed)?;
            let parts = client.query(PARTS, &[&oid]).await.map_err(&failed)?;
            index.parts = parts.iter().map(IndexPart::of).collect::<Result<_, _>>().map_err(&failed)?;
            if columns.iter().any(|column| index.has(column) || index.computes_with(column)) {
                indexes.push(index);
            }
        }
        Ok(indexes)
    }

    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let constraint: Option<String> = row.try_get(5)?;
        let primary: bool = row.try_get(6)?;
        let keys: i16 = row.try_get(9)?;
        Ok(Self {
            schema: row.try_get(0)?,
            name: row.try_get(1)?,
            method: row.try_get(2)?,
            unique: row.try_get(3)?,
            nulls_not_distinct: row.try_get(10)?,
            constraint: constraint.map(|name| (name, primary)),
            parts: Vec::new(),
            keys: usize::try_from(keys).unwrap_or_default(),
            condition: row.try_get(7)?,
        })
    }

    /// Whether this column is one of its columns.
    pub fn has(&self, column: &str) -> bool {
        self.parts.iter().any(|part| part.column.as_deref() == Some(column))
    }

    /// Whether an expression or the condition names this column.
    pub fn computes_with(&self, column: &str) -> bool {
        let expressions = self.parts.iter().filter(|part| part.column.is_none()).map(|part| &part.sql);
        expressions.chain(&self.condition).any(|sql| names(sql, column))
    }

    /// Whether this column is one of its keys.
    pub fn has_key(&self, column: &str) -> bool {
        self.parts.iter().take(self.keys).any(|part| part.column.as_deref() == Some(column))
    }

    /// Its name while it is made.
    pub fn fresh(&self) -> String {
        let digest = strongroom_crypto::hash::sha256(&[self.schema.as_bytes(), b"\0", self.name.as_bytes()]);
        let digits: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("strongroom_{digits}")
    }

    /// The statement that makes it anew; `stand_in` says for a column what stands for it: its name, and the operator class.
    pub fn create(&self, table: &str, stand_in: impl Fn(&str) -> Option<(String, Option<String>)>) -> String {
        let part = |part: &IndexPart, is_key: bool| {
            let replaced = part.column.as_deref().and_then(&stand_in);
            let body = match replaced {
                Some((name, Some(class))) if is_key => format!("{} {class}", identifier(&name)),
                Some((name, _)) => identifier(&name),
                None => part.sql.clone(),
            };
            if is_key { format!("{body}{}", part.order) } else { body }
        };
        let list =
            |parts: &[IndexPart], is_key| parts.iter().map(|one| part(one, is_key)).collect::<Vec<_>>().join(", ");
        let (keys, stored) = self.parts.split_at(self.keys.min(self.parts.len()));
        let mut sql = format!(
            "CREATE {}INDEX CONCURRENTLY {} ON {table} USING {} ({})",
            if self.unique { "UNIQUE " } else { "" },
            identifier(&self.fresh()),
            self.method,
            list(keys, true)
        );
        if !stored.is_empty() {
            sql.push_str(&format!(" INCLUDE ({})", list(stored, false)));
        }
        if self.nulls_not_distinct {
            sql.push_str(" NULLS NOT DISTINCT");
        }
        if let Some(condition) = &self.condition {
            sql.push_str(&format!(" WHERE {condition}"));
        }
        sql
    }

    /// The statements by which the new one takes the place of the old one, which is gone with its column.
    pub fn take_place(&self, table: &str) -> String {
        let fresh = self.fresh();
        match &self.constraint {
            Some((name, primary)) => {
                let kind = if *primary { "PRIMARY KEY" } else { "UNIQUE" };
                format!(
                    "ALTER TABLE {table} ADD CONSTRAINT {} {kind} USING INDEX {}",
                    identifier(name),
                    identifier(&fresh)
                )
            }
            None => format!("ALTER INDEX {} RENAME TO {}", qualified(&self.schema, &fresh), identifier(&self.name)),
        }
    }

    /// The statement that drops the old one.
    pub fn drop_old(&self, table: &str) -> String {
        match &self.constraint {
            Some((name, _)) => format!("ALTER TABLE {table} DROP CONSTRAINT {}", identifier(name)),
            None => format!("DROP INDEX {}", qualified(&self.schema, &self.name)),
        }
    }
}

impl IndexPart {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self { column: row.try_get(0)?, sql: row.try_get(1)?, order: row.try_get(2)? })
    }
}

/// Whether a name stands by itself in an expression; also where it is part of a text, which is then refused for nothing.
fn names(sql: &str, name: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    sql.match_indices(name).any(|(at, _)| {
        let before = sql.get(..at).and_then(|text| text.chars().next_back());
        let behind = sql.get(at + name.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !behind.is_some_and(is_part)
    })
}

const INDEXES: &str = "
SELECT n.nspname::text, c.relname::text, m.amname::text, i.indisunique, i.indisvalid, k.conname::text, i.indisprimary,
       pg_get_expr(i.indpred, i.indrelid), c.oid, i.indnkeyatts,
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false)
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_am m ON m.oid = c.relam
  LEFT JOIN pg_constraint k ON k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')
 WHERE i.indrelid = $1 AND c.relname NOT LIKE 'strongroom\\_%'
 ORDER BY c.relname";

const PARTS: &str = "
SELECT a.attname::text,
       pg_get_indexdef(i.indexrelid, p.n, true)
       || CASE WHEN i.indcollation[p.n - 1] NOT IN (0, coalesce(a.attcollation, 0))
               THEN ' COLLATE ' || i.indcollation[p.n - 1]::regcollation::text ELSE '' END
       || CASE WHEN o.opcdefault OR o.oid IS NULL THEN ''
               ELSE ' ' || quote_ident(s.nspname) || '.' || quote_ident(o.opcname) END,
       CASE WHEN p.n > i.indnkeyatts OR m.amname <> 'btree' THEN ''
            WHEN i.indoption[p.n - 1] & 3 = 3 THEN ' DESC'
            WHEN i.indoption[p.n - 1] & 3 = 1 THEN ' DESC NULLS LAST'
            WHEN i.indoption[p.n - 1] & 3 = 2 THEN ' NULLS FIRST'
            ELSE '' END
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_am m ON m.oid = c.relam
  CROSS JOIN LATERAL generate_series(1, i.indnatts) p (n)
  LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[p.n - 1] AND a.attnum > 0
  LEFT JOIN pg_opclass o ON p.n <= i.indnkeyatts AND o.oid = i.indclass[p.n - 1]
  LEFT JOIN pg_namespace s ON s.oid = o.opcnamespace
 WHERE i.indexrelid = $1
 ORDER BY p.n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_where_it_stands_by_itself() {
        assert!(names("lower(k)", "k") && names("\"k\" = 1", "k") && names("(a || k)", "k"));
        assert!(!names("check_k(ak, k1)", "k"));
    }
}
