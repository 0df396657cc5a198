//! The manifest as it is, verified, and the one that follows it, signed.

use strongroom_column::Manifest;
use strongroom_column::manifest::{ManifestError, ManifestTable, VerifyingKey};
use tokio_postgres::Client;

use super::error::EnableError;
use super::keys::ColumnKeySource;

/// What the database has, as far as it is signed.
#[derive(Debug)]
pub(super) struct Signed {
    /// The database's id.
    pub database: String,
    /// The newest manifest; none before the first.
    pub manifest: Option<Manifest>,
}

/// Reads it.
pub(super) async fn read(client: &Client, public: &VerifyingKey) -> Result<Signed, EnableError> {
    let failed = EnableError::while_("read the manifest");
    let row = client.query_one("SELECT id::text FROM strongroom.database", &[]).await.map_err(&failed)?;
    let database: String = row.try_get(0).map_err(&failed)?;
    let Some(row) = client.query_opt(NEWEST, &[]).await.map_err(&failed)? else {
        return Ok(Signed { database, manifest: None });
    };
    let document: String = row.try_get(0).map_err(&failed)?;
    let signature: Vec<u8> = row.try_get(1).map_err(&failed)?;
    let manifest = Manifest::verify(document.as_bytes(), &signature, public).map_err(|error| match error {
        ManifestError::Signature => EnableError::State {
            what: "the manifest in the database is not signed by the key that signs the next one".to_owned(),
            fix: "name the key it was signed with (--manifest-key); if it was tampered with, restore the row from a backup".to_owned(),
        },
        other => EnableError::Manifest(other),
    })?;
    if manifest.database != database {
        return Err(EnableError::State {
            what: format!("the manifest is one of the database {}, this one is {database}", manifest.database),
            fix: "restore the rows of strongroom.database and strongroom.manifest that belong together".to_owned(),
        });
    }
    Ok(Signed { database, manifest: Some(manifest) })
}

impl Signed {
    /// The one that follows, so far with the same content.
    pub fn next(self) -> Manifest {
        match self.manifest {
            Some(mut manifest) => {
                manifest.sequence += 1;
                manifest
            }
            None => Manifest {
                database: self.database,
                sequence: 1,
                keys: Vec::new(),
                columns: Vec::new(),
                reordered: Vec::new(),
            },
        }
    }
}

/// Each table that has listed columns and others' order, once.
pub(super) fn tidy_reordered(manifest: &mut Manifest) {
    manifest.reordered.sort();
    manifest.reordered.dedup();
    let columns = &manifest.columns;
    let listed = |table: &ManifestTable| {
        columns.iter().any(|column| (&column.schema, &column.table) == (&table.schema, &table.table))
    };
    manifest.reordered.retain(listed);
}

/// Signs a manifest and writes it, in the transaction that is open.
pub(super) async fn publish(
    client: &Client,
    source: &impl ColumnKeySource,
    public: &VerifyingKey,
    manifest: &Manifest,
    signed_by: &str,
) -> Result<(), EnableError> {
    let document = manifest.to_canonical()?;
    let signature = source.sign_manifest(&Manifest::signed_bytes(&document)).await?;
    // What others will not accept is not written.
    Manifest::verify(&document, &signature, public)?;
    let text = String::from_utf8_lossy(&document).into_owned();
    let sequence = i64::try_from(manifest.sequence).unwrap_or(i64::MAX);
    client
        .execute(INSERT, &[&sequence, &text, &signature, &signed_by])
        .await
        .map_err(EnableError::while_("write the manifest"))?;
    Ok(())
}

/// Nobody else writes a manifest until the transaction ends.
pub(super) const LOCK: &str = "LOCK TABLE strongroom.manifest IN SHARE ROW EXCLUSIVE MODE";
const NEWEST: &str = "SELECT document, signature FROM strongroom.manifest ORDER BY sequence DESC LIMIT 1";
const INSERT: &str = "INSERT INTO strongroom.manifest (sequence, document, signature, key_id) VALUES ($1, $2, $3, $4)";
