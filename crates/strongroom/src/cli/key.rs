//! `key` and `job`: what a person can type.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Given;

/// What a key is for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Purpose {
    /// Values that applications keep themselves, sealed
    Values,
    /// Message authentication codes
    Mac,
    /// Signatures
    Sign,
    /// Column encryption keys of databases, wrapped
    Columns,
}

/// What is done to a version.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Step {
    /// Begin to use a version that was made beforehand
    Activate,
    /// Seal nothing more with it
    Deactivate,
    /// Use it for nothing for now
    Suspend,
    /// Use it again
    Resume,
    /// Declare it compromised
    Compromise,
}

/// An encryption context.
#[derive(Debug, Args)]
pub struct Contexts {
    /// Must be the same when it is decrypted; may be given several times. The names stand in the audit trail
    #[arg(long = "context", value_name = "NAME=TEXT", value_parser = pair)]
    pub pairs: Vec<(String, String)>,
}

/// A file of any length, frame by frame.
#[derive(Debug, Args)]
pub struct Files {
    /// Read a file of any length; `-`: standard input
    #[arg(long = "in", value_name = "FILE", id = "in", requires = "out", conflicts_with = "file")]
    pub input: Option<PathBuf>,
    /// Write to this file, which gets its name when it is whole; `-`: standard output
    #[arg(long = "out", value_name = "FILE", id = "out", requires = "in")]
    pub output: Option<PathBuf>,
}

