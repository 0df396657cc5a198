//! `column status` and `column check`: what is encrypted, what is under way, what has changed behind our back, who reaches keys.

use tokio_postgres::{Client, Row};

use super::application::{USUAL_NAMES, is_like};
use super::error::EnableError;
use super::keys::{ColumnKeySource, open};
use super::session::Session;
use super::setup;
use crate::catalogue::{Catalogue, Loader};
use crate::connect::Dsn;

/// An encrypted column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnState {
    /// `schema.table.column`.
    pub column: String,
    /// The mode's word.
    pub mode: String,
    /// The plain type's word.
    pub plain: String,
    /// The column encryption key.
    pub key: String,
    /// `encrypted` or `encrypting`.
    pub state: String,
}

/// A job that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobState {
    /// `schema.table.column`.
    pub column: String,
    /// `enable` or `disable`.
    pub direction: String,
    /// What it was doing.
    pub phase: String,
    /// Rows done.
    pub rows: i64,
    /// Rows in all, about.
    pub expected: i64,
    /// When it last said something.
    pub updated: String,
}

/// What stands in a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The number of the manifest; 0 if none is trusted.
    pub sequence: u64,
    /// The columns that the schema's tables list.
    pub columns: Vec<ColumnState>,
    /// Tables whose columns stand in another order since one was encrypted, with their partitions.
    pub reordered: Vec<String>,
    /// Jobs that are not finished.
    pub jobs: Vec<JobState>,
    /// What is not as it should be.
    pub findings: Vec<String>,
}

/// Reads it. `sensitive` are names of columns that ought to be encrypted; without any, usual ones.
///
/// # Errors
/// [`EnableError`] when the database or the keys cannot be asked.
pub async fn status(dsn: &Dsn, source: &impl ColumnKeySource, sensitive: &[String]) -> Result<Status, EnableError> {
    let connection = Session::begin(dsn).await?;
    let client = &connection.client;
    setup::ready(client).await?;
    let catalogue = Loader::new(source.manifest_key().await?).load(client).await?;
    let failed = EnableError::while_("read the state of columns");
    let columns = client.query(COLUMNS, &[]).await.map_err(&failed)?;
    let jobs = client.query(JOBS, &[]).await.map_err(&failed)?;
    let mut findings: Vec<String> = catalogue.refused().map(str::to_owned).into_iter().collect();
    findings.extend(differences(client, &catalogue).await?);
    findings.extend(drift(client, sensitive).await?);
    findings.extend(hidden_operators(client).await?);
    Ok(Status {
        sequence: catalogue.sequence(),
        reordered: catalogue.reordered(),
        columns: columns.iter().map(column).collect::<Result<_, _>>().map_err(&failed)?,
        jobs: jobs.iter().map(job).collect::<Result<_, _>>().map_err(&failed)?,
        findings,
    })
}

/// Each difference between manifest and database, as the sessions of proxies find it.
async fn differences(client: &Client, catalogue: &Catalogue) -> Result<Vec<String>, EnableError> {
    if catalogue.check().is_empty() {
        return Ok(Vec::new());
    }
    let failed = EnableError::while_("compare the database with the manifest");
    let rows = client.query(catalogue.check(), &[]).await.map_err(&failed)?;
    let told = |row: &Row| -> Result<String, tokio_postgres::Error> {
        let names: [String; 3] = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?];
        let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
        Ok(format!("{}: {}", names.join("."), row.try_get::<_, String>(3)?))
    };
    rows.iter().map(told).collect::<Result<_, _>>().map_err(failed)
}

/// Columns in clear whose names say that they should not be.
async fn drift(client: &Client, sensitive: &[String]) -> Result<Vec<String>, EnableError> {
    let failed = EnableError::while_("look for sensitive columns");
    let rows = client.query(CLEAR, &[]).await.map_err(&failed)?;
    let mut findings = Vec::new();
    for row in &rows {
        let (table, name): (String, String) = (row.try_get(0).map_err(&failed)?, row.try_get(1).map_err(&failed)?);
        let usual = || USUAL_NAMES.iter().any(|pattern| is_like(&name, pattern));
        let named = sensitive.iter().any(|pattern| is_like(&name, pattern));
        if named || (sensitive.is_empty() && usual()) {
            findings.push(format!("{table}.{name} is in clear, and its name is one of a sensitive column"));
        }
    }
    Ok(findings)
}

/// Roles and databases whose `search_path` leaves the operators out: there `=` on encrypted columns is an error.
async fn hidden_operators(client: &Client) -> Result<Vec<String>, EnableError> {
    let failed = EnableError::while_("read the settings of roles");
    let rows = client.query(SEARCH_PATHS, &[]).await.map_err(&failed)?;
    let mut findings = Vec::new();
    for row in &rows {
        let (who, schema): (String, String) = (row.try_get(0).map_err(&failed)?, row.try_get(1).map_err(&failed)?);
        findings
            .push(format!("the search_path of {who} does not name {schema}, where = of encrypted columns is: add it"));
    }
    Ok(findings)
}

