//! What PostgreSQL's catalogue says of a table and a column.

use strongroom_column::cell::Mode;
use strongroom_column::{Class, PlainType};
use tokio_postgres::{Client, Row};

use crate::enable::error::EnableError;
use crate::enable::machine::Direction;

/// A table.
pub(super) struct TableFacts {
    pub oid: u32,
    pub rows: i64,
    pub last_column: Option<String>,
    kind: String,
    persistence: String,
    is_owner: bool,
    inherits: bool,
    is_partition: bool,
    replica_identity: String,
    has_rules: bool,
    triggers: Vec<String>,
    publications: Vec<String>,
    size: String,
}

impl TableFacts {
    pub async fn read(client: &Client, schema: &str, name: &str) -> Result<Option<Self>, EnableError> {
        let failed = EnableError::while_("look at the table");
        let row = client.query_opt(TABLE, &[&schema, &name]).await.map_err(&failed)?;
        row.as_ref().map(Self::of).transpose().map_err(&failed)
    }

    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            oid: row.try_get(0)?,
            kind: row.try_get(1)?,
            persistence: row.try_get(2)?,
            is_owner: row.try_get(3)?,
            inherits: row.try_get(4)?,
            is_partition: row.try_get(5)?,
            replica_identity: row.try_get(6)?,
            has_rules: row.try_get(7)?,
            triggers: row.try_get(8)?,
            publications: row.try_get(9)?,
            size: row.try_get(10)?,
            rows: row.try_get(11)?,
            last_column: row.try_get(12)?,
        })
    }

    /// Whether its rows lie in partitions.
    pub fn is_partitioned(&self) -> bool {
        self.kind == "p"
    }

    /// What stands against every column of it.
    pub fn reasons(&self) -> Vec<&'static str> {
        let checks = [
            (self.is_partition, "its table is a partition: name the table that it is a part of"),
            (!["r", "p"].contains(&self.kind.as_str()), "it is no ordinary table"),
            (self.persistence == "t", "its table is temporary"),
            (
                self.inherits && !self.is_partitioned() && !self.is_partition,
                "its table inherits or is inherited from: end that first",
            ),
            (!self.is_owner, "only the owner of the table can do this"),
            (self.has_rules, "its table has rules, which would see cells: drop them"),
            (
                self.replica_identity == "i",
                "its table has an index as replica identity: set it to DEFAULT or FULL first",
            ),
        ];
        checks.iter().filter(|(stands, _)| *stands).map(|(_, reason)| *reason).collect()
    }

    /// What has to be known.
    pub fn remarks(&self, table: &str) -> Vec<String> {
        let mut remarks = vec![format!(
            "{table} has {} on disk; it takes about 2.3 times that while it is done, and as much of the write-ahead log",
            self.size
        )];
        if !self.triggers.is_empty() {
            let list = self.triggers.join(", ");
            remarks.push(format!(
                "{table} has triggers ({list}): from the swap on they see cells; while it is filled they are not fired if this role may \
                 set session_replication_role, else they are, for every row"
            ));
        }
        if !self.publications.is_empty() {
            let list = self.publications.join(", ");
            remarks.push(format!(
                "{table} is published ({list}): subscribers need the types of the schema strongroom too"
            ));
        }
        remarks
    }
}

/// A column.
pub(super) struct ColumnFacts {
    pub number: i16,
    pub type_oid: u32,
    pub type_modifier: i32,
    /// As SQL writes it, with its length and the like.
    pub type_sql: String,
    /// Its name, or `enum`.
    pub type_word: String,
    /// Whether it is a type of the schema `strongroom`.
    pub is_encrypted: bool,
    pub not_null: bool,
    pub collation_is_deterministic: bool,
    pub comment: Option<String>,
    is_identity: bool,
    is_generated: bool,
}

impl ColumnFacts {
    pub async fn read(client: &Client, table: u32, name: &str) -> Result<Option<Self>, EnableError> {
        let failed = EnableError::while_("look at the column");
        let row = client.query_opt(COLUMN, &[&table, &name]).await.map_err(&failed)?;
        row.as_ref().map(Self::of).transpose().map_err(&failed)
    }

    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            number: row.try_get(0)?,
            type_oid: row.try_get(1)?,
            type_modifier: row.try_get(2)?,
            type_sql: row.try_get(3)?,
            type_word: row.try_get(4)?,
            not_null: row.try_get(5)?,
            is_identity: row.try_get(6)?,
            is_generated: row.try_get(7)?,
            collation_is_deterministic: row.try_get(8)?,
            comment: row.try_get(9)?,
            is_encrypted: row.try_get(10)?,
        })
    }

    pub fn reasons(&self) -> Vec<&'static str> {
        let checks = [
            (self.is_identity, "it is an identity: numbers that the server makes cannot be encrypted"),
            (self.is_generated, "it is computed by the server: drop it"),
        ];
        checks.iter().filter(|(stands, _)| *stands).map(|(_, reason)| *reason).collect()
    }
}

