//! `proxy`: what a person can type about the proxy for encrypted columns.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `proxy`.
#[derive(Debug, Args)]
pub struct Proxy {
    /// Where clients are awaited
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:6432")]
    pub listen: SocketAddr,
    /// Listen at a Unix socket in this folder too, named after the port as PostgreSQL's: `psql -h DIR -p PORT`
    #[arg(long, value_name = "DIR")]
    pub socket_dir: Option<PathBuf>,
    /// The PostgreSQL server, and the proxy's own role there: postgres://ROLE@HOST:PORT?sslmode=…&sslrootcert=…
    #[arg(long, value_name = "URL")]
    pub upstream: String,
    /// A file with the password of that role; else PGPASSWORD
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// The public key that manifests are signed with, in PEM (`strongroom key show columns-manifest --public-key`)
    #[arg(long, value_name = "FILE")]
    pub manifest_key: PathBuf,
    /// Where it is remembered which manifests were seen, so that none goes back over a restart; a file in the account's state
    /// directory, named after the upstream, when nothing is said
    #[arg(long, value_name = "FILE")]
    pub manifests_seen: Option<PathBuf>,
    /// Take this database's manifest as it is now, though a newer one was seen: it was restored, or made anew, on purpose
    #[arg(long, value_name = "DATABASE")]
    pub forget_manifest: Vec<String>,
    /// The certificate shown to clients, in PEM, with those it was issued by
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// Turn clients without TLS away, but those at the Unix socket
    #[arg(long, requires = "tls_certificate")]
    pub require_tls: bool,
    /// Listen without TLS on an address that others can reach
    #[arg(long)]
    pub dangerous_clear_text: bool,
    /// What a session gets that does not say
    #[arg(long, value_enum, default_value = "disabled")]
    pub encryption: ColumnEncryption,
    /// How long a column encryption key is kept; 0s keeps none
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = crate::input::seconds)]
    pub key_ttl: u64,
    /// How many connections are taken at the same time
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    pub max_connections: usize,
    /// Serve metrics here, at /metrics
    #[arg(long, value_name = "HOST:PORT")]
    pub metrics: Option<SocketAddr>,
    /// Under which name `column check` shows this proxy; the host's name and the port when nothing is said
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// What a session gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColumnEncryption {
    /// Results are decrypted, parameters and literals encrypted
    Enabled,
    /// Results are decrypted; values for encrypted columns are refused
    #[value(name = "resultsetonly")]
    ResultSetOnly,
    /// Everything is handed on as it is
    Disabled,
}
