//! `credential`: what a person, or a component, can type.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Given;

/// `credential`.
#[derive(Debug, Subcommand)]
pub enum Credential {
    /// Store a value: a new credential, or another value of one that is there
    Set {
        /// Name or id
        name: String,
        /// To whom it belongs: one that is there to those it is bound to, all of them.
        #[command(flatten)]
        owner: OwnedBy,
        /// The value.
        #[command(flatten)]
        given: Given,
        /// Only if its revision is this one; 0: only if there is no such credential
        #[arg(long, value_name = "REVISION")]
        if_revision: Option<u32>,
    },
    /// Write the value, exactly, to standard output; run as the account it belongs to
    Get {
        /// Name or id
        name: String,
        /// How the account reaches the server, and its key.
        #[command(flatten)]
        account: AsAccount,
    },
    /// Have the value sealed to a key in this account's home from now on; run as the account it belongs to
    Enroll {
        /// Name or id
        name: String,
        /// How the account reaches the server, and its key.
        #[command(flatten)]
        account: AsAccount,
        /// The key that the account is enrolled with, to have another one take its place
        #[arg(long, value_name = "FILE")]
        old_key_file: Option<PathBuf>,
    },
    /// Show what is known about a credential, and whether its binding holds; never the value
    Show {
        /// Name or id
        name: String,
    },
    /// List credentials, without their values
    List {
        /// What their names begin with
        #[arg(default_value = "")]
        prefix: String,
    },
    /// Bind it to those named, and to nobody else; when none is named, as before to its account as it is today: a new uid, another
    /// host, a lost key
    Rebind {
        /// Name or id
        name: String,
        /// To whom it belongs from now on.
        #[command(flatten)]
        owner: OwnedBy,
        /// Only if its revision is this one
        #[arg(long, value_name = "REVISION")]
        if_revision: Option<u32>,
    },
    /// Delete a credential for good
    Delete {
        /// Name or id
        name: String,
        /// Only if its revision is this one
        #[arg(long, value_name = "REVISION")]
        if_revision: Option<u32>,
    },
}

/// To whom a credential belongs.
#[derive(Debug, Args)]
pub struct OwnedBy {
    /// The account that the component runs under, on the server's host
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// SHA-256 of the public key of the component's client certificate, as sha256:<64 hexadecimal digits>; can be repeated
    #[arg(long = "certificate", value_name = "PIN")]
    pub certificates: Vec<String>,
}

/// How an account reaches the server, and its key.
#[derive(Debug, Args)]
pub struct AsAccount {
    /// The server's socket for accounts; default STRONGROOM_ACCOUNTS_SOCKET, then /run/strongroom/accounts.sock
    #[arg(long, value_name = "PATH")]
    pub accounts_socket: Option<PathBuf>,
    /// The account's key; default strongroom/credential.key in XDG_DATA_HOME or ~/.local/share
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Over TLS instead: the component's certificate in PEM; default STRONGROOM_CLIENT_CERTIFICATE
    #[arg(long, value_name = "FILE", conflicts_with = "accounts_socket")]
    pub client_certificate: Option<PathBuf>,
    /// The certificate's private key in PEM, which nobody else may read; default STRONGROOM_CLIENT_KEY
    #[arg(long, value_name = "FILE", conflicts_with = "accounts_socket")]
    pub client_key: Option<PathBuf>,
}
