//! What a person can type.

mod column;
mod credential;
mod import;
mod key;
mod proxy;
mod setting;
mod transaction;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use column::{
    CellMode, Column, ColumnCell, ColumnDisable, ColumnEnable, ColumnKeys, ColumnSetup, Database, Inspection, Names,
};
pub use credential::{AsAccount, Credential, OwnedBy};
pub use import::{Convert, Form, Import};
pub use key::{Contexts, Files, Job, Key, Purpose, Step};
pub use proxy::{ColumnEncryption, Proxy};
pub use setting::{Class, Setting, SettingsForm, ValueType};
pub use transaction::{Tx, TxState};

const AFTER: &str = "\
The server is found by --data DIR (its socket), else --address, else STRONGROOM_ADDR, else /var/lib/strongroom.
Over TCP a token is needed in STRONGROOM_TOKEN, and STRONGROOM_PIN or STRONGROOM_CA to recognise the server.

Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 denied, 5 conflict, 6 locked or unreachable, 7 integrity, 8 findings.";

/// Keeps keys and secrets; encrypts other programs' data at rest.
#[derive(Debug, Parser)]
#[command(name = "strongroom", version, after_help = AFTER)]
pub struct CommandLine {
    /// Flags that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes, anywhere on the line.
#[derive(Debug, Args)]
pub struct Global {
    /// The data directory; its socket reaches the server on this machine
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The server over TLS
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// Write JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server; the first start makes a new instance in the data directory
    Serve(Serve),
    /// Show the state of the server
    Status,
    /// Say what is wrong and how to mend it (exit code 8 when something is)
    Doctor,
    /// Tell what is encrypted, under which key, and what lies in clear and why (exit code 8 when something should not)
    Coverage,
    /// Tell the whole story in a folder of its own and leave nothing behind
    Demo,
    /// Open the root key with a password from standard input, a file or the prompt
    Unlock(Given),
    /// Wipe the keys from the server's memory
    Lock,
    /// Passwords and credentials for other systems
    #[command(subcommand)]
    Secret(Secret),
    /// Keys for applications, and the life of every key
    #[command(subcommand)]
    Key(Key),
    /// Transactions of a provisioning system: requests, steps, how to undo them
    #[command(subcommand)]
    Tx(Tx),
    /// Settings of a provisioning system: a registry of names and typed values
    #[command(subcommand)]
    Setting(Setting),
    /// Credentials of components: each is read only by the account that the component runs under
    #[command(subcommand)]
    Credential(Credential),
    /// Encrypted columns of databases
    #[command(subcommand)]
    Column(Column),
    /// Stand between applications and PostgreSQL: they see encrypted columns decrypted
    Proxy(Proxy),
    /// What the server works on in the background
    #[command(subcommand)]
    Job(Job),
    /// The ways in which the root key is wrapped
    #[command(subcommand)]
    Protector(Protector),
    /// Access tokens for use over TCP
    #[command(subcommand)]
    Token(Token),
    /// The epoch that is remembered outside the data directory
    #[command(subcommand)]
    Anchor(Anchor),
    /// The audit trail
    #[command(subcommand)]
    Audit(Audit),
    /// Records that failed verification and are kept aside
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// The store below
    #[command(subcommand)]
    Store(Store),
    /// Take secrets over from another system's file; can be repeated
    Import(Import),
    /// Seal what was imported in clear under a new version of the key for secrets, whose protector is chosen
    Convert(Convert),
    /// Verify every record now
    Verify,
    /// Changes of the program
    #[command(subcommand)]
    Upgrade(Upgrade),
    /// The configuration file
    #[command(subcommand)]
    Config(Config),
    /// Print the OpenAPI document of the HTTP interface
    Openapi,
    /// This program as a plug-in of another server
    #[command(subcommand)]
    ProtectorPlugin(ProtectorPlugin),
    /// Load a PKCS#11 module for the server
    #[command(hide = true)]
    ProtectorChild {
        /// What the child process is for
        #[arg(value_parser = ["pkcs11"])]
        service: String,
    },
    /// Print reference documentation
    #[command(subcommand, hide = true)]
    Reference(Reference),
    /// Print a completion script for a shell
    Completion {
        /// The shell
        shell: Shell,
    },
}

/// `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Configuration file (TOML); environment and flags weigh more
    #[arg(long, value_name = "FILE", env = "STRONGROOM_CONFIG")]
    pub config: Option<PathBuf>,
    /// Also listen on TCP with TLS; port 0 takes a free port, shown by `status` and in DIR/address
    #[arg(long, value_name = "ADDRESS:PORT", env = "STRONGROOM_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Also make a socket at this absolute path, on which other accounts read their credentials; its folder is made if missing
    #[arg(long, value_name = "PATH", env = "STRONGROOM_ACCOUNTS_SOCKET")]
    pub accounts_socket: Option<PathBuf>,
    /// TLS certificate (PEM); without it one is made
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// What follows concerns files outside the data directory.
    #[command(flatten)]
    pub places: Places,
    /// Make and heal no protector bound to this host
    #[arg(long)]
    pub no_machine_protector: bool,
    /// Open the key NAME, which a password protects, with the password in this file; may be given several times
    #[arg(long = "key-password-file", value_name = "NAME=FILE", value_parser = key::file)]
    pub key_password_files: Vec<(String, PathBuf)>,
}

