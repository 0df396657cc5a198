//! One session from its first packet to its end.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;

use super::control::{ControlError, Database, Live};
use super::door::{self, Arrival, Denied};
use super::frame::{self, Start};
use super::leg::{Leg, Socket};
use super::metrics::Metrics;
use super::opt_in::{self, Choice};
use super::relay::{self, Between, Broken, Nothing, Turn};
use super::scram::Proven;
use super::upstream::{self, UpstreamError};
use super::{Shared, keys, stop};
use crate::catalogue::Catalogue;
use crate::session::{Encryption, Scope, Session, Want};

/// How long a log-in may take, as PostgreSQL's `authentication_timeout`.
const LOG_IN_TIME: Duration = Duration::from_secs(60);

/// How long the last bytes of a session may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why a session ended before it began; what the client is told.
struct Refusal {
    sqlstate: &'static str,
    text: String,
    hint: Option<&'static str>,
}

impl Refusal {
    fn new(sqlstate: &'static str, text: impl Into<String>) -> Self {
        Self { sqlstate, text: text.into(), hint: None }
    }

    fn message(&self) -> Bytes {
        frame::error("FATAL", self.sqlstate, &self.text, self.hint)
    }
}

/// Serves whatever came in until it ends.
pub(super) async fn serve(socket: Socket, shared: Arc<Shared>) {
    let (client, admitted) = match timeout(LOG_IN_TIME, begin(socket, &shared)).await {
        Ok(Some(begun)) => begun,
        Ok(None) | Err(_) => return,
    };
    let _open = Open::new(&shared.metrics);
    // Also a session that begins without encryption goes through the machine: it may ask for it with SET.
    if admitted.replication {
        relay_raw(client, admitted, &shared).await;
    } else {
        relay_session(client, admitted, &shared).await;
    }
}

async fn begin(socket: Socket, shared: &Shared) -> Option<(Leg, Admitted)> {
    match door::arrive(socket, shared.client_tls().as_ref()).await.ok()? {
        Arrival::Cancel(packet) => {
            Metrics::add(&shared.metrics.cancelled);
            // The client is told nothing of a cancel, whatever becomes of it.
            let _ = shared.upstream.cancel(&packet).await;
            None
        }
        Arrival::Session { mut leg, start } => match admit(&mut leg, start, shared).await {
            Ok(admitted) => Some((leg, admitted)),
            Err(message) => {
                let _ = leg.write_all(&message).await;
                let _ = leg.shutdown().await;
                None
            }
        },
    }
}

/// What letting a client in came to.
struct Admitted {
    server: Leg,
    heard: BytesMut,
    encryption: Encryption,
    /// Whether the client speaks the protocol of replication.
    replication: bool,
    scope: Scope,
    settings: Vec<(String, String)>,
    database: Arc<Database>,
}

/// Lets a client in, or answers with the message it ends with.
async fn admit(leg: &mut Leg, start: Start, shared: &Shared) -> Result<Admitted, Bytes> {
    let Choice { start, encryption: chosen } = understood(leg, start, shared).map_err(|refusal| refusal.message())?;
    if let Some(negotiation) = start.negotiation() {
        leg.write_all(&negotiation).await.map_err(|_| Bytes::new())?;
    }
    let role = start.parameter("user").unwrap_or_default().to_owned();
    let name = start.parameter("database").unwrap_or(&role).to_owned();
    let (proven, database, of_role) = prove(leg, &role, &name, shared).await?;
    let encryption = encryption(chosen, &start, &of_role, shared).map_err(|refusal| refusal.message())?;
    let (server, heard) = enter(&start, &proven, shared).await?;
    leg.write_all(&door::authentication(0, &[])).await.map_err(|_| Bytes::new())?;
    let counter = if encryption == Encryption::Disabled { &shared.metrics.relayed } else { &shared.metrics.encrypted };
    Metrics::add(counter);
    let settings = [of_role, opt_in::settings(&start)].concat();
    let named: Vec<(&str, &str)> =
        start.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (scope, replication) = (Scope::new(&name, &role, &named), is_replication(&start));
    Ok(Admitted { server, heard, encryption, replication, scope, settings, database })
}

/// The start as the server shall see it, and whether the client asks for columns to be decrypted.
fn understood(leg: &Leg, start: Start, shared: &Shared) -> Result<Choice, Refusal> {
    if shared.rules.require_tls && leg.is_exposed() {
        let mut refusal = Refusal::new("28000", "this proxy takes connections with TLS only");
        refusal.hint = Some("Connect with sslmode=require, better verify-full.");
        return Err(refusal);
    }
    if start.parameter("user").is_none_or(str::is_empty) {
        return Err(Refusal::new("28000", "no PostgreSQL user name specified in startup packet"));
    }
    opt_in::choose(start).map_err(|wrong| Refusal::new("22023", wrong.to_string()))
}

