//! What a database says of itself. Nothing of it is trusted; the manifest judges it.

use std::collections::HashMap;

use tokio_postgres::{Client, Error, Row};

/// What a database says of itself, read in one snapshot.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The types of the schema `strongroom`, by name: domains and base types.
    pub types: HashMap<String, Type>,
    /// All columns of relations that have a column of such a type, or the name of a table in the manifest.
    pub columns: Vec<Column>,
    /// Types of rows with a column of such a type, and arrays of and domains over them, to any depth.
    pub row_types: Vec<u32>,
    /// Names that lead to such relations or take such types.
    pub names: Vec<String>,
    /// Partitions of tables with the name of one in the manifest: schema and name of the table, name of the partition.
    pub partitions: Vec<(String, String, String)>,
    /// Column encryption keys under their master keys.
    pub values: Vec<Value>,
    /// What the tables of the schema say is encrypted: schema, table, column, class, mode (1 or 2).
    pub listed: Vec<(String, String, String, String, i32)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    pub oid: u32,
    pub array_oid: u32,
    /// Of a domain: what it is over; 0 for base types.
    pub base_oid: u32,
}

#[derive(Debug)]
pub(super) struct Column {
    pub schema: String,
    pub table: String,
    pub column: String,
    pub type_oid: u32,
}

#[derive(Debug)]
pub(super) struct Value {
    pub key: String,
    pub provider: String,
    pub path: String,
    pub algorithm: String,
    pub envelope: Vec<u8>,
}

impl Facts {
    /// Reads them in the transaction that is open. `tables` are the names of tables in the manifest.
    pub async fn read(client: &Client, tables: &[String]) -> Result<Self, Error> {
        let types = client.query(TYPES, &[]).await?.iter().map(named_type).collect::<Result<HashMap<_, _>, _>>()?;
        let oids: Vec<u32> = types.values().flat_map(|found| [found.oid, found.array_oid]).collect();
        let columns = client.query(COLUMNS, &[&oids, &tables]).await?.iter().map(column).collect::<Result<_, _>>()?;
        let row_types = row_types(client, &oids).await?;
        let taken: Vec<u32> = oids.iter().chain(&row_types).copied().collect();
        let mut names: Vec<String> = client
            .query(NAMES, &[&oids, &tables, &taken])
            .await?
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?;
        names.extend(types.keys().cloned());
        let partitions = client.query(PARTITIONS, &[&tables]).await?.iter().map(partition).collect::<Result<_, _>>()?;
        let values = client.query(VALUES, &[]).await?.iter().map(value).collect::<Result<_, _>>()?;
        let listed = client.query(LISTED, &[]).await?.iter().map(listed).collect::<Result<_, _>>()?;
        Ok(Self { types, columns, row_types, names, partitions, values, listed })
    }
}

/// Types of rows with a column of these types, and arrays of and domains over them, to any depth.
pub(crate) async fn row_types(client: &Client, of: &[u32]) -> Result<Vec<u32>, Error> {
    client.query(ROW_TYPES, &[&of]).await?.iter().map(|row| row.try_get(0)).collect()
}

fn named_type(row: &Row) -> Result<(String, Type), Error> {
    Ok((row.try_get(0)?, Type { oid: row.try_get(1)?, array_oid: row.try_get(2)?, base_oid: row.try_get(3)? }))
}

fn column(row: &Row) -> Result<Column, Error> {
    let (schema, table, column, type_oid) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    Ok(Column { schema, table, column, type_oid })
}

fn partition(row: &Row) -> Result<(String, String, String), Error> {
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

fn value(row: &Row) -> Result<Value, Error> {
    let (key, provider, path) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(Value { key, provider, path, algorithm: row.try_get(3)?, envelope: row.try_get(4)? })
}

fn listed(row: &Row) -> Result<(String, String, String, String, i32), Error> {
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?))
}

const TYPES: &str = "
SELECT t.typname::text, t.oid, t.typarray, t.typbasetype
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 WHERE n.nspname = 'strongroom' AND t.typtype IN ('b', 'd') AND t.typelem = 0";

const COLUMNS: &str = "
SELECT n.nspname::text, c.relname::text, a.attname::text, a.atttypid
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('strongroom', 'pg_catalog', 'information_schema')
   AND (c.relname = ANY ($2::text[])
        OR EXISTS (SELECT FROM pg_catalog.pg_attribute e
                    WHERE e.attrelid = c.oid AND e.atttypid = ANY ($1::oid[]) AND NOT e.attisdropped))
 ORDER BY n.nspname, c.relname, a.attnum";

