//! The proxy's own connection to each database: verifiers of roles, the catalogue and its signed manifest, the heartbeat.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Connection, Socket};

use super::heartbeat::{Identity, Reach};
use super::keys::KeyCache;
use super::scram::Verifier;
use crate::catalogue::{Catalogue, Loader};
use crate::connect::{self, Dsn, Encrypted};

/// How many databases one proxy looks after.
const DATABASES: usize = 64;
/// How many of them may be such as were never reached: whoever is not logged in yet may name what there is not.
const TRIED: usize = 16;
/// How often the catalogue is compared with the database when nothing was heard.
const LOOK: Duration = Duration::from_secs(1);
/// After so many looks it is read anew, whether it differs or not.
const LOOKS: u32 = 10;
/// How often the proxy says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long somebody waits for the first connection, a verifier, or a catalogue read anew.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(500);

/// What is known of a database now.
pub struct Live {
    /// Its classes and names.
    pub catalogue: Arc<Catalogue>,
    client: Arc<Client>,
}

/// Why a database cannot be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ControlError {
    /// The connection or what it was asked failed.
    #[error("{0}")]
    Failed(String),
    /// It took too long.
    #[error("no answer in time")]
    Late,
    /// There are too many databases.
    #[error("this proxy looks after {DATABASES} databases already")]
    Many,
    /// Too many that may not be there are asked for.
    #[error("too many databases are being tried at this moment; try again")]
    Busy,
}

/// What all databases of a proxy have in common.
pub struct Common {
    /// Where the server is, and who the proxy is there.
    pub dsn: Dsn,
    /// Knows whose signature a manifest has, and which was the newest.
    pub loader: Loader,
    /// Under which name the heartbeat is written.
    pub identity: Identity,
    /// The keys that the proxy can reach, for the heartbeat.
    pub keys: Arc<KeyCache>,
}

/// The databases that somebody asked for.
pub struct Databases {
    common: Arc<Common>,
    known: Mutex<HashMap<String, Arc<Database>>>,
    tasks: Mutex<JoinSet<()>>,
}

/// What a database knows of a role that wants to begin a session.
#[derive(Default)]
pub struct Role {
    /// What proves its password; none when there is no such role, or it has no password for SCRAM.
    pub verifier: Option<Verifier>,
    /// The settings its sessions in this database begin with (`ALTER ROLE … SET`, `ALTER DATABASE … SET`); the last of a name counts.
    pub settings: Vec<(String, String)>,
}

/// One database.
pub struct Database {
    live: watch::Receiver<Option<Arc<Live>>>,
    trouble: watch::Receiver<Option<ControlError>>,
    again: Arc<Notify>,
    rounds: watch::Receiver<u64>,
}

impl Databases {
    /// None so far.
    #[must_use]
    pub fn new(common: Common) -> Self {
        Self { common: Arc::new(common), known: Mutex::new(HashMap::new()), tasks: Mutex::new(JoinSet::new()) }
    }

    /// The database of this name; looked after from now on.
    pub fn get(&self, name: &str) -> Result<Arc<Database>, ControlError> {
        let mut known = self.known.lock();
        // One that cannot be looked at (there is none of this name, say) leaves its place to others.
        known.retain(|_, database| database.trouble.has_changed().is_ok());
        if let Some(database) = known.get(name) {
            return Ok(Arc::clone(database));
        }
        if known.len() >= DATABASES {
            return Err(ControlError::Many);
        }
        if known.values().filter(|database| database.live.borrow().is_none()).count() >= TRIED {
            return Err(ControlError::Busy);
        }
        let (tell_live, live) = watch::channel(None);
        let (tell_trouble, trouble) = watch::channel(None);
        let (tell_rounds, rounds) = watch::channel(0);
        let again = Arc::new(Notify::new());
        let keeper = Keeper {
            name: name.to_owned(),
            common: Arc::clone(&self.common),
            live: tell_live,
            trouble: tell_trouble,
            rounds: tell_rounds,
            again: Arc::clone(&again),
        };
        let mut tasks = self.tasks.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(keeper.run());
        let database = Arc::new(Database { live, trouble, again, rounds });
        known.insert(name.to_owned(), Arc::clone(&database));
        Ok(database)
    }

