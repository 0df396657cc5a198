//! The whole way of a column, table by table: prepare, fill, index, verify, swap, clean up. Each step can be repeated, and what
//! has been done is seen from the data: a run that was killed goes on when the command is run again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_column::cell::CellKey;
use strongroom_column::manifest::VerifyingKey;
use tokio_postgres::Client;

use super::error::EnableError;
use super::keys::ColumnKeySource;
use super::preflight::{self, Preflight};
use super::session::Session;
use super::table::TablePlan;
use super::target::Target;
use super::{cutover, fill, next_manifest, prepare, purge, relist, setup, verify};
use crate::catalogue::Loader;
use crate::connect::Dsn;

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Clear columns become encrypted ones.
    Enable,
    /// And back.
    Disable,
}

impl Direction {
    /// Its word in `strongroom.migration_job`.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
        }
    }
}

/// How much is read back and compared before the swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// Every row.
    All,
    /// About so many rows, spread over the table.
    Sample(u64),
}

/// How it is done.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which way.
    pub direction: Direction,
    /// The column encryption key; none is one for each column, made when it is missing.
    pub key: Option<String>,
    /// The master key that new ones are wrapped under.
    pub master: String,
    /// The name of the key that signs manifests.
    pub manifest_key: String,
    /// Deterministic cells also where frequencies give values away.
    pub accept_frequency_leakage: bool,
    /// The column as it was stays, under another name.
    pub keep_plain: bool,
    /// The table is written anew at the end, so that its file holds no clear text.
    pub vacuum_full: bool,
    /// What is read back.
    pub verification: Verification,
    /// How many bytes of the write-ahead log standbys may be behind while a table is filled.
    pub max_standby_lag: Option<u64>,
}

/// How far a table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// `schema.table`.
    pub table: String,
    /// What is being done.
    pub phase: &'static str,
    /// Rows done.
    pub done: u64,
    /// Rows in all, about.
    pub expected: u64,
    /// Rows in a second.
    pub per_second: u64,
}

/// Who is told how far it is.
pub trait Observer: Sync {
    /// Something that is worth a line.
    fn remark(&self, text: &str);
    /// How far it is; often.
    fn progress(&self, progress: &Progress);
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The tables.
    pub tables: Vec<TableOutcome>,
    /// Columns that were as they shall be.
    pub already: Vec<String>,
    /// What the manifest was told of columns that were dropped or renamed; a sentence each.
    pub relisted: Vec<String>,
    /// Where clear text still is, and what to do.
    pub left: Vec<String>,
}

/// What was done with a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableOutcome {
    /// `schema.table`.
    pub table: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// Rows written.
    pub rows: u64,
    /// Rows in a second while it was filled.
    pub per_second: u64,
    /// Rows that were read back.
    pub verified: u64,
    /// For how long the table was locked.
    pub locked_milliseconds: u64,
}

/// Looks at the columns without touching anything.
///
/// # Errors
/// [`EnableError`] when the database or the keys cannot be asked. What stands against a column is no error here.
pub async fn plan(
    dsn: &Dsn,
    source: &impl ColumnKeySource,
    targets: &[Target],
    options: &Options,
) -> Result<Preflight, EnableError> {
    let connection = Session::begin(dsn).await?;
    setup::ready(&connection.client).await?;
    let public = source.manifest_key().await?;
    let signed = next_manifest::read(&connection.client, &public).await?;
    let preflight = preflight::examine(&connection.client, signed.manifest.as_ref(), targets, options).await?;
    if signed.manifest.is_some() && !preflight.tables.is_empty() {
        // What was changed behind the manifest's back is not signed over.
        let catalogue = Loader::new(public).load(&connection.client).await?;
        if let Some(what) = catalogue.refused() {
            return Err(EnableError::State {
                what: what.to_owned(),
                fix: "mend it; a column that was dropped on purpose is taken off the manifest by `strongroom column disable`, one \
                      that was renamed is put on it by `strongroom column enable`"
                    .to_owned(),
            });
        }
    }
    Ok(preflight)
}

