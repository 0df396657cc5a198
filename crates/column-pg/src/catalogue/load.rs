//! Reads the catalogue of a database, and trusts only what the manifest's signature covers.

use std::sync::Arc;

use strongroom_column::Manifest;
use strongroom_column::manifest::{ManifestError, OlderManifest, VerifyingKey};
use thiserror::Error;
use tokio_postgres::{Client, Row};

use super::facts::Facts;
use super::judge::{judge, refusal};
use super::memory::{Memory, MemoryError, NotTaken};
use super::{Catalogue, Parts, quote};

/// Loads catalogues under one public key, and remembers the newest manifest of each database: none goes back.
#[derive(Debug)]
pub struct Loader {
    public: VerifyingKey,
    memory: Arc<Memory>,
}

/// The database could not be asked; nothing is known.
#[derive(Debug, Error)]
#[error("reading the catalogue of the database: {0}")]
pub struct LoadError(#[from] tokio_postgres::Error);

/// Why nothing of a database is trusted.
#[derive(Debug, Error)]
enum Distrust {
    #[error(
        "this database is not set up for encrypted columns: run `strongroom column setup`, or connect without column encryption"
    )]
    NotSetUp,
    #[error("this database has no manifest: run `strongroom column enable`, or connect without column encryption")]
    NoManifest,
    #[error("the manifest of this database is gone: it had number {0}")]
    Gone(u64),
    #[error("the manifest of this database is not trusted: {0}")]
    Manifest(#[from] ManifestError),
    #[error(
        "the manifest of this database is not trusted: {why}; if that was done on purpose, start the proxy once with \
         --forget-manifest {name}"
    )]
    Older { name: String, why: OlderManifest },
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error("the manifest is one of another database: it names {named}, this one is {here}")]
    OtherDatabase { named: String, here: String },
    #[error("the number of the manifest's row is {row}, that in it {document}")]
    Number { row: i64, document: u64 },
    #[error("the schema strongroom of this database cannot be read: {0}")]
    Unreadable(String),
}

impl Loader {
    /// Trusts manifests that were signed under the private half of this key.
    #[must_use]
    pub fn new(public: VerifyingKey) -> Self {
        Self { public, memory: Arc::default() }
    }

    /// The same, with what was seen before.
    #[must_use]
    pub fn remembering(self, memory: Memory) -> Self {
        Self { memory: Arc::new(memory), ..self }
    }

    /// Reads the catalogue of the database that the connection is in. It needs no right but that to read the schema `strongroom`.
    ///
    /// A database that is not as its manifest says, or whose manifest is not trusted, gives a catalogue that refuses.
    ///
    /// # Errors
    /// [`LoadError`] when the database could not be asked.
    pub async fn load(&self, client: &Client) -> Result<Catalogue, LoadError> {
        client.batch_execute(BEGIN).await?;
        let outcome = self.read(client).await;
        // What was read in it is there; a connection that is gone says so at its next use.
        let ended = client.batch_execute("ROLLBACK").await;
        match outcome {
            Ok(catalogue) => {
                ended?;
                Ok(catalogue)
            }
            Err(Stop::Untrusted(epoch, why)) => Ok(Catalogue::untrusted(epoch, why.to_string())),
            Err(Stop::Database(error)) => match error.as_db_error() {
                // Tables or columns that are missing, of another shape, or not to be read by this role.
                Some(db) if db.code().code().starts_with("42") || db.code().code().starts_with("3F") => {
                    let why = Distrust::Unreadable(db.message().to_owned());
                    Ok(Catalogue::untrusted(0, why.to_string()))
                }
                _ => Err(LoadError(error)),
            },
        }
    }