    /// Has every catalogue read anew.
    pub fn reload(&self) {
        for database in self.known.lock().values() {
            database.again.notify_one();
        }
    }
}

impl Database {
    /// What is known of it, and news of it.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<Arc<Live>>> {
        self.live.clone()
    }

    /// What the database knows of a role, also when there is none of this name.
    pub async fn role(&self, name: &str) -> Result<Role, ControlError> {
        let live = self.live().await?;
        let parameters: [&(dyn ToSql + Sync); 1] = [&name];
        let asked =
            timeout(PATIENCE, live.client.query_opt(ROLE, &parameters)).await.map_err(|_| ControlError::Late)?;
        let Some(row) = asked.map_err(|error| failed(&error))? else { return Ok(Role::default()) };
        let verifier: Option<String> = row.try_get(0).map_err(|error| failed(&error))?;
        let settings: Vec<String> = row.try_get(1).map_err(|error| failed(&error))?;
        let setting = |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Role {
            verifier: verifier.as_deref().and_then(Verifier::parse),
            settings: settings.iter().filter_map(setting).collect(),
        })
    }

    /// Has the catalogue read anew, and waits for it: what it answers was read after it was asked.
    pub async fn reload(&self) -> Result<Arc<Live>, ControlError> {
        let mut rounds = self.rounds.clone();
        // A reading that is under way may have begun before: the one after it has not.
        let enough = rounds.borrow_and_update().wrapping_add(2);
        let again = async {
            loop {
                self.again.notify_one();
                let round = *rounds.borrow_and_update();
                if round >= enough {
                    return Ok(());
                }
                rounds.changed().await.map_err(|_| ControlError::Failed("nobody looks at the database".to_owned()))?;
            }
        };
        timeout(PATIENCE, again).await.map_err(|_| ControlError::Late)??;
        self.live.borrow().clone().ok_or(ControlError::Late)
    }

    async fn live(&self) -> Result<Arc<Live>, ControlError> {
        let mut live = self.live.clone();
        let mut trouble = self.trouble.clone();
        // After trouble the sender may be gone, with what it said last still to be read.
        let found = async { live.wait_for(Option::is_some).await.ok().and_then(|found| found.clone()) };
        let wrong = async { trouble.wait_for(Option::is_some).await.ok().and_then(|wrong| wrong.clone()) };
        let wait = async {
            tokio::select! {
                biased;
                Some(found) = found => Ok(found),
                Some(wrong) = wrong => Err(wrong),
                else => Err(ControlError::Late),
            }
        };
        timeout(PATIENCE, wait).await.map_err(|_| ControlError::Late)?
    }
}

/// In the order in which PostgreSQL has one take the place of another: for all, for the database, for the role, for both.
const ROLE: &str = "
SELECT strongroom.scram_verifier($1),
       ARRAY (SELECT u.setting
                FROM pg_catalog.pg_db_role_setting s
                LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
                LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
                CROSS JOIN LATERAL unnest(s.setconfig) WITH ORDINALITY AS u (setting, place)
               WHERE (s.setrole = 0 OR r.rolname = $1) AND (s.setdatabase = 0 OR d.datname = current_database())
               ORDER BY s.setrole <> 0, s.setdatabase <> 0, u.place)";

/// Looks after one database for as long as the proxy runs.
struct Keeper {
    name: String,
    common: Arc<Common>,
    live: watch::Sender<Option<Arc<Live>>>,
    trouble: watch::Sender<Option<ControlError>>,
    rounds: watch::Sender<u64>,
    again: Arc<Notify>,
}

impl Keeper {
    async fn run(self) {
        let mut ever = false;
        loop {
            match self.look_after(&mut ever).await {
                // Never reached, nothing to look after: whoever asks next begins anew.
                Err(error) if !ever => {
                    self.trouble.send_replace(Some(error));
                    return;
                }
                Err(error) => {
                    self.trouble.send_replace(Some(error));
                    // Sessions keep what they know of the catalogue; new ones wait for the connection.
                    sleep(PAUSE).await;
                }
                Ok(()) => {}
            }
        }
    }

