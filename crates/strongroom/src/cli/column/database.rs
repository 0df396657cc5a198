//! `column setup`, `enable`, `disable`, `status`, `check`: what is done to a database.

use std::path::PathBuf;

use clap::Args;
use strongroom_column_pg::enable::Target;

/// The database.
#[derive(Debug, Args)]
pub struct Database {
    /// The database: postgres://USER@HOST:PORT/DATABASE, perhaps with ?sslmode=verify-full&sslrootcert=FILE
    #[arg(long, value_name = "URL", env = "STRONGROOM_DSN", hide_env_values = true)]
    pub dsn: String,
    /// A file with the password; else it is PGPASSWORD, or stands in the file PGPASSFILE or ~/.pgpass
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// Keys of the server, by name.
#[derive(Debug, Args)]
pub struct Names {
    /// The key that signs manifests, of purpose sign
    #[arg(long, value_name = "NAME", default_value = "columns-manifest")]
    pub manifest_key: String,
}

/// `column setup`.
#[derive(Debug, Args)]
pub struct ColumnSetup {
    #[command(flatten)]
    pub database: Database,
    #[command(flatten)]
    pub names: Names,
    /// Print the SQL instead of running it
    #[arg(long)]
    pub dry_run: bool,
    /// The schema for = and <> of encrypted columns; applications that compare have it in their search_path
    #[arg(long, value_name = "SCHEMA", default_value = "public")]
    pub operators: String,
    /// A role that may do what a proxy does; strongroom_proxy may
    #[arg(long, value_name = "ROLE")]
    pub proxy_role: Option<String>,
    /// Sign no first manifest; proxies refuse the database until there is one
    #[arg(long)]
    pub no_manifest: bool,
}

/// `column enable`.
#[derive(Debug, Args)]
pub struct ColumnEnable {
    #[command(flatten)]
    pub database: Database,
    #[command(flatten)]
    pub names: Names,
    /// SCHEMA.TABLE.COLUMN:deterministic (can be searched for equality) or :randomized (cannot); +nvarchar behind it for UTF-16
    #[arg(long = "column", value_name = "COLUMN")]
    pub columns: Vec<Target>,
    /// A TOML file that lists the columns of an application: columns = ["…"]
    #[arg(long, value_name = "FILE")]
    pub application: Option<PathBuf>,
    /// One column encryption key for all of them; without it each has its own
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
    /// The master key that new column encryption keys are wrapped under
    #[arg(long, value_name = "NAME", default_value = "cmk1")]
    pub master: String,
    /// Deterministic also where few or frequent values give themselves away
    #[arg(long)]
    pub accept_frequency_leakage: bool,
    /// Keep the clear column, as NAME__plain; it takes nothing new
    #[arg(long)]
    pub keep_plain: bool,
    /// Do not write the tables anew at the end (VACUUM FULL, which locks them): their files keep clear text
    #[arg(long)]
    pub no_vacuum_full: bool,
    /// Read back about so many rows of each table before the swap, instead of all
    #[arg(long, value_name = "ROWS")]
    pub verify_sample: Option<u64>,
    /// Wait while a standby is further behind than so many bytes of the write-ahead log; 0 never waits
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = crate::input::bytes)]
    pub max_standby_lag: u64,
    /// Do not ask whether to go on
    #[arg(long)]
    pub yes: bool,
}

/// `column disable`.
#[derive(Debug, Args)]
pub struct ColumnDisable {
    #[command(flatten)]
    pub database: Database,
    #[command(flatten)]
    pub names: Names,
    /// SCHEMA.TABLE.COLUMN
    #[arg(long = "column", value_name = "COLUMN")]
    pub columns: Vec<Target>,
    /// A TOML file that lists the columns of an application
    #[arg(long, value_name = "FILE")]
    pub application: Option<PathBuf>,
    /// Wait while a standby is further behind than so many bytes of the write-ahead log; 0 never waits
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = crate::input::bytes)]
    pub max_standby_lag: u64,
    /// Do not ask whether to go on
    #[arg(long)]
    pub yes: bool,
}

/// `column status` and `column check`.
#[derive(Debug, Args)]
pub struct Inspection {
    #[command(flatten)]
    pub database: Database,
    #[command(flatten)]
    pub names: Names,
    /// A TOML file with `[pattern] sensitive = ["*ssn*"]`: names of columns that have to be encrypted
    #[arg(long, value_name = "FILE")]
    pub application: Option<PathBuf>,
}
