//! A connection for statements of ours, with settings under which names and values mean one thing.

use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::error::EnableError;
use crate::connect::{self, Dsn};

/// An open connection; what drives it ends with it.
pub(super) struct Session {
    /// Statements go here.
    pub client: Client,
    driver: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Session {
    /// Opens one.
    pub async fn begin(dsn: &Dsn) -> Result<Self, EnableError> {
        let (client, connection) = connect::open(dsn).await.map_err(EnableError::while_("reach the database"))?;
        let driver = tokio::spawn(async move { drop(connection.await) });
        let session = Self { client, driver };
        session.client.batch_execute(SETTINGS).await.map_err(EnableError::while_("begin a session"))?;
        // So that the server soon ends what a killed program left behind; not every operating system lets it look.
        let _may_fail = session.client.batch_execute("SET client_connection_check_interval = '1s'").await;
        Ok(session)
    }
}

/// Names mean the system's; values have the form that normal forms are made from. Whatever takes a lock that applications feel
/// says itself how long it waits; an index that is made beside them waits for their transactions to end.
const SETTINGS: &str = "SET search_path = pg_catalog, pg_temp; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; \
    SET timezone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = 'hex'; SET client_encoding = 'UTF8'; \
    SET standard_conforming_strings = on; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
    SET lock_timeout = 0; SET jit = off";