/// Does it.
///
/// # Errors
/// [`EnableError`]; run it again when what it says is mended.
pub async fn run(
    dsn: &Dsn,
    source: &impl ColumnKeySource,
    targets: &[Target],
    options: &Options,
    observer: &dyn Observer,
) -> Result<Outcome, EnableError> {
    let preflight = plan(dsn, source, targets, options).await?;
    if !preflight.refusals.is_empty() {
        return Err(EnableError::Refused(Box::new(preflight)));
    }
    let public = source.manifest_key().await?;
    let mut outcome = Outcome { already: preflight.already, ..Outcome::default() };
    let connection = Session::begin(dsn).await?;
    let client = &connection.client;
    let (gone, found) = (&preflight.gone, &preflight.found);
    outcome.relisted = relist::relist(client, source, &public, &options.manifest_key, gone, found).await?;
    for plan in preflight.tables {
        let mut work = Work::begin(dsn, source, options, observer, &public, plan).await?;
        outcome.tables.push(work.table().await?);
        purge::clean(&work.writer.client, &work.plan, options, observer).await?;
    }
    purge::resume(client, targets, options, observer).await?;
    if options.direction == Direction::Enable {
        outcome.left = purge::left(client, options).await?;
    }
    Ok(outcome)
}

/// One table under way.
pub(super) struct Work<'a, S> {
    pub source: &'a S,
    pub options: &'a Options,
    pub observer: &'a dyn Observer,
    pub public: &'a VerifyingKey,
    pub plan: TablePlan,
    /// Its keys, column by column.
    pub keys: Vec<Arc<CellKey>>,
    /// OIDs of its base types, column by column.
    pub cell_oids: Vec<u32>,
    pub reader: Session,
    pub writer: Session,
}

impl<'a, S: ColumnKeySource> Work<'a, S> {
    async fn begin(
        dsn: &Dsn,
        source: &'a S,
        options: &'a Options,
        observer: &'a dyn Observer,
        public: &'a VerifyingKey,
        plan: TablePlan,
    ) -> Result<Self, EnableError> {
        let (reader, writer) = (Session::begin(dsn).await?, Session::begin(dsn).await?);
        alone(&writer.client, &plan).await?;
        session(&reader.client, &writer.client).await?;
        Ok(Self { source, options, observer, public, plan, keys: Vec::new(), cell_oids: Vec::new(), reader, writer })
    }

    async fn table(&mut self) -> Result<TableOutcome, EnableError> {
        let name = format!("{}.{}", self.plan.schema, self.plan.name);
        prepare::prepare(self).await?;
        let begun = Instant::now();
        let rows = fill::first_pass(self).await?;
        let seconds = begun.elapsed().as_secs_f64().max(0.001);
        fill::index_dirty(self).await?;
        fill::later_passes(self).await?;
        cutover::build_indexes(self).await?;
        let verified = verify::verify(self).await?;
        let locked = cutover::swap(self).await?;
        Ok(TableOutcome {
            table: name,
            columns: self.plan.columns.iter().map(|column| column.name.clone()).collect(),
            rows,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a figure for people"
            )]
            per_second: (rows as f64 / seconds) as u64,
            verified,
            locked_milliseconds: u64::try_from(locked.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

impl<S> Work<'_, S> {
    /// Tells how far it is.
    pub fn tell(&self, phase: &'static str, done: u64, since: Instant) {
        let expected = u64::try_from(self.plan.rows).unwrap_or_default().max(done);
        let milliseconds = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let per_second = done.saturating_mul(1000) / milliseconds;
        let table = format!("{}.{}", self.plan.schema, self.plan.name);
        self.observer.progress(&Progress { table, phase, done, expected, per_second });
    }
}

/// Two runs do not work on one table. The server notices within a second that a program was killed, and frees the lock.
async fn alone(client: &Client, plan: &TablePlan) -> Result<(), EnableError> {
    let failed = EnableError::while_("lock the job");
    let begun = Instant::now();
    loop {
        // Waiting for it inside a statement could be in the way of an index that the other one makes.
        let query = "SELECT pg_try_advisory_lock($1, $2)";
        let row = client.query_one(query, &[&ADVISORY, &plan.oid.cast_signed()]).await.map_err(&failed)?;
        if row.try_get(0).map_err(&failed)? {
            return Ok(());
        }
        if begun.elapsed() >= PATIENCE {
            return Err(EnableError::State {
                what: format!("another run works on {}.{}", plan.schema, plan.name),
                fix: "wait for it, or end it".to_owned(),
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Rows are found by where they lie; triggers of the application are not fired by what only fills a column.
async fn session(reader: &Client, writer: &Client) -> Result<(), EnableError> {
    let failed = EnableError::while_("begin a session");
    reader.batch_execute("SET enable_seqscan = off").await.map_err(&failed)?;
    let plans = "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan";
    writer.batch_execute(plans).await.map_err(&failed)?;
    match writer.batch_execute("SET session_replication_role = replica").await {
        Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE) => Ok(()),
        other => other.map_err(&failed),
    }
}

/// Tells our advisory locks from those of applications.
const ADVISORY: i32 = 0x5354_524d;
/// How long another run is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);