    /// Two connections: a catalogue is read in a transaction, in which nothing else may be asked meanwhile.
    async fn look_after(&self, ever: &mut bool) -> Result<(), ControlError> {
        let dsn = self.common.dsn.with_database(&self.name);
        let (reader, mut reading) = open(&dsn).await?;
        let (client, mut connection) = open(&dsn).await?;
        let client = Arc::new(client);
        tokio::select! {
            ended = drive(&mut reading, &self.again) => Err(ended),
            ended = drive(&mut connection, &self.again) => Err(ended),
            ended = self.watch(&reader, &client, ever) => ended,
            ended = self.heartbeat(&client) => ended,
        }
    }

    /// Tells every now and then that the proxy is there. A key server that is slow to answer holds up nothing else.
    async fn heartbeat(&self, client: &Client) -> Result<(), ControlError> {
        let Common { identity, keys, .. } = &*self.common;
        let mut reach = Reach::default();
        let mut live = self.live.subscribe();
        loop {
            let current = live.wait_for(Option::is_some).await.map_err(|_| ControlError::Late)?.clone();
            if let Some(current) = current {
                let told = reach.tell(client, identity, keys, &current.catalogue).await;
                // A database that takes no writes now, a standby say, is still read; one that is gone is not.
                told.or_else(|error| if client.is_closed() { Err(failed(&error)) } else { Ok(()) })?;
            }
            sleep(HEARTBEAT).await;
        }
    }

    async fn watch(&self, reader: &Client, client: &Arc<Client>, ever: &mut bool) -> Result<(), ControlError> {
        reader.batch_execute("listen strongroom").await.map_err(|error| failed(&error))?;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut current = self.read(reader, client, None).await?;
        *ever = true;
        let mut looks: u32 = 0;
        loop {
            tokio::select! {
                () = self.again.notified() => current = self.read(reader, client, Some(current)).await?,
                _ = look.tick() => {
                    looks = looks.wrapping_add(1);
                    // New views and partitions make no difference, but have names.
                    if looks.is_multiple_of(LOOKS) || self.differs(reader, &current).await? {
                        current = self.read(reader, client, Some(current)).await?;
                    }
                }
            }
        }
    }

    async fn differs(&self, reader: &Client, current: &Catalogue) -> Result<bool, ControlError> {
        let rows = reader.simple_query(current.check()).await.map_err(|error| failed(&error))?;
        let differs = rows.iter().any(|row| matches!(row, tokio_postgres::SimpleQueryMessage::Row(_)));
        Ok(differs != current.refused().is_some())
    }

    /// Reads the catalogue. Sessions hear of it when it is another one.
    async fn read(
        &self,
        reader: &Client,
        client: &Arc<Client>,
        current: Option<Arc<Catalogue>>,
    ) -> Result<Arc<Catalogue>, ControlError> {
        let catalogue =
            self.common.loader.load(reader).await.map_err(|error| ControlError::Failed(error.to_string()))?;
        if let Some(current) = current.filter(|current| **current == catalogue) {
            self.rounds.send_modify(|round| *round += 1);
            return Ok(current);
        }
        let catalogue = Arc::new(catalogue);
        let live = Live { catalogue: Arc::clone(&catalogue), client: Arc::clone(client) };
        self.trouble.send_replace(None);
        self.live.send_replace(Some(Arc::new(live)));
        self.rounds.send_modify(|round| *round += 1);
        Ok(catalogue)
    }
}

async fn open(dsn: &Dsn) -> Result<connect::Opened, ControlError> {
    let opened = timeout(PATIENCE, connect::open(dsn)).await.map_err(|_| ControlError::Late)?;
    opened.map_err(|error| failed(&error))
}

/// Drives a connection until it ends, and tells of what it is notified.
async fn drive(connection: &mut Connection<Socket, Encrypted>, again: &Notify) -> ControlError {
    std::future::poll_fn(|context| {
        loop {
            match std::task::ready!(connection.poll_message(context)) {
                Some(Ok(AsyncMessage::Notification(_))) => again.notify_one(),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(failed(&error)),
                None => return Poll::Ready(ControlError::Failed("the connection has ended".to_owned())),
            }
        }
    })
    .await
}

/// The server's own words, without the statement.
fn failed(error: &tokio_postgres::Error) -> ControlError {
    let text = match error.as_db_error() {
        Some(answer) => format!("{} ({})", answer.message(), answer.code().code()),
        None => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(deeper) = source {
                text = format!("{text}: {deeper}");
                source = deeper.source();
            }
            text
        }
    };
    ControlError::Failed(text)
}