/// Whether columns are to be decrypted, of a client that has proven who it is.
fn encryption(
    chosen: Option<Encryption>,
    start: &Start,
    of_role: &[(String, String)],
    shared: &Shared,
) -> Result<Encryption, Refusal> {
    let default = || opt_in::default(shared.rules.encryption, of_role);
    let encryption = chosen.map_or_else(default, Ok).map_err(|wrong| {
        Refusal::new("22023", format!("what ALTER ROLE or ALTER DATABASE has set for this role is not known: {wrong}"))
    })?;
    if is_replication(start) && encryption != Encryption::Disabled {
        return Err(Refusal::new(
            "0A000",
            "replication connections carry cells as they are; begin them without column encryption",
        ));
    }
    Ok(encryption)
}

/// Whether a session begins for replication.
fn is_replication(start: &Start) -> bool {
    start.parameter("replication").is_some_and(|word| !matches!(word, "false" | "off" | "no" | "0"))
}

/// What the database has set for a role's sessions.
type RoleSettings = Vec<(String, String)>;

/// Has the client prove its password against the verifier of its role.
async fn prove(
    leg: &mut Leg,
    role: &str,
    name: &str,
    shared: &Shared,
) -> Result<(Proven, Arc<Database>, RoleSettings), Bytes> {
    let found = async {
        let database = shared.databases.get(name)?;
        let known = database.role(role).await?;
        Ok((database, known))
    };
    let (database, known) = match found.await {
        Ok(found) => found,
        Err(why) => {
            let why: ControlError = why;
            let mut refusal = Refusal::new("08001", format!("the proxy cannot look at database \"{name}\": {why}"));
            refusal.hint = Some("`strongroom column setup` prepares a database for the proxy.");
            return Err(refusal.message());
        }
    };
    let tls = shared.client_tls().filter(|_| leg.is_tls());
    let verifier = known.verifier.unwrap_or_else(|| shared.pretended(role));
    match door::log_in(leg, tls.as_ref(), verifier).await {
        Ok(proven) => Ok((proven, database, known.settings)),
        Err(Denied::Io(_)) => Err(Bytes::new()),
        Err(Denied::Scram(_) | Denied::Unexpected(_)) => {
            Metrics::add(&shared.metrics.denied);
            // The same whether there is no such role, it has no password for SCRAM, or the password is wrong.
            let text = format!("password authentication failed for user \"{role}\"");
            Err(Refusal::new("28P01", text).message())
        }
    }
}

/// Begins the session at the server, as the same role.
async fn enter(start: &Start, proven: &Proven, shared: &Shared) -> Result<(Leg, BytesMut), Bytes> {
    let begun = async {
        let mut server = shared.upstream.connect().await?;
        let heard = upstream::begin(&mut server, start, proven).await?;
        Ok((server, heard))
    };
    begun.await.map_err(|error: UpstreamError| match error {
        UpstreamError::Refused { message, .. } => message,
        other => {
            Metrics::add(&shared.metrics.unreachable);
            Refusal::new("08001", other.to_string()).message()
        }
    })
}

async fn relay_raw(mut client: Leg, admitted: Admitted, shared: &Shared) {
    let Admitted { mut server, heard, .. } = admitted;
    let mut nothing = Nothing::default();
    nothing.server_bytes(&heard);
    let mut watched = shared.stopped.clone();
    let mut stopped = pin!(stop(&mut watched));
    loop {
        match moved(&mut client, &mut server, &mut nothing, &mut stopped, shared).await {
            Some(Ok(Turn::Moved)) => {}
            Some(ended) => return end(&mut client, &mut server, &mut nothing, &ended).await,
            None => return tell_stop(&mut client, &mut server).await,
        }
    }
}

/// A turn of the relay; nothing when the proxy stops. A session that is never at rest hears of that, too.
async fn moved(
    client: &mut Leg,
    server: &mut Leg,
    between: &mut impl Between,
    stopped: &mut (impl Future<Output = ()> + Unpin),
    shared: &Shared,
) -> Option<Result<Turn, Broken>> {
    tokio::select! {
        biased;
        turned = relay::turn(client, server, between), if !shared.is_stopped() => Some(turned),
        () = stopped => None,
    }
}

