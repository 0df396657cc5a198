//! `column keys`: what a person can type.

use std::path::PathBuf;

use clap::Subcommand;

/// `column keys`.
#[derive(Debug, Subcommand)]
pub enum ColumnKeys {
    /// Make a master key: RSA with 3072 bits, as other products' column encryption has it
    Create {
        /// Its name
        name: String,
        /// Make an AES-256 key instead: faster, and only Strongroom opens what it wraps
        #[arg(long)]
        symmetric: bool,
        /// Make a new version by itself after this time: a number with s, m, h or d
        #[arg(long, value_name = "TIME", value_parser = crate::input::seconds)]
        rotate_every: Option<u64>,
    },
    /// Take over an RSA master key of at least 2048 bits, or 32 bytes; it leaves this machine wrapped only
    Import {
        /// The key's name; of one that is there it becomes the new active version
        name: String,
        /// The file: an RSA private key as PKCS#8 in DER, or 32 bytes with --symmetric; default standard input
        file: Option<PathBuf>,
        /// It is an AES-256 key
        #[arg(long)]
        symmetric: bool,
    },
    /// List master keys
    List {
        /// What their names begin with
        #[arg(default_value = "")]
        prefix: String,
    },
    /// Show what is known about a master key
    Show {
        /// Name or id
        name: String,
        /// Only the public key of the active version, as PEM
        #[arg(long)]
        public_key: bool,
    },
    /// Make a new version, active at once; column encryption keys stay under the version that their path names
    Rotate {
        /// Name or id
        name: String,
        /// Only if this version is active
        #[arg(long, value_name = "VERSION")]
        expected_version: Option<u32>,
    },
}
