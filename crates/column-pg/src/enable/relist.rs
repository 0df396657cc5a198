//! Columns that were dropped or renamed on purpose: the manifest follows, because somebody who may sign says so.

use strongroom_column::Class;
use strongroom_column::manifest::{ManifestColumn, ManifestTable, State, VerifyingKey};
use tokio_postgres::Client;

use super::error::EnableError;
use super::keys::ColumnKeySource;
use super::next_manifest;
use super::target::Target;

/// Takes columns off the manifest and puts others on it; one sentence for each.
pub(super) async fn relist(
    client: &Client,
    source: &impl ColumnKeySource,
    public: &VerifyingKey,
    signed_by: &str,
    gone: &[Target],
    found: &[(Target, Class)],
) -> Result<Vec<String>, EnableError> {
    if gone.is_empty() && found.is_empty() {
        return Ok(Vec::new());
    }
    let failed = EnableError::while_("list the columns");
    client.batch_execute("BEGIN; SET LOCAL lock_timeout = '30s'").await.map_err(&failed)?;
    client.batch_execute(next_manifest::LOCK).await.map_err(&failed)?;
    let mut manifest = next_manifest::read(client, public).await?.next();
    let mut told = Vec::new();
    for target in gone {
        let is_it = |listed: &ManifestColumn| {
            (&listed.schema, &listed.table, &listed.column) == (&target.schema, &target.table, &target.column)
        };
        manifest.columns.retain(|listed| !is_it(listed));
        told.push(format!("{} is not there any more, and was taken off the manifest", target.place()));
    }
    for (target, class) in found {
        let parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
            &[&target.schema, &target.table, &target.column, &class.type_name(), &class.plain.word()];
        client.execute(INSERT, parameters).await.map_err(&failed)?;
        manifest.columns.push(ManifestColumn {
            schema: target.schema.clone(),
            table: target.table.clone(),
            column: target.column.clone(),
            class: class.clone(),
            state: State::Encrypted,
        });
        // In which order its columns once were, nobody knows any more.
        let (schema, table) = (target.schema.clone(), target.table.clone());
        manifest.reordered.push(ManifestTable { schema, table });
        told.push(format!("{} was encrypted already, and is on the manifest now", target.place()));
    }
    next_manifest::tidy_reordered(&mut manifest);
    client.batch_execute(DELETE).await.map_err(&failed)?;
    next_manifest::publish(client, source, public, &manifest, signed_by).await?;
    client.batch_execute("COMMIT").await.map_err(&failed)?;
    Ok(told)
}

const INSERT: &str = "
INSERT INTO strongroom.encrypted_column (relation, column_name, class, state, declared_type)
SELECT r.oid, $3, $4, 'encrypted',
       coalesce((SELECT e.declared_type FROM strongroom.encrypted_column e WHERE e.class = $4 LIMIT 1), $5)
  FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace WHERE n.nspname = $1 AND r.relname = $2
ON CONFLICT DO NOTHING";
const DELETE: &str = "
DELETE FROM strongroom.encrypted_column c WHERE NOT EXISTS (
  SELECT FROM pg_attribute a WHERE a.attrelid = c.relation AND a.attname = c.column_name AND NOT a.attisdropped)";