    async fn read(&self, client: &Client) -> Result<Catalogue, Stop> {
        let here: Option<Row> = client.query_opt(SET_UP, &[]).await?;
        let Some(here) = here.filter(|row| row.get::<_, bool>(1)) else {
            return Err(Stop::Untrusted(0, self.missing(client).await?.unwrap_or(Distrust::NotSetUp)));
        };
        let name: String = here.try_get(0)?;
        let row = client.query_one(STATE, &[]).await?;
        let (epoch, database): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        let epoch = u64::try_from(epoch).unwrap_or_default();
        let untrusted = |why: Distrust| Stop::Untrusted(epoch, why);
        let Some(row) = client.query_opt(NEWEST, &[]).await? else {
            return Err(untrusted(self.missing(client).await?.unwrap_or(Distrust::NoManifest)));
        };
        let manifest = self.trusted(&name, &database, &row).await?.map_err(untrusted)?;

        let tables: Vec<String> = manifest.columns.iter().map(|column| column.table.clone()).collect();
        let facts = Facts::read(client, &tables).await?;
        let (mut parts, others) = judge(&manifest, &facts, epoch);
        let mut all = differences(client, &parts).await?;
        all.extend(others);
        parts.refused = refusal(&all);
        Ok(Catalogue::new(parts))
    }

    /// The manifest of the newest row, when it is signed, is this database's, and does not go back.
    async fn trusted(
        &self,
        name: &str,
        database: &str,
        row: &Row,
    ) -> Result<Result<Manifest, Distrust>, tokio_postgres::Error> {
        let (sequence, document): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        let signature: Vec<u8> = row.try_get(2)?;
        let manifest = match self.signed(database, sequence, document.as_bytes(), &signature) {
            Ok(manifest) => manifest,
            Err(why) => return Ok(Err(why)),
        };
        Ok(self.remember(name, manifest, document).await)
    }

    fn signed(&self, database: &str, sequence: i64, document: &[u8], signature: &[u8]) -> Result<Manifest, Distrust> {
        let manifest = Manifest::verify(document, signature, &self.public)?;
        if u64::try_from(sequence) != Ok(manifest.sequence) {
            return Err(Distrust::Number { row: sequence, document: manifest.sequence });
        }
        if manifest.database != database {
            return Err(Distrust::OtherDatabase { named: manifest.database, here: database.to_owned() });
        }
        Ok(manifest)
    }

    async fn remember(&self, name: &str, manifest: Manifest, document: String) -> Result<Manifest, Distrust> {
        if self.memory.knows(name, &manifest, document.as_bytes()) {
            return Ok(manifest);
        }
        let (memory, of) = (Arc::clone(&self.memory), name.to_owned());
        let taking = tokio::task::spawn_blocking(move || {
            let taken = memory.take(&of, &manifest, document.as_bytes());
            taken.map(|()| manifest)
        });
        let taken = taking.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
        taken.map_err(|why| match why {
            NotTaken::Older(why) => Distrust::Older { name: name.to_owned(), why },
            NotTaken::Memory(why) => why.into(),
        })
    }

    /// What there was before there was nothing.
    async fn missing(&self, client: &Client) -> Result<Option<Distrust>, tokio_postgres::Error> {
        let name: String = client.query_one("SELECT pg_catalog.current_database()::text", &[]).await?.try_get(0)?;
        Ok(self.memory.sequence(&name).map(Distrust::Gone))
    }
}

enum Stop {
    Database(tokio_postgres::Error),
    Untrusted(u64, Distrust),
}

impl From<tokio_postgres::Error> for Stop {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

/// What the catalogue's own query finds.
async fn differences(client: &Client, parts: &Parts) -> Result<Vec<String>, tokio_postgres::Error> {
    client.query(&parts.check, &[]).await?.iter().map(difference).collect()
}

fn difference(row: &Row) -> Result<String, tokio_postgres::Error> {
    let names: [String; 3] = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?];
    let names: Vec<String> = names.iter().filter(|name| !name.is_empty()).map(|name| quote::identifier(name)).collect();
    let what: String = row.try_get(3)?;
    Ok(format!("{what}: {}", names.join(".")))
}

// Compiling a query takes a second, running it a millisecond.
const BEGIN: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL jit = off";
const SET_UP: &str =
    "SELECT pg_catalog.current_database()::text, pg_catalog.to_regclass('strongroom.manifest') IS NOT NULL";
const STATE: &str = "SELECT e.epoch, d.id::text FROM strongroom.epoch e, strongroom.database d";
const NEWEST: &str = "SELECT sequence, document, signature FROM strongroom.manifest ORDER BY sequence DESC LIMIT 1";
