//! The first step: key, class, the column beside, the triggers that watch it, the manifest that knows of it.

use std::sync::Arc;

use strongroom_column::cell::{CellKey, Mode, key_check};
use strongroom_column::manifest::{ManifestColumn, ManifestKey, MasterRef, State};
use strongroom_column::{Manifest, master};
use tokio_postgres::Client;

use super::error::EnableError;
use super::keys::{self, ColumnKeySource};
use super::machine::{Direction, Options, Work};
use super::next_manifest;
use super::part::Part;
use super::table::{ColumnPlan, TablePlan};
use crate::catalogue::quote::{identifier, literal};
use crate::catalogue::{KeyValue, KnownKey, schema};

/// Leaves the table with a column beside each, and `work` with the keys.
pub(super) async fn prepare<S: ColumnKeySource>(work: &mut Work<'_, S>) -> Result<(), EnableError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let outcome = in_transaction(work).await;
        let failed = EnableError::while_("prepare the table");
        match outcome {
            Ok(keys) => {
                work.writer.client.batch_execute("COMMIT").await.map_err(failed)?;
                work.keys = keys;
                work.cell_oids = cell_oids(&work.writer.client, &work.plan).await?;
                return Ok(());
            }
            Err(error) => {
                work.writer.client.batch_execute("ROLLBACK").await.map_err(failed)?;
                super::cutover::again(error, tries, &work.plan)?;
            }
        }
        tokio::time::sleep(super::cutover::PAUSE).await;
    }
}

async fn in_transaction<S: ColumnKeySource>(work: &Work<'_, S>) -> Result<Vec<Arc<CellKey>>, EnableError> {
    let client = &work.writer.client;
    let failed = EnableError::while_("prepare the table");
    client.batch_execute("BEGIN; SET LOCAL lock_timeout = '2s'").await.map_err(&failed)?;
    client.batch_execute(next_manifest::LOCK).await.map_err(&failed)?;
    let signed = next_manifest::read(client, work.public).await?;
    let mut manifest = signed.next();
    let mut cell_keys = Vec::new();
    let mut changed = false;
    for column in &work.plan.columns {
        let key = match manifest.key(&column.class.key) {
            Some(known) => keys::open(work.source, &known_key(client, known).await?).await?,
            None => make(client, work.source, work.options, &mut manifest, &column.class.key).await?,
        };
        cell_keys.push(Arc::new(key));
        changed |=
            work.options.direction == Direction::Enable && list(client, &work.plan, column, &mut manifest).await?;
    }
    if changed {
        next_manifest::publish(client, work.source, work.public, &manifest, &work.options.manifest_key).await?;
    }
    // Only now the table itself, so that its lock is short.
    for column in work.plan.columns.iter().filter(|column| !column.begun) {
        for statement in beside(&work.plan, column, work.options.direction) {
            client.batch_execute(&statement).await.map_err(&failed)?;
        }
        // Also for what replication or another session of this kind writes.
        let trigger = column.trigger(&work.plan);
        for table in Part::members(client, work.plan.oid).await?.iter().map(Part::sql).chain([work.plan.sql()]) {
            let [insert, update] = ["i", "u"].map(|end| identifier(&format!("{trigger}_{end}")));
            let enable = format!("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {insert}, ENABLE ALWAYS TRIGGER {update}");
            client.batch_execute(&enable).await.map_err(&failed)?;
        }
        let class = column.class.type_name();
        let direction = work.options.direction.word();
        let parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
            &[&direction, &work.plan.oid, &column.name, &class, &work.plan.rows];
        client.execute(INSERT_JOB, parameters).await.map_err(&failed)?;
        if work.options.direction == Direction::Enable {
            let parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
                &[&work.plan.oid, &column.fresh(), &class, &column.plain_sql];
            client.execute(INSERT_COLUMN, parameters).await.map_err(&failed)?;
        }
    }
    super::cutover::rehearse(work).await?;
    Ok(cell_keys)
}

/// The values of a key that the manifest allows.
pub(super) async fn known_key(client: &Client, key: &ManifestKey) -> Result<KnownKey, EnableError> {
    let failed = EnableError::while_("read the column encryption key");
    let rows = client.query(VALUES, &[&key.name]).await.map_err(&failed)?;
    let mut values = Vec::new();
    for row in &rows {
        let value = KeyValue {
            provider: row.try_get(0).map_err(&failed)?,
            path: row.try_get(1).map_err(&failed)?,
            algorithm: row.try_get(2).map_err(&failed)?,
            envelope: row.try_get(3).map_err(&failed)?,
        };
        if key.masters.iter().any(|master| master.provider == value.provider && master.path == value.path) {
            values.push(value);
        }
    }
    Ok(KnownKey { name: key.name.clone(), check: key.check, values })
}

/// A new key, in the catalogue and in the manifest.
async fn make(
    client: &Client,
    source: &impl ColumnKeySource,
    options: &Options,
    manifest: &mut Manifest,
    name: &str,
) -> Result<CellKey, EnableError> {
    let failed = EnableError::while_("write the column encryption key");
    let made = source.make(&options.master).await?;
    let KeyValue { provider, path, algorithm, envelope } = &made.value;
    let signature = if algorithm == master::RSA_OAEP { Some(source.sign_master(path).await?) } else { None };
    client.execute(INSERT_MASTER, &[path, provider, &signature]).await.map_err(&failed)?;
    let inserted = client.execute(INSERT_KEY, &[&name]).await.map_err(&failed)?;
    if inserted == 0 {
        return Err(EnableError::State {
            what: format!("the database has a column encryption key {name} that the manifest does not name"),
            fix: "remove its rows from the schema strongroom, or give the column another key (--key NAME)".to_owned(),
        });
    }
    client.execute(INSERT_VALUE, &[&name, provider, path, envelope, algorithm]).await.map_err(&failed)?;
    let master = MasterRef { name: path.clone(), provider: provider.clone(), path: path.clone() };
    manifest.keys.push(ManifestKey { name: name.to_owned(), check: key_check(&made.key), masters: vec![master] });
    Ok(CellKey::derive(&made.key))
}