/// Where files outside the data directory lie.
#[derive(Debug, Args)]
pub struct Places {
    /// Where the newest epoch is remembered; outside the data directory
    #[arg(long, value_name = "DIR", env = "STRONGROOM_ANCHOR_DIR")]
    pub anchor_dir: Option<PathBuf>,
    /// Where the audit trail is written; default DIR/audit
    #[arg(long, value_name = "DIR", env = "STRONGROOM_AUDIT_DIR")]
    pub audit_dir: Option<PathBuf>,
    /// The file that identifies this host; default /etc/machine-id
    #[arg(long, value_name = "FILE", env = "STRONGROOM_MACHINE_ID_FILE")]
    pub machine_id_file: Option<PathBuf>,
}

/// A secret that is given: standard input, a file, or the prompt of a terminal.
#[derive(Debug, Args)]
pub struct Given {
    /// Read it from this file instead of standard input
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `secret`.
#[derive(Debug, Subcommand)]
pub enum Secret {
    /// Store a value: a new secret, or a new version of one under the same id
    Put {
        /// Name or id
        name: String,
        /// The value.
        #[command(flatten)]
        given: Given,
        /// Only if the current version is this one; 0: only if there is none
        #[arg(long, value_name = "VERSION")]
        expected_version: Option<u32>,
        /// How many versions to keep
        #[arg(long, value_name = "COUNT")]
        keep: Option<u32>,
    },
    /// Write the value, exactly, to standard output
    Get {
        /// Name or id
        name: String,
        /// An earlier version
        #[arg(long)]
        version: Option<u32>,
    },
    /// Show what is known about a secret, without its value
    Show {
        /// Name or id
        name: String,
    },
    /// List secrets
    List {
        /// What their names begin with
        #[arg(default_value = "")]
        prefix: String,
        /// Deleted ones too, which can be undeleted
        #[arg(long)]
        deleted: bool,
    },
    /// Give a secret another name; its id stays
    Rename {
        /// Name or id
        name: String,
        /// The new name
        new_name: String,
    },
    /// Delete a secret; `undelete` takes it back for a time
    Delete {
        /// Name or id
        name: String,
        /// Only if the current version is this one
        #[arg(long, value_name = "VERSION")]
        expected_version: Option<u32>,
    },
    /// Take a deletion back
    Undelete {
        /// Name or id
        name: String,
    },
    /// Destroy a secret, or one version of it, for good
    Destroy {
        /// Name or id
        name: String,
        /// Only this version
        #[arg(long)]
        version: Option<u32>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// `protector`.
#[derive(Debug, Subcommand)]
pub enum Protector {
    /// List them: what each is bound to, when it last opened, its state
    List,
    /// Add one
    Add {
        /// account, machine, password, shares, rsa:NAME, pkcs11:NAME or plugin:NAME; NAME is a section of the server's configuration
        #[arg(value_name = "KIND", value_parser = crate::command::protector::what)]
        what: crate::command::protector::What,
        /// For a password.
        #[command(flatten)]
        given: Given,
        /// For pkcs11: the label of the token
        #[arg(long, value_name = "LABEL")]
        token: Option<String>,
        /// For pkcs11: the label of the key on the token; it is made when it is missing
        #[arg(long, value_name = "LABEL")]
        label: Option<String>,
        /// For shares: how many are made
        #[arg(long, value_name = "NUMBER")]
        shares: Option<u8>,
        /// For shares: how many of them open
        #[arg(long, value_name = "NUMBER")]
        threshold: Option<u8>,
    },
    /// Drop one; another must have opened since the server started
    Drop {
        /// Kind, kind:NAME or id
        protector: String,
        /// Accept that the server will need a person at every start
        #[arg(long)]
        attended_start: bool,
    },
    /// Prove that one opens; a password, or shares, one in each line, are read from standard input, a file or the prompt
    Prove {
        /// Kind, kind:NAME or id
        protector: String,
        /// For a password or shares.
        #[command(flatten)]
        given: Given,
    },
    /// Make a broken or tampered one anew, with another password, with other shares
    Replace {
        /// Kind, kind:NAME or id
        protector: String,
        /// For a password.
        #[command(flatten)]
        given: Given,
    },
}

/// `protector-plugin`: what a plug-in of another server runs, see docs/guide/plugins.md.
#[derive(Debug, Subcommand)]
pub enum ProtectorPlugin {
    /// Wrap by a key of the server that --address or --data names; one question on standard input, one answer on standard output
    Remote(Remote),
}

/// `protector-plugin remote`.
#[derive(Debug, Args)]
pub struct Remote {
    /// The key, of purpose values
    #[arg(long, value_name = "NAME")]
    pub key: String,
    /// A file with a token for the key, that only its owner can read; for --address
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The server's pin, as `strongroom status` prints it there; for --address
    #[arg(long, value_name = "PIN")]
    pub pin: Option<String>,
    /// The certificate of the authority that vouches for the server, in place of a pin
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

/// The roles of tokens.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Role {
    /// Everything but the root key and its protectors
    Admin,
    /// Reads and changes secrets
    Data,
    /// Reads secrets
    Read,
    /// Opens column encryption keys, and nothing else: for `strongroom proxy`
    Columns,
}

/// `token`.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Issue one; it is shown this once
    Issue {
        /// What its holder may do
        #[arg(long)]
        role: Role,
        /// When it ends: a number with s, m, h or d
        #[arg(long, value_name = "TIME", default_value = "8h", value_parser = crate::input::seconds)]
        expires: u64,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// List those that were issued
    List,
    /// Revoke one, at once
    Revoke {
        /// Its id
        id: String,
    },
}

/// `anchor`.
#[derive(Debug, Subcommand)]
pub enum Anchor {
    /// Accept the store as it is although anchor or trail remember more; offline, says what is lost
    Accept {
        /// The epoch the store is at; without it, only what would be lost is shown
        #[arg(long, value_name = "EPOCH")]
        epoch: Option<u64>,
        /// The configuration file that `serve` is given
        #[arg(long, value_name = "FILE", env = "STRONGROOM_CONFIG")]
        config: Option<PathBuf>,
        /// A file with a password protector's password, when no other opens
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Where files outside the data directory lie.
        #[command(flatten)]
        places: Places,
    },
}

/// `audit`.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Find lines of the trail
    Search {
        /// Only this operation; a final * matches the rest
        #[arg(long)]
        operation: Option<String>,
        /// Only this principal
        #[arg(long)]
        principal: Option<String>,
        /// Only this target
        #[arg(long)]
        target: Option<String>,
        /// Only this request
        #[arg(long)]
        request: Option<String>,
        /// Not before this time (RFC 3339)
        #[arg(long)]
        since: Option<String>,
        /// At most so many, the newest
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Show the newest lines
    Tail {
        /// How many
        #[arg(default_value_t = 20)]
        lines: u32,
    },
    /// Verify a trail from its files alone
    Verify {
        /// The folder of the trail; default DIR/audit
        #[arg(long, value_name = "DIR")]
        trail: Option<PathBuf>,
        /// The public key 0 that was printed at the first start, in hex
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
    },
}

/// How a quarantined record is released.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Release {
    /// Check it again; it is served if it is right now
    Recheck,
    /// Accept its authentic older generation
    AcceptOlder,
    /// Give it up
    Delete,
}

/// `quarantine`.
#[derive(Debug, Subcommand)]
pub enum Quarantine {
    /// List them (exit code 8 when there are any)
    List,
    /// Check one again, accept its older generation, or give it up
    Release {
        /// As `quarantine list` shows it
        record: String,
        /// How
        #[arg(long, value_enum, default_value_t = Release::Recheck)]
        how: Release,
    },
}

/// `store`.
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Remove old bytes from the store's files
    Scrub,
    /// Verify every record now
    Verify,
}

/// `upgrade`.
#[derive(Debug, Subcommand)]
pub enum Upgrade {
    /// Accept that the program has changed
    Accept,
}

/// `config`.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Check a configuration file
    Check {
        /// The file
        file: PathBuf,
    },
}

/// `reference`.
#[derive(Debug, Subcommand)]
pub enum Reference {
    /// The command line, as Markdown
    Cli,
    /// The error codes, as Markdown
    Errors,
}
