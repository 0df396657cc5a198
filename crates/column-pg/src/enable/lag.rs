//! Standbys that fall behind: what fills a table waits for them, so that they do not show old rows for long, and who takes over has
//! little to catch up with.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::error::EnableError;
use super::machine::Work;

/// How far behind standbys may be.
pub(super) struct Lag {
    most: Option<u64>,
    looked: Option<Instant>,
    told: bool,
}

impl Lag {
    /// At most so many bytes of the write-ahead log; `None` is as far as they like.
    pub(super) fn new(most: Option<u64>) -> Self {
        Self { most, looked: None, told: false }
    }

    /// Waits until no standby is further behind.
    pub(super) async fn wait<S>(&mut self, work: &Work<'_, S>, rows: u64, since: Instant) -> Result<(), EnableError> {
        let Some(most) = self.most else { return Ok(()) };
        let client = &work.writer.client;
        match self.looked {
            Some(looked) if looked.elapsed() < LOOK => return Ok(()),
            Some(_) => {}
            None => tell_of_hidden(work).await?,
        }
        while let Some(standby) = furthest(client).await?.filter(|standby| standby.behind > most) {
            if !self.told {
                self.told = true;
                let Standby { name, behind } = standby;
                work.observer.remark(&format!(
                    "{}.{} waits now and then for standbys: {name} is {} MiB of the write-ahead log behind (--max-standby-lag)",
                    work.plan.schema,
                    work.plan.name,
                    behind >> 20
                ));
            }
            work.tell("wait for standbys", rows, since);
            tokio::time::sleep(PAUSE).await;
        }
        self.looked = Some(Instant::now());
        Ok(())
    }
}

struct Standby {
    name: String,
    behind: u64,
}

/// The standby that is furthest behind in replaying.
async fn furthest(client: &Client) -> Result<Option<Standby>, EnableError> {
    let failed = EnableError::while_("look at the standbys");
    let Some(row) = client.query_opt(FURTHEST, &[]).await.map_err(&failed)? else { return Ok(None) };
    let behind: i64 = row.try_get(1).map_err(&failed)?;
    let name = row.try_get(0).map_err(&failed)?;
    Ok(Some(Standby { name, behind: u64::try_from(behind).unwrap_or_default() }))
}

async fn tell_of_hidden<S>(work: &Work<'_, S>) -> Result<(), EnableError> {
    let failed = EnableError::while_("look at the standbys");
    let row = work.writer.client.query_one(HIDDEN, &[]).await.map_err(&failed)?;
    if row.try_get(0).map_err(&failed)? {
        work.observer.remark("there are standbys, and this role may not see how far behind they are: they are not waited for (GRANT pg_read_all_stats)");
    }
    Ok(())
}

const FURTHEST: &str = "
SELECT coalesce(nullif(application_name, ''), host(client_addr), pid::text), pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint
  FROM pg_stat_replication r
 WHERE replay_lsn IS NOT NULL
   AND NOT EXISTS (SELECT FROM pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
 ORDER BY 2 DESC LIMIT 1";
// To whom they are hidden even their states are.
const HIDDEN: &str = "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE state IS NULL)";
const LOOK: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_millis(200);