/// The class's types, and the column beside in the manifest; whether that is new.
async fn list(
    client: &Client,
    table: &TablePlan,
    column: &ColumnPlan,
    manifest: &mut Manifest,
) -> Result<bool, EnableError> {
    let failed = EnableError::while_("make the types of the encryption class");
    let name = column.class.type_name();
    client
        .execute(schema::CREATE_CLASS, &[&name, &column.is_deterministic(), &column.keyable])
        .await
        .map_err(&failed)?;
    let mode = match column.class.mode {
        Mode::Deterministic => 1_i32,
        Mode::Randomized => 2,
    };
    let parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[
        &name,
        &column.cell_sql(),
        &column.domain_sql(),
        &column.class.key,
        &mode,
        &master::CELL_ALGORITHM,
        &column.class.plain.word(),
    ];
    client.execute(INSERT_CLASS, parameters).await.map_err(&failed)?;
    if manifest.column(&table.schema, &table.name, &column.fresh()).is_some() {
        return Ok(false);
    }
    manifest.columns.push(ManifestColumn {
        schema: table.schema.clone(),
        table: table.name.clone(),
        column: column.fresh(),
        class: column.class.clone(),
        state: State::Encrypting,
    });
    Ok(true)
}

/// The column beside, empty, and what empties it again whenever the value changes.
fn beside(table: &TablePlan, column: &ColumnPlan, direction: Direction) -> Vec<String> {
    let sql = table.sql();
    let (old, fresh) = (identifier(&column.name), identifier(&column.fresh()));
    let type_sql = match direction {
        Direction::Enable => column.domain_sql(),
        Direction::Disable => column.plain_sql.clone(),
    };
    let trigger = column.trigger(table);
    let (insert, update) = (identifier(&format!("{trigger}_i")), identifier(&format!("{trigger}_u")));
    let call = format!("EXECUTE FUNCTION strongroom.mark_changed({})", literal(&column.fresh()));
    vec![
        format!("ALTER TABLE {sql} ADD COLUMN {fresh} {type_sql}"),
        format!("CREATE TRIGGER {insert} BEFORE INSERT ON {sql} FOR EACH ROW WHEN (NEW.{fresh} IS NOT NULL) {call}"),
        // Compared as text: some types hold different values for equal.
        format!(
            "CREATE TRIGGER {update} BEFORE UPDATE ON {sql} FOR EACH ROW \
             WHEN (NEW.{fresh} IS NOT NULL AND OLD.{old}::text IS DISTINCT FROM NEW.{old}::text) {call}"
        ),
    ]
}

async fn cell_oids(client: &Client, table: &TablePlan) -> Result<Vec<u32>, EnableError> {
    let failed = EnableError::while_("read the types of the encryption class");
    let mut oids = Vec::new();
    for column in &table.columns {
        let row = client.query_one("SELECT $1::text::regtype::oid", &[&column.cell_sql()]).await.map_err(&failed)?;
        oids.push(row.try_get(0).map_err(&failed)?);
    }
    Ok(oids)
}

const VALUES: &str = "
SELECT m.key_store_provider_name, m.key_path, v.encryption_algorithm_name, v.encrypted_value
  FROM strongroom.column_encryption_key_value v
  JOIN strongroom.column_encryption_key k USING (column_encryption_key_id)
  JOIN strongroom.column_master_key m USING (column_master_key_id)
 WHERE k.name = $1 ORDER BY v.slot";
const INSERT_MASTER: &str = "
INSERT INTO strongroom.column_master_key (name, key_path, key_store_provider_name, signature)
VALUES ($1, $1, $2, $3) ON CONFLICT DO NOTHING";
const INSERT_KEY: &str = "INSERT INTO strongroom.column_encryption_key (name) VALUES ($1) ON CONFLICT DO NOTHING";
const INSERT_VALUE: &str = "
INSERT INTO strongroom.column_encryption_key_value
       (column_encryption_key_id, column_master_key_id, encrypted_value, encryption_algorithm_name)
SELECT k.column_encryption_key_id, m.column_master_key_id, $4, $5
  FROM strongroom.column_encryption_key k, strongroom.column_master_key m
 WHERE k.name = $1 AND m.key_store_provider_name = $2 AND m.key_path = $3";
const INSERT_CLASS: &str = "
INSERT INTO strongroom.encryption_class
       (name, cell, domain, column_encryption_key_id, encryption_type, encryption_algorithm_name, plain_type)
SELECT $1, $2::text::regtype, $3::text::regtype, column_encryption_key_id, $5, $6, $7
  FROM strongroom.column_encryption_key WHERE name = $4
ON CONFLICT DO NOTHING";
const INSERT_JOB: &str = "
INSERT INTO strongroom.migration_job (direction, relation, column_name, class, phase, rows_expected)
VALUES ($1, $2::oid::regclass, $3, $4, 'fill', $5)";
const INSERT_COLUMN: &str = "
INSERT INTO strongroom.encrypted_column (relation, column_name, class, state, declared_type)
VALUES ($1::oid::regclass, $2, $3, 'encrypting', $4)";