async fn relay_session(mut client: Leg, admitted: Admitted, shared: &Shared) {
    let Admitted { mut server, heard, encryption, scope, settings, database, .. } = admitted;
    let live = database.watch();
    let Some(catalogue) = live.borrow().as_ref().map(|live: &Arc<Live>| Arc::clone(&live.catalogue)) else {
        let text = "the proxy has lost its own connection to the database; try again";
        let _ = client.write_all(&Refusal::new("57P03", text).message()).await;
        return;
    };
    let mut session = Session::new(encryption, scope, catalogue, Arc::clone(&shared.statements));
    for (name, value) in &settings {
        session.startup_setting(name, value);
    }
    let mut machine = Machine { session, live, keys: shared.keys.generation(), shared };
    machine.server_bytes(&heard);
    let mut watched = shared.stopped.clone();
    let mut stopped = pin!(stop(&mut watched));
    loop {
        while let Some(want) = machine.session.wants() {
            machine.meet(want, &database).await;
        }
        if machine.session.finished().is_some() {
            // The reason is the last of what is for the client.
            return end(&mut client, &mut server, &mut machine, &Ok(Turn::ServerEnded)).await;
        }
        match moved(&mut client, &mut server, &mut machine, &mut stopped, shared).await {
            Some(Ok(Turn::Moved)) => {}
            Some(ended) => return end(&mut client, &mut server, &mut machine, &ended).await,
            None => return tell_stop(&mut client, &mut server).await,
        }
    }
}

/// Hands the last bytes on to whoever is still there, without waiting for one who does not read them.
async fn end(client: &mut Leg, server: &mut Leg, between: &mut impl Between, ended: &Result<Turn, Broken>) {
    let last = async {
        match ended {
            Ok(Turn::ClientEnded) | Err(Broken::Client(_)) => server.write_all(between.to_server()).await,
            Ok(Turn::ServerEnded) | Err(Broken::Server(_)) => client.write_all(between.to_client()).await,
            Ok(Turn::Moved) => Ok(()),
        }?;
        server.shutdown().await?;
        client.shutdown().await
    };
    // Nobody is left who could be told that it failed.
    let _ = timeout(LAST_WORDS, last).await;
}

async fn tell_stop(client: &mut Leg, server: &mut Leg) {
    let message = Refusal::new("57P01", "terminating connection: the proxy is stopping").message();
    let last = async {
        client.write_all(&message).await?;
        client.shutdown().await?;
        server.shutdown().await
    };
    let _ = timeout(LAST_WORDS, last).await;
}

/// The machine between the legs. Before it hears a client it learns what has changed meanwhile.
struct Machine<'a> {
    session: Session,
    live: watch::Receiver<Option<Arc<Live>>>,
    keys: u64,
    shared: &'a Shared,
}

impl Machine<'_> {
    fn refresh(&mut self) {
        if self.live.has_changed().unwrap_or(false)
            && let Some(live) = self.live.borrow_and_update().as_ref()
        {
            self.session.catalogue(Arc::clone(&live.catalogue));
        }
        let keys = self.shared.keys.generation();
        if keys != self.keys {
            self.keys = keys;
            self.session.forget_keys();
        }
    }

    async fn meet(&mut self, want: Want, database: &Database) {
        match want {
            Want::Key(class) => {
                let known = self.live.borrow().as_ref().and_then(|live| live.catalogue.key(&class.key).cloned());
                let key = match known {
                    Some(known) => self.shared.keys.key(&known).await,
                    None => Err(keys::KeyUnavailable::Unknown { key: class.key.clone() }),
                };
                self.session.key(&class, key.map_err(|error| error.for_session()));
            }
            Want::Catalogue => {
                let catalogue = match database.reload().await {
                    Ok(live) => Arc::clone(&live.catalogue),
                    Err(why) => {
                        Arc::new(Catalogue::untrusted(0, format!("the proxy cannot look at the database: {why}")))
                    }
                };
                self.live.mark_unchanged();
                self.session.fresh_catalogue(catalogue);
            }
        }
    }
}

impl Between for Machine<'_> {
    fn client_bytes(&mut self, bytes: &[u8]) {
        self.refresh();
        self.session.client_bytes(bytes);
    }

    fn server_bytes(&mut self, bytes: &[u8]) {
        self.session.server_bytes(bytes);
    }

    fn to_client(&mut self) -> &mut BytesMut {
        self.session.to_client()
    }

    fn to_server(&mut self) -> &mut BytesMut {
        self.session.to_server()
    }

    fn client_paused(&self) -> bool {
        self.session.client_paused()
    }

    fn server_paused(&self) -> bool {
        self.session.server_paused()
    }
}

/// Counts a session for as long as it lasts.
struct Open<'a>(&'a Metrics);

impl<'a> Open<'a> {
    fn new(metrics: &'a Metrics) -> Self {
        Metrics::add(&metrics.open);
        Self(metrics)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