/// `key`.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Make a key
    Create {
        /// Its name
        name: String,
        /// What it is for
        #[arg(long, value_enum, default_value_t = Purpose::Values)]
        purpose: Purpose,
        /// What MACs or signatures are made with, or column encryption keys wrapped
        #[arg(long, value_name = "ALGORITHM")]
        algorithm: Option<String>,
        /// Make a new version by itself after this time: a number with s, m, h or d
        #[arg(long, value_name = "TIME", value_parser = crate::input::seconds)]
        rotate_every: Option<u64>,
        /// Let each version protect something at most so often
        #[arg(long, value_name = "USES")]
        usage_limit: Option<u64>,
    },
    /// Show what is known about a key: its versions, their states, how many stored values need them
    Show {
        /// Name or id
        name: String,
        /// Only the public key of the active version, as PEM
        #[arg(long)]
        public_key: bool,
    },
    /// List keys
    List {
        /// What their names begin with
        #[arg(default_value = "")]
        prefix: String,
    },
    /// Make a new version, active at once; what is stored is sealed again by a job
    Rotate {
        /// Name or id
        name: String,
        /// Leave what is stored under older versions as it is for now
        #[arg(long)]
        no_reencrypt: bool,
        /// Only if this version is active
        #[arg(long, value_name = "VERSION")]
        expected_version: Option<u32>,
        /// Seal at most so many stored values again a second
        #[arg(long, value_name = "VALUES")]
        rate: Option<u32>,
        /// Do not wait for the job
        #[arg(long)]
        no_wait: bool,
    },
    /// Seal a value from standard input or a file, and write `sr1.…`; or, with --in and --out, a file of any length
    Encrypt {
        /// Name or id
        name: String,
        /// Its context.
        #[command(flatten)]
        contexts: Contexts,
        /// The value.
        #[command(flatten)]
        given: Given,
        /// The file.
        #[command(flatten)]
        files: Files,
    },
    /// Open a sealed value from standard input or a file, and write it, exactly; or, with --in and --out, a file of any length
    Decrypt {
        /// Name or id
        name: String,
        /// Its context.
        #[command(flatten)]
        contexts: Contexts,
        /// The sealed value.
        #[command(flatten)]
        given: Given,
        /// Also open what a compromised version sealed
        #[arg(long)]
        compromised: bool,
        /// The file.
        #[command(flatten)]
        files: Files,
    },
    /// Seal sealed values again under the active version: one a line, in and out; the plaintext never leaves the server
    Rewrap {
        /// Name or id
        name: String,
        /// Their context.
        #[command(flatten)]
        contexts: Contexts,
        /// The sealed values.
        #[command(flatten)]
        given: Given,
    },
    /// Make a data key, with which an application encrypts by itself
    Datakey {
        /// Name or id
        name: String,
        /// Its context.
        #[command(flatten)]
        contexts: Contexts,
        /// Answer the sealed data key only
        #[arg(long)]
        sealed_only: bool,
    },
    /// Draw random bytes; writes them exactly
    Random {
        /// How many
        #[arg(default_value_t = 32)]
        bytes: u32,
    },
    /// Make the MAC of a message from standard input or a file
    Mac {
        /// Name or id
        name: String,
        /// The message.
        #[command(flatten)]
        given: Given,
    },
    /// Sign a message from standard input or a file
    Sign {
        /// Name or id
        name: String,
        /// The message.
        #[command(flatten)]
        given: Given,
    },
    /// Take over a key that you bring, from a file or standard input; it leaves this machine wrapped only
    Import {
        /// The key's name; of one that is there it becomes the new active version
        name: String,
        /// The file: 32 bytes; to sign, and for columns under RSA, PKCS#8 in DER
        file: Option<PathBuf>,
        /// What a new key is for
        #[arg(long, value_enum)]
        purpose: Option<Purpose>,
        /// What MACs or signatures are made with, or column encryption keys wrapped
        #[arg(long, value_name = "ALGORITHM")]
        algorithm: Option<String>,
        /// Leave what is stored under older versions as it is for now
        #[arg(long)]
        no_reencrypt: bool,
    },
    /// Check the MAC or the signature of a message from standard input or a file (exit code 7 when it is wrong)
    Verify {
        /// Name or id
        name: String,
        /// What `key mac` wrote: version, colon, base64
        #[arg(long, required_unless_present = "signature", conflicts_with = "signature")]
        mac: Option<String>,
        /// What `key sign` wrote: version, colon, base64
        #[arg(long)]
        signature: Option<String>,
        /// The message.
        #[command(flatten)]
        given: Given,
    },
    /// Activate, deactivate, suspend or resume a version, or declare it compromised
    State {
        /// Name or id
        name: String,
        /// Which version
        version: u32,
        /// What is done to it
        #[arg(value_enum)]
        step: Step,
    },
    /// Limit how often each version may protect something; opening and verifying are never limited
    Limit {
        /// Name or id
        name: String,
        /// How often; `none` for as often as one likes
        #[arg(value_name = "USES|none", value_parser = uses)]
        limit: Uses,
    },
    /// Destroy a version, after a time in which `undestroy` takes it back
    Destroy {
        /// Name or id
        name: String,
        /// Which version; not the active one
        version: u32,
        /// How long it can be taken back: a number with s, m, h or d
        #[arg(long, value_name = "TIME", default_value = "30d", value_parser = crate::input::seconds)]
        wait: u64,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Wrap the versions of a key by another protector; nothing that is sealed under them changes
    Protect {
        /// Name or id
        name: String,
        /// root, rsa:NAME, pkcs11:NAME, plugin:NAME (sections of the server's configuration), password or shares
        #[arg(long, value_name = "PROTECTOR")]
        with: String,
        /// For pkcs11: the token's label
        #[arg(long, value_name = "LABEL")]
        token: Option<String>,
        /// For pkcs11: the label of the key on the token; made there when it is missing
        #[arg(long, value_name = "LABEL")]
        label: Option<String>,
        /// For shares: how many are made
        #[arg(long, value_name = "COUNT")]
        shares: Option<u8>,
        /// For shares: how many open
        #[arg(long, value_name = "COUNT")]
        threshold: Option<u8>,
        /// For a password: nothing else opens the key, so that it is locked after each start
        #[arg(long)]
        password_only: bool,
        /// For a password.
        #[command(flatten)]
        given: Given,
    },
    /// Change the password of a key; nothing that is sealed under it changes, and the old one is of no use at once
    ChangePassword {
        /// Name or id
        name: String,
        /// Read the password of now from this file instead of the prompt
        #[arg(long, value_name = "FILE", requires = "new_password_file")]
        password_file: Option<PathBuf>,
        /// Read the new password from this file instead of the prompt
        #[arg(long, value_name = "FILE", requires = "password_file")]
        new_password_file: Option<PathBuf>,
    },
    /// Open the protector of a key; a password or shares are read from standard input, a file or the prompt
    Unlock {
        /// Name or id
        name: String,
        /// The protector needs no person: read nothing
        #[arg(long)]
        unattended: bool,
        /// For a password or shares.
        #[command(flatten)]
        given: Given,
    },
    /// Take the end of a version back
    Undestroy {
        /// Name or id
        name: String,
        /// Which version
        version: u32,
    },
}

/// `job`.
#[derive(Debug, Subcommand)]
pub enum Job {
    /// List jobs, and how far they are
    List,
    /// Show how far a job is
    Show {
        /// Its id
        id: String,
        /// Stay until it has ended, with a bar
        #[arg(long)]
        wait: bool,
    },
    /// Stop a job for now
    Pause {
        /// Its id
        id: String,
    },
    /// Let a job go on
    Resume {
        /// Its id
        id: String,
    },
}

/// `NAME=FILE`.
pub fn file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.to_owned(), file.into())),
        _ => Err("write it as NAME=FILE".to_owned()),
    }
}

/// A usage limit, or that there is none.
#[derive(Debug, Clone, Copy)]
pub struct Uses(pub Option<u64>);

fn uses(text: &str) -> Result<Uses, String> {
    match text {
        "none" => Ok(Uses(None)),
        _ => text.parse().map(|uses| Uses(Some(uses))).map_err(|_| "write a number, or none".to_owned()),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=TEXT")?;
    Ok((name.to_owned(), value.to_owned()))
}