const ROW_TYPES: &str = "
WITH RECURSIVE holds (oid) AS (
  SELECT unnest($1::oid[])
   UNION
  SELECT t.oid
    FROM holds h
    JOIN pg_catalog.pg_type t
      ON t.typbasetype = h.oid OR t.typelem = h.oid
      OR t.typtype = 'c' AND EXISTS (SELECT FROM pg_catalog.pg_attribute a
                                      WHERE a.attrelid = t.typrelid AND a.atttypid = h.oid AND NOT a.attisdropped))
SELECT h.oid FROM holds h WHERE h.oid <> ALL ($1::oid[]) AND h.oid <> 0";

// From relations with encrypted columns along views, rules, partitions, parents, and functions whose bodies PostgreSQL knows.
const NAMES: &str = "
WITH RECURSIVE reach (classid, objid) AS (
  SELECT 'pg_catalog.pg_class'::regclass::oid, c.oid
    FROM pg_catalog.pg_class c
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
     AND (c.relname = ANY ($2::text[])
          OR EXISTS (SELECT FROM pg_catalog.pg_attribute e
                      WHERE e.attrelid = c.oid AND e.atttypid = ANY ($1::oid[]) AND NOT e.attisdropped))
  UNION
  SELECT 'pg_catalog.pg_proc'::regclass::oid, p.oid
    FROM pg_catalog.pg_proc p
   WHERE p.pronamespace <> 'strongroom'::regnamespace
     AND (p.prorettype = ANY ($3::oid[]) OR p.proargtypes::oid[] && $3::oid[] OR p.proallargtypes && $3::oid[])
  UNION
  SELECT next.classid, next.objid
    FROM reach r CROSS JOIN LATERAL (
      SELECT 'pg_catalog.pg_class'::regclass::oid, w.ev_class
        FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid
       WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = r.classid AND d.refobjid = r.objid
      UNION ALL
      SELECT d.classid, d.objid
        FROM pg_catalog.pg_depend d
       WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.refclassid = r.classid AND d.refobjid = r.objid
      UNION ALL
      SELECT r.classid, i.inhrelid FROM pg_catalog.pg_inherits i
       WHERE r.classid = 'pg_catalog.pg_class'::regclass AND i.inhparent = r.objid
      UNION ALL
      SELECT r.classid, i.inhparent FROM pg_catalog.pg_inherits i
       WHERE r.classid = 'pg_catalog.pg_class'::regclass AND i.inhrelid = r.objid
    ) next (classid, objid)
)
SELECT c.relname::text FROM reach r JOIN pg_catalog.pg_class c ON c.oid = r.objid
 WHERE r.classid = 'pg_catalog.pg_class'::regclass
UNION
SELECT p.proname::text FROM reach r JOIN pg_catalog.pg_proc p ON p.oid = r.objid
 WHERE r.classid = 'pg_catalog.pg_proc'::regclass";

const PARTITIONS: &str = "
WITH RECURSIVE below (schema, root, oid) AS (
  SELECT n.nspname, c.relname, i.inhrelid
    FROM pg_catalog.pg_inherits i
    JOIN pg_catalog.pg_class c ON c.oid = i.inhparent
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind = 'p' AND c.relname = ANY ($1::text[])
   UNION
  SELECT b.schema, b.root, i.inhrelid FROM below b JOIN pg_catalog.pg_inherits i ON i.inhparent = b.oid)
SELECT b.schema::text, b.root::text, c.relname::text FROM below b JOIN pg_catalog.pg_class c ON c.oid = b.oid";

const VALUES: &str = "
SELECT k.name, m.key_store_provider_name, m.key_path, v.encryption_algorithm_name, v.encrypted_value
  FROM strongroom.column_encryption_key_value v
  JOIN strongroom.column_encryption_key k USING (column_encryption_key_id)
  JOIN strongroom.column_master_key m USING (column_master_key_id)
 ORDER BY k.name, v.slot";

const LISTED: &str = "
SELECT n.nspname::text, r.relname::text, c.column_name, c.class, k.encryption_type
  FROM strongroom.encrypted_column c
  JOIN strongroom.encryption_class k ON k.name = c.class
  JOIN pg_catalog.pg_class r ON r.oid = c.relation
  JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace";