/// Who reaches which key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// What proxies have told of themselves.
    pub proxies: Vec<ProxyKey>,
    /// Each key as it was tried from here: its name, and what went wrong.
    pub here: Vec<(String, Option<String>)>,
}

/// One key of one proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyKey {
    /// The proxy.
    pub proxy: String,
    /// When it was last seen.
    pub seen: String,
    /// Whether that is long ago.
    pub silent: bool,
    /// The number of the manifest it works with.
    pub sequence: i64,
    /// The key, and the path of the master key.
    pub key: Option<(String, String)>,
    /// Whether it has reached it.
    pub reached: bool,
    /// What it said.
    pub detail: String,
}

/// Tries every key from here, and reads what proxies say.
///
/// # Errors
/// [`EnableError`] when the database cannot be asked. A key that is not reached is part of the answer.
pub async fn check(dsn: &Dsn, source: &impl ColumnKeySource) -> Result<Reach, EnableError> {
    let connection = Session::begin(dsn).await?;
    let client = &connection.client;
    setup::ready(client).await?;
    let failed = EnableError::while_("read what proxies say");
    let catalogue = Loader::new(source.manifest_key().await?).load(client).await?;
    let mut here = Vec::new();
    if let Some(why) = catalogue.refused() {
        here.push(("the manifest".to_owned(), Some(why.to_owned())));
    }
    for key in catalogue.keys() {
        here.push((key.name.clone(), open(source, key).await.err().map(|error| error.to_string())));
    }
    let rows = client.query(PROXIES, &[]).await.map_err(&failed)?;
    let proxies = rows.iter().map(proxy_key).collect::<Result<_, _>>().map_err(failed)?;
    Ok(Reach { proxies, here })
}

fn column(row: &Row) -> Result<ColumnState, tokio_postgres::Error> {
    let (column, mode, plain) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(ColumnState { column, mode, plain, key: row.try_get(3)?, state: row.try_get(4)? })
}

fn job(row: &Row) -> Result<JobState, tokio_postgres::Error> {
    let (column, direction, phase) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(JobState {
        column,
        direction,
        phase,
        rows: row.try_get(3)?,
        expected: row.try_get(4)?,
        updated: row.try_get(5)?,
    })
}

fn proxy_key(row: &Row) -> Result<ProxyKey, tokio_postgres::Error> {
    let (key, path): (Option<String>, Option<String>) = (row.try_get(4)?, row.try_get(5)?);
    Ok(ProxyKey {
        proxy: row.try_get(0)?,
        seen: row.try_get(1)?,
        silent: row.try_get(2)?,
        sequence: row.try_get(3)?,
        key: key.zip(path),
        reached: row.try_get(6)?,
        detail: row.try_get(7)?,
    })
}

const COLUMNS: &str = "
SELECT coalesce(c.schema_name || '.' || c.table_name, 'a table that is gone') || '.' || c.name, lower(c.encryption_type_desc),
       c.plain_type, k.name, c.state
  FROM strongroom.columns c JOIN strongroom.column_encryption_key k USING (column_encryption_key_id) ORDER BY 1";
const JOBS: &str = "
SELECT relation::text || '.' || column_name, direction, phase, rows_done, rows_expected, updated::text
  FROM strongroom.migration_job WHERE finished IS NULL ORDER BY id";
const CLEAR: &str = "
SELECT n.nspname || '.' || c.relname, a.attname::text
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_type t ON t.oid = a.atttypid
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'strongroom') AND n.nspname NOT LIKE 'pg\\_%'
   AND t.typnamespace <> 'strongroom'::regnamespace AND a.attname NOT LIKE '%\\_\\_strongroom'
 ORDER BY 1, a.attnum";
const SEARCH_PATHS: &str = "
SELECT concat_ws(' in ', CASE WHEN s.setrole <> 0 THEN 'role ' || pg_get_userbyid(s.setrole) END,
                         CASE WHEN s.setdatabase <> 0 THEN 'database ' || d.datname END), o.operators
  FROM strongroom.database o
  CROSS JOIN pg_db_role_setting s
  LEFT JOIN pg_database d ON d.oid = s.setdatabase
  CROSS JOIN LATERAL unnest(s.setconfig) c (setting)
 WHERE (s.setdatabase = 0 OR d.datname = current_database()) AND c.setting LIKE 'search\\_path=%'
   AND NOT string_to_array(replace(replace(substr(c.setting, 13), ' ', ''), '\"', ''), ',') @> ARRAY[o.operators]";
const PROXIES: &str = "
SELECT h.proxy, h.seen::text, h.seen < now() - interval '2 minutes', h.manifest_sequence, k.column_encryption_key, k.key_path,
       coalesce(k.reached, false), coalesce(k.detail, '')
  FROM strongroom.proxy_heartbeat h LEFT JOIN strongroom.proxy_key k USING (proxy) ORDER BY 1, 5, 6";
