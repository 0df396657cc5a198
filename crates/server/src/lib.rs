//! The network shell of the keeper: listens, authenticates, translates, and forwards; decides nothing by itself.
//!
//! A request is limited, then authenticated, then measured, then parsed, in this order, and becomes one operation of the
//! keeper. Whatever is refused before that is written to the audit trail here, what comes after by the keeper.

mod accounts;
mod archive;
mod authenticate;
mod body;
mod connection;
mod door;
mod exchange;
mod health;
mod listen;
mod lockout;
mod metrics;
mod notify;
mod peer;
mod refused;
mod router;
mod routes;
mod server;
mod settings;
mod shell;
mod tls;
mod watch;

pub use server::{Addresses, Server, StartError};
pub use strongroom_engine::transaction::Encrypt;

pub use settings::{CertificateFiles, Limits, Settings};
pub use tls::TlsError;
