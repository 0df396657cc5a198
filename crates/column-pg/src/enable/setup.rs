//! `column setup`: the schema `strongroom` in a database, once, by a superuser.

use strongroom_column::Manifest;
use tokio_postgres::Client;

use super::error::EnableError;
use super::keys::ColumnKeySource;
use super::next_manifest;
use super::session::Session;
use crate::catalogue::quote::{identifier, literal};
use crate::catalogue::schema;
use crate::connect::Dsn;

/// How a database is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The schema for `=` and `<>` of deterministic classes. It has to be in the `search_path` of whoever compares.
    pub operators: String,
    /// The role that proxies log in with, if there is to be one.
    pub proxy_role: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { operators: "public".to_owned(), proxy_role: None }
    }
}

/// What setting up did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetUp {
    /// Whether the schema was made, or was there and completed.
    pub created: bool,
    /// The database's id.
    pub database: String,
    /// The number of its manifest; none if it has none.
    pub manifest: Option<u64>,
}

impl Setup {
    /// All statements, as one script.
    #[must_use]
    pub fn script(&self) -> String {
        let mut script = schema::script(&self.operators);
        if let Some(role) = &self.proxy_role {
            script.push_str(&format!("\nGRANT strongroom_proxy TO {};\n", identifier(role)));
        }
        script
    }

    /// Sets the database up, or completes what is there; in one transaction. With a source of signatures it gets its first
    /// manifest, which lists nothing.
    ///
    /// # Errors
    /// [`EnableError`]; then nothing was changed.
    pub async fn run<S: ColumnKeySource>(&self, dsn: &Dsn, source: Option<(&S, &str)>) -> Result<SetUp, EnableError> {
        let connection = Session::begin(dsn).await?;
        let client = &connection.client;
        let failed = EnableError::while_("set the database up");
        version(client).await?;
        self.possible(client).await?;
        let exists = "SELECT to_regnamespace('strongroom') IS NOT NULL";
        let existed: bool = client.query_one(exists, &[]).await.and_then(|row| row.try_get(0)).map_err(&failed)?;
        client
            .batch_execute("BEGIN; SET LOCAL client_min_messages = warning; SET LOCAL lock_timeout = '30s'")
            .await
            .map_err(&failed)?;
        client.batch_execute(&self.script()).await.map_err(&failed)?;
        ready(client).await?;
        let manifest = match source {
            Some((source, name)) => Some(first_manifest(client, source, name).await?),
            None => None,
        };
        client.batch_execute("COMMIT").await.map_err(&failed)?;
        let row = client.query_one("SELECT id::text FROM strongroom.database", &[]).await.map_err(&failed)?;
        Ok(SetUp { created: !existed, database: row.try_get(0).map_err(&failed)?, manifest })
    }

    async fn possible(&self, client: &Client) -> Result<(), EnableError> {
        let failed = EnableError::while_("look at the role");
        let query = format!(
            "SELECT rolsuper, to_regnamespace({}) IS NOT NULL FROM pg_roles WHERE rolname = current_user",
            literal(&identifier(&self.operators))
        );
        let row = client.query_one(&query, &[]).await.map_err(&failed)?;
        if !row.try_get::<_, bool>(0).map_err(&failed)? {
            return Err(EnableError::State {
                what: "setting up makes base types, which only a superuser may".to_owned(),
                fix:
                    "run it once as a superuser, or hand the output of --dry-run to one; everything after it needs less"
                        .to_owned(),
            });
        }
        if !row.try_get::<_, bool>(1).map_err(&failed)? {
            return Err(EnableError::State {
                what: format!("there is no schema {}", self.operators),
                fix: "name the schema that every application has in its search_path (--operators SCHEMA)".to_owned(),
            });
        }
        Ok(())
    }
}

/// The first manifest, unless there is one.
async fn first_manifest<S: ColumnKeySource>(client: &Client, source: &S, name: &str) -> Result<u64, EnableError> {
    let public = source.manifest_key().await?;
    client.batch_execute(next_manifest::LOCK).await.map_err(EnableError::while_("write the manifest"))?;
    let signed = next_manifest::read(client, &public).await?;
    if let Some(manifest) = &signed.manifest {
        return Ok(manifest.sequence);
    }
    let manifest: Manifest = signed.next();
    next_manifest::publish(client, source, &public, &manifest, name).await?;
    Ok(manifest.sequence)
}

/// Makes sure that the database is set up as this release needs it.
///
/// # Errors
/// [`EnableError::State`] says what is missing.
pub async fn ready(client: &Client) -> Result<(), EnableError> {
    let failed = EnableError::while_("look at the schema strongroom");
    version(client).await?;
    let there = "SELECT to_regclass('strongroom.database') IS NOT NULL";
    if !client.query_one(there, &[]).await.and_then(|row| row.try_get(0)).map_err(&failed)? {
        return Err(EnableError::State {
            what: "this database is not set up for encrypted columns".to_owned(),
            fix: "run `strongroom column setup` first".to_owned(),
        });
    }
    let query = "SELECT schema_version FROM strongroom.database";
    let found: i32 = client.query_one(query, &[]).await.and_then(|row| row.try_get(0)).map_err(&failed)?;
    if found != schema::VERSION {
        return Err(EnableError::State {
            what: format!("the schema strongroom has version {found}, this program knows {}", schema::VERSION),
            fix: "use the program of that release".to_owned(),
        });
    }
    Ok(())
}

async fn version(client: &Client) -> Result<(), EnableError> {
    let failed = EnableError::while_("ask for the server's version");
    let query = "SELECT current_setting('server_version_num')::integer";
    let found: i32 = client.query_one(query, &[]).await.and_then(|row| row.try_get(0)).map_err(&failed)?;
    if found < LEAST_VERSION {
        return Err(EnableError::State {
            what: format!("this is PostgreSQL {}; at least 14 is needed", found / 10_000),
            fix: "upgrade the database server".to_owned(),
        });
    }
    Ok(())
}

/// Rows are read by where they lie on disk, which is fast since this version.
const LEAST_VERSION: i32 = 140_000;