/// The rights on this column alone, as statements with `{}` for its name.
pub(super) async fn grants(client: &Client, table: u32, column: i16, sql: &str) -> Result<Vec<String>, EnableError> {
    let failed = EnableError::while_("read the column's rights");
    let rows = client.query(GRANTS, &[&table, &column]).await.map_err(&failed)?;
    let mut grants = Vec::new();
    for row in &rows {
        let (right, to, more): (String, String, bool) =
            (row.try_get(0).map_err(&failed)?, row.try_get(1).map_err(&failed)?, row.try_get(2).map_err(&failed)?);
        let more = if more { " WITH GRANT OPTION" } else { "" };
        grants.push(format!("GRANT {right} ({{}}) ON TABLE {sql} TO {to}{more}"));
    }
    Ok(grants)
}

/// The class of the job on this column that is not finished.
pub(super) async fn job(
    client: &Client,
    table: u32,
    column: &str,
    direction: Direction,
) -> Result<Option<String>, EnableError> {
    let failed = EnableError::while_("read the jobs");
    let row = client.query_opt(JOB, &[&table, &column, &direction.word()]).await.map_err(&failed)?;
    row.map(|row| row.try_get(0)).transpose().map_err(&failed)
}

/// A class as the schema's tables have it. Its type's name is made of all it consists of, so that tells whether it is true.
pub(super) async fn class(client: &Client, name: &str) -> Result<Option<Class>, EnableError> {
    let failed = EnableError::while_("read the encryption class");
    let Some(row) = client.query_opt(CLASS, &[&name]).await.map_err(&failed)? else { return Ok(None) };
    let (key, mode, plain): (String, i32, String) =
        (row.try_get(0).map_err(&failed)?, row.try_get(1).map_err(&failed)?, row.try_get(2).map_err(&failed)?);
    let mode = if mode == 1 { Mode::Deterministic } else { Mode::Randomized };
    Ok(PlainType::parse(&plain).ok().map(|plain| Class { key, mode, plain }))
}

/// The type the column had before it was encrypted. It becomes part of statements, so PostgreSQL has to read it as a type.
pub(super) async fn declared_type(
    client: &Client,
    table: u32,
    column: &str,
    class: &Class,
) -> Result<String, EnableError> {
    let failed = EnableError::while_("read the type the column had");
    let row = client.query_opt(DECLARED, &[&table, &column]).await.map_err(&failed)?;
    let declared: Option<String> = row.map(|row| row.try_get(0)).transpose().map_err(&failed)?;
    let Some(declared) = declared else {
        let what = format!("strongroom.encrypted_column does not say which type {column} had before");
        let fix = format!("add its row again; the manifest has it as {}", class.plain.word());
        return Err(EnableError::State { what, fix });
    };
    client.query_one("SELECT $1::text::regtype::oid", &[&declared]).await.map_err(&failed)?;
    Ok(declared)
}

const TABLE: &str = "
SELECT c.oid, c.relkind::text, c.relpersistence::text, pg_has_role(c.relowner, 'USAGE'),
       EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid OR i.inhparent = c.oid),
       c.relispartition, c.relreplident::text,
       EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid),
       ARRAY (SELECT t.tgname::text FROM pg_trigger t
               WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgname NOT LIKE '~strongroom\\_%' ORDER BY 1),
       ARRAY (SELECT p.pubname::text FROM pg_publication p
               WHERE p.puballtables OR EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = c.oid)
               ORDER BY 1),
       (SELECT pg_size_pretty(sum(pg_total_relation_size(s.oid))) FROM pg_class s
         WHERE s.oid = c.oid OR s.oid IN (SELECT relid FROM pg_partition_tree(c.oid))),
       (SELECT coalesce(sum(greatest(s.reltuples, 0)), 0)::bigint FROM pg_class s
         WHERE s.oid = c.oid AND s.relkind <> 'p' OR s.oid IN (SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf)),
       (SELECT a.attname::text FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum DESC LIMIT 1)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";

const COLUMN: &str = "
SELECT a.attnum, a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod),
       CASE WHEN t.typtype = 'e' THEN 'enum' ELSE t.typname::text END,
       a.attnotnull, a.attidentity <> '', a.attgenerated <> '',
       coalesce((SELECT l.collisdeterministic FROM pg_collation l WHERE l.oid = a.attcollation), true),
       col_description(a.attrelid, a.attnum), t.typnamespace = 'strongroom'::regnamespace
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid = $1 AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped";

const GRANTS: &str = "
SELECT g.privilege_type, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END, g.is_grantable
  FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) g
 WHERE a.attrelid = $1 AND a.attnum = $2";

const JOB: &str = "
SELECT class FROM strongroom.migration_job
 WHERE relation = $1::oid::regclass AND column_name = $2 AND direction = $3 AND finished IS NULL";

const CLASS: &str = "
SELECT k.name, c.encryption_type, c.plain_type
  FROM strongroom.encryption_class c JOIN strongroom.column_encryption_key k USING (column_encryption_key_id) WHERE c.name = $1";

const DECLARED: &str = "
SELECT declared_type FROM strongroom.encrypted_column WHERE relation = $1::oid::regclass AND column_name = $2";
