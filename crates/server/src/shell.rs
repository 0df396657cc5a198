//! What every request needs: the keeper, the limits, the counters.

use std::net::IpAddr;
use std::sync::atomic::AtomicBool;

use strongroom_engine::transaction::Encrypt;
use strongroom_keeper::Keeper;
use tokio::sync::Semaphore;

use crate::accounts::Accounts;
use crate::archive::Archive;
use crate::lockout::Lockout;
use crate::metrics::Metrics;
use crate::settings::Limits;

/// What every request needs.
pub(crate) struct Shell {
    pub keeper: Keeper,
    pub limits: Limits,
    pub lockout: Lockout<IpAddr>,
    /// Accounts that were refused too often on their socket.
    pub accounts_lockout: Lockout<u32>,
    /// Addresses whose client certificates were refused too often.
    pub certificates_lockout: Lockout<IpAddr>,
    /// Looks accounts up.
    pub accounts: Accounts,
    pub metrics: Metrics,
    /// One permit per request that is worked on.
    pub slots: Semaphore,
    pub stopping: AtomicBool,
    /// The account the service runs under.
    pub service_uid: u32,
    /// How many versions a new secret keeps.
    pub versions_kept: u32,
    /// Which transactions are sealed under keys of their own.
    pub transactions_encrypt: Encrypt,
    /// Where closed transactions go.
    pub archive: Archive,
    /// What `status` says of the shell itself.
    pub version: &'static str,
    pub address: Option<String>,
    pub spki_pin: Option<String>,
}
